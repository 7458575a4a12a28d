//! Tables of documents that commands write.

use std::path::Path;

use crate::failure::{Failure, Result};

/// Replaces what stands between `<!-- table:NAME -->` and `<!-- /table:NAME -->` in a file.
pub(crate) fn update(path: &Path, name: &str, table: &str) -> Result<()> {
    let text = std::fs::read_to_string(path).map_err(|error| Failure::file(path, error))?;
    let text = replace(&text, name, table).map_err(|message| Failure::file(path, message))?;
    std::fs::write(path, text).map_err(|error| Failure::file(path, error))?;
    println!("{}: table {name} replaced", path.display());
    Ok(())
}

fn replace(text: &str, name: &str, table: &str) -> std::result::Result<String, String> {
    let (start, end) = (format!("<!-- table:{name} -->"), format!("<!-- /table:{name} -->"));
    let missing = |marker: &str| format!("expected the marker {marker}, found none");
    let (before, rest) = text.split_once(&start).ok_or_else(|| missing(&start))?;
    let (_, after) = rest.split_once(&end).ok_or_else(|| missing(&end))?;
    Ok(format!("{before}{start}\n\n{}\n\n{end}{after}", table.trim()))
}

/// The first table of `tables` with some of its rows and columns, by what their first cells say; the first column stays.
pub(crate) fn excerpt(tables: &str, rows: &[&str], columns: &[&str]) -> std::result::Result<String, String> {
    let cells = |line: &str| -> Vec<String> {
        line.trim().trim_matches('|').split('|').map(|cell| cell.trim().to_string()).collect()
    };
    let mut lines = tables.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    let (Some(head), Some(ruler)) = (lines.next().map(cells), lines.next().map(cells)) else {
        return Err("expected a table, found none".into());
    };
    let mut kept = vec![0];
    for column in columns {
        let at = head.iter().position(|name| name == column);
        kept.push(at.ok_or_else(|| format!("expected the column {column:?}, found {}", head.join(", ")))?);
    }
    let body: Vec<Vec<String>> = lines.map(cells).collect();
    let mut shown = vec![head, ruler];
    for row in rows {
        let found = body.iter().find(|cells| cells.first().is_some_and(|name| name == row));
        shown.push(found.ok_or_else(|| format!("expected the row {row:?}, found none"))?.clone());
    }
    let line = |cells: &Vec<String>| {
        let cells: Vec<&str> = kept.iter().map(|at| cells.get(*at).map_or("", String::as_str)).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    Ok(shown.iter().map(line).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_rows_and_columns_by_name() {
        let tables =
            "# T\n\n| method | a | b |\n| --- | ---: | ---: |\n| x | 1 | 2 |\n| y | 3 | **4** |\n\n| method | c |\n";
        assert_eq!(excerpt(tables, &["y"], &["b"]).unwrap(), "| method | b |\n| --- | ---: |\n| y | **4** |\n");
        assert!(excerpt(tables, &["z"], &["b"]).unwrap_err().contains("\"z\""));
        assert!(excerpt(tables, &["x"], &["c"]).unwrap_err().contains("\"c\""));
        assert!(excerpt("no table", &[], &[]).is_err());
    }

    #[test]
    fn only_the_table_changes() {
        let text = "# A\n<!-- table:x -->\nold\n<!-- /table:x -->\nend\n";
        let once = replace(text, "x", "| new |\n").unwrap();
        assert_eq!(once, "# A\n<!-- table:x -->\n\n| new |\n\n<!-- /table:x -->\nend\n");
        assert_eq!(replace(&once, "x", "| new |").unwrap(), once);
        assert!(replace(text, "y", "").unwrap_err().contains("<!-- table:y -->"));
        assert!(replace("<!-- table:x -->", "x", "").unwrap_err().contains("<!-- /table:x -->"));
    }
}
