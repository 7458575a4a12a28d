//! Tables of README.md that commands write.

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

#[cfg(test)]
mod tests {
    use super::*;

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
