//! Methods side by side.

use std::fmt::Write;

use crate::metrics::{mean, mean_std};
use crate::{EvalReport, ResultRow};

/// One column: which number of every method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Heading.
    pub title: String,
    /// As in [`ResultRow`].
    pub task: String,
    /// As in [`ResultRow`].
    pub protocol: String,
    /// As in [`ResultRow`].
    pub relations: String,
    /// As in [`ResultRow`].
    pub view: String,
    /// As in [`ResultRow`].
    pub metric: String,
}

impl Column {
    /// A column of the retrieval task.
    pub fn retrieval(title: &str, protocol: &str, relations: &str, view: &str, metric: &str) -> Self {
        let [title, protocol, relations, view, metric] = [title, protocol, relations, view, metric].map(String::from);
        Self { title, task: "retrieval".into(), protocol, relations, view, metric }
    }

    /// The columns of the README's table: 21-way Hit@5 in the AVG view, Hit@5 averaged over relations, and Hit@5 and MRR
    /// over the full corpus, on seen relations and then on unseen ones.
    pub fn headline() -> Vec<Self> {
        Self::headline_of(&["seen", "unseen"])
    }

    /// The same numbers of other groups of relations, one group after the other.
    pub fn headline_of(groups: &[&str]) -> Vec<Self> {
        let of = |relations: &&str| {
            [
                Self::retrieval(&format!("{relations}: Hit@5, 21-way"), "21-way", relations, "AVG", "hit@5"),
                Self::retrieval(
                    &format!("{relations}: Hit@5, 21-way, mean over relations"),
                    "21-way",
                    relations,
                    "AVG",
                    "macro-hit@5",
                ),
                Self::retrieval(&format!("{relations}: Hit@5, full corpus"), "full", relations, "AVG", "hit@5"),
                Self::retrieval(&format!("{relations}: MRR, full corpus"), "full", relations, "AVG", "mrr"),
            ]
        };
        groups.iter().flat_map(of).collect()
    }

    fn find<'a>(&self, report: &'a EvalReport) -> Option<&'a ResultRow> {
        report.find(&self.task, &self.protocol, &self.relations, &self.view, &self.metric)
    }

    /// Whether the number is no fraction, which percent would misread.
    fn is_plain(&self) -> bool {
        self.metric.ends_with("rank") || ["uniformity", "alignment", "modality-gap"].contains(&self.metric.as_str())
    }

    fn smaller_is_better(&self) -> bool {
        let smaller =
            ["mean-rank", "median-rank", "ece", "brier", "uniformity", "alignment", "modality-gap", "anisotropy"];
        smaller.contains(&self.metric.as_str())
    }

    fn number(&self, value: f64) -> String {
        if self.is_plain() { format!("{value:.1}") } else { format!("{:.1}", 100.0 * value) }
    }
}

/// Name of the row that counts.
const QUERIES: &str = "(queries)";

/// Queries below which no method is called the best: one of so few changes the order.
const FEW: usize = 50;

/// A table of methods (rows) and numbers (columns): percent except for ranks, mean and standard deviation over seeds,
/// with the chance level and the number of queries in rows of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultTable {
    /// What the table shows.
    pub title: String,
    /// Headings, the first for the methods.
    pub header: Vec<String>,
    /// Cells, in the order of the headings.
    pub rows: Vec<Vec<String>>,
    /// Whether a larger value is better, per column of numbers.
    pub larger_is_better: Vec<bool>,
}

impl ResultTable {
    /// Methods in the order of their first report; reports of one method are its seeds. Columns that no report has, and methods
    /// that have none of the columns, are left out.
    pub fn new(title: impl Into<String>, reports: &[EvalReport], columns: &[Column]) -> Self {
        let columns: Vec<&Column> = columns.iter().filter(|c| reports.iter().any(|r| c.find(r).is_some())).collect();
        let mut methods: Vec<&str> = Vec::new();
        for report in reports {
            let has_any = columns.iter().any(|column| column.find(report).is_some());
            if has_any && !methods.contains(&report.method.as_str()) {
                methods.push(&report.method);
            }
        }
        let mut rows: Vec<Vec<String>> = methods
            .into_iter()
            .map(|method| {
                let own: Vec<&EvalReport> = reports.iter().filter(|r| r.method == method).collect();
                let cells = columns.iter().map(|column| cell(column, &own));
                std::iter::once(method.to_string()).chain(cells).collect()
            })
            .collect();
        let found = |column: &Column| reports.iter().filter_map(|r| column.find(r)).cloned().collect::<Vec<_>>();
        // Methods that cannot score some candidates have levels of their own.
        let chance = columns.iter().map(|column| {
            let mut levels: Vec<f64> = found(column).iter().map(|r| r.chance).collect();
            levels.sort_by(f64::total_cmp);
            match (levels.first(), levels.last()) {
                (Some(least), Some(most)) if column.number(*least) != column.number(*most) => {
                    format!("{}-{}", column.number(*least), column.number(*most))
                }
                (Some(_), _) => mean(&levels).map_or_else(|| "-".into(), |level| column.number(level)),
                _ => "-".into(),
            }
        });
        let queries = columns.iter().map(|column| {
            let counts: Vec<usize> = found(column).iter().map(|r| r.queries).collect();
            let (least, most) = (counts.iter().min(), counts.iter().max());
            match (least, most) {
                (Some(least), Some(most)) if least < most => format!("{least}-{most}"),
                (Some(least), _) => least.to_string(),
                _ => "-".into(),
            }
        });
        rows.push(std::iter::once("(chance level)".to_string()).chain(chance).collect());
        rows.push(std::iter::once(QUERIES.to_string()).chain(queries).collect());
        let larger_is_better = columns.iter().map(|c| !c.smaller_is_better()).collect();
        let header = std::iter::once("method".to_string()).chain(columns.iter().map(|c| c.title.clone())).collect();
        Self { title: title.into(), header, rows, larger_is_better }
    }

    /// A table for the terminal. Headings are wrapped at their commas and colons, so that many columns fit.
    pub fn text(&self) -> String {
        let headings: Vec<Vec<String>> = self.header.iter().map(|h| wrap(h)).collect();
        let widths: Vec<usize> = (0..self.header.len())
            .map(|c| {
                let cells = self.rows.iter().filter_map(|row| row.get(c)).map(|cell| cell.chars().count());
                cells.chain(headings[c].iter().map(|l| l.chars().count())).max().unwrap_or(0)
            })
            .collect();
        let lines = headings.iter().map(Vec::len).max().unwrap_or(0);
        let mut out = if self.title.is_empty() { String::new() } else { format!("{}\n\n", self.title) };
        for line in 0..lines {
            let cells: Vec<&str> = headings.iter().map(|h| h.get(line).map_or("", String::as_str)).collect();
            push_line(&mut out, &cells, &widths);
        }
        let rule: Vec<String> = widths.iter().map(|w| "-".repeat(*w)).collect();
        push_line(&mut out, &rule, &widths);
        for row in &self.rows {
            push_line(&mut out, row, &widths);
        }
        out
    }

    /// A Markdown table, the best method of each column in bold.
    pub fn markdown(&self) -> String {
        let best = self.best();
        let escape = |text: &str| text.replace('|', "\\|");
        let mut out = format!("| {} |\n", self.header.iter().map(|h| escape(h)).collect::<Vec<_>>().join(" | "));
        let rule = (0..self.header.len()).map(|c| if c == 0 { "---" } else { "---:" }).collect::<Vec<_>>();
        let _ = writeln!(out, "| {} |", rule.join(" | "));
        for (r, row) in self.rows.iter().enumerate() {
            let cells = row.iter().enumerate().map(|(c, cell)| {
                if c > 0 && best.get(c - 1) == Some(&Some(r)) { format!("**{}**", escape(cell)) } else { escape(cell) }
            });
            let _ = writeln!(out, "| {} |", cells.collect::<Vec<_>>().join(" | "));
        }
        out
    }

    /// Comma-separated values, every cell in quotes.
    pub fn csv(&self) -> String {
        let quoted = |cell: &String| format!("\"{}\"", cell.replace('"', "\"\""));
        let line = |cells: &Vec<String>| cells.iter().map(quoted).collect::<Vec<_>>().join(",") + "\n";
        std::iter::once(&self.header).chain(&self.rows).map(line).collect()
    }

    /// A LaTeX `tabular` with the rules of booktabs.
    pub fn latex(&self) -> String {
        let escape = |cell: &String| -> String {
            let escaped = cell.chars().map(|c| match c {
                '±' => "$\\pm$".to_string(),
                '&' | '%' | '$' | '#' | '_' | '{' | '}' => format!("\\{c}"),
                '\\' => "\\textbackslash{}".to_string(),
                '<' | '>' => format!("${c}$"),
                _ => c.to_string(),
            });
            escaped.collect()
        };
        let line = |cells: &Vec<String>| format!("{} \\\\\n", cells.iter().map(escape).collect::<Vec<_>>().join(" & "));
        let rows: String = self.rows.iter().map(line).collect();
        format!(
            "% {}\n\\begin{{tabular}}{{l{}}}\n\\toprule\n{}\\midrule\n{rows}\\bottomrule\n\\end{{tabular}}\n",
            self.title,
            "r".repeat(self.header.len().saturating_sub(1)),
            line(&self.header)
        )
    }

    /// Per column of numbers, the row of the best method, where there are several and fifty queries or more, if the table counts them.
    pub fn best(&self) -> Vec<Option<usize>> {
        let counts = self.rows.iter().find(|row| row.first().is_some_and(|name| name == QUERIES));
        let is_small = |c: usize| {
            let least = counts.and_then(|row| row.get(c + 1)?.split('-').next()?.parse::<usize>().ok());
            least.is_some_and(|queries| queries < FEW)
        };
        let leading = |cell: &String| cell.split(' ').next().and_then(|n| n.parse::<f64>().ok());
        let in_column = |c: usize, larger: bool| {
            // A name in parentheses is a bound, not a method.
            let is_method = |row: &Vec<String>| row.first().is_none_or(|name| !name.starts_with('('));
            let numbers = self.rows.iter().enumerate().filter(|(_, row)| is_method(row));
            let numbers = numbers.filter_map(|(r, row)| row.get(c + 1).and_then(leading).map(|value| (r, value)));
            let numbers: Vec<(usize, f64)> = numbers.map(|(r, v)| (r, if larger { v } else { -v })).collect();
            if numbers.len() < 2 || is_small(c) {
                return None;
            }
            // The first of equals: ties in a rounded table are not worth a second bold cell.
            numbers.iter().rev().max_by(|a, b| a.1.total_cmp(&b.1)).map(|best| best.0)
        };
        self.larger_is_better.iter().enumerate().map(|(c, larger)| in_column(c, *larger)).collect()
    }
}

fn cell(column: &Column, seeds: &[&EvalReport]) -> String {
    let values: Vec<f64> = seeds.iter().filter_map(|r| column.find(r)).map(|row| row.value).collect();
    match mean_std(&values) {
        Some(found) => {
            let spread = found.std.map(|std| format!(" ± {}", column.number(std))).unwrap_or_default();
            format!("{}{spread}", column.number(found.mean))
        }
        None => "-".into(),
    }
}

fn wrap(heading: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for character in heading.chars() {
        match (character, lines.last_mut()) {
            (' ', Some(last)) if last.is_empty() => {}
            (',' | ':', _) => lines.push(String::new()),
            (_, Some(last)) => last.push(character),
            (_, None) => {}
        }
    }
    lines
}

fn push_line<S: AsRef<str>>(out: &mut String, cells: &[S], widths: &[usize]) {
    let padded = cells.iter().map(AsRef::as_ref).zip(widths).enumerate().map(|(c, (cell, &width))| {
        let gap = " ".repeat(width.saturating_sub(cell.chars().count()));
        if c == 0 { format!("{cell}{gap}") } else { format!("{gap}{cell}") }
    });
    out.push_str(padded.collect::<Vec<_>>().join("  ").trim_end());
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use rcml_data::Split;

    use super::*;

    fn report(method: &str, seed: u64, value: f64) -> EvalReport {
        let row = |metric: &str, value: f64| ResultRow {
            task: "retrieval".into(),
            protocol: "full".into(),
            relations: "seen".into(),
            view: "AVG".into(),
            metric: metric.into(),
            value,
            queries: 60,
            chance: 0.125,
        };
        let results = vec![row("mrr", value), row("mean-rank", 10.0 * value)];
        EvalReport {
            dataset: "d".into(),
            split: Split::Test,
            seed,
            method: method.into(),
            results,
            notes: vec![],
            queries: vec![],
        }
    }

    fn table() -> ResultTable {
        let reports = [report("ours", 0, 0.5), report("ours", 1, 0.6), report("theirs", 0, 0.4)];
        let columns = [
            Column::retrieval("MRR, full", "full", "seen", "AVG", "mrr"),
            Column::retrieval("mean rank", "full", "seen", "AVG", "mean-rank"),
            Column::retrieval("absent", "full", "unseen", "AVG", "mrr"),
        ];
        ResultTable::new("Results", &reports, &columns)
    }

    #[test]
    fn markdown_has_mean_and_spread_chance_and_queries() {
        let expected = "\
            | method | MRR, full | mean rank |\n\
            | --- | ---: | ---: |\n\
            | ours | **55.0 ± 7.1** | 5.5 ± 0.7 |\n\
            | theirs | 40.0 | **4.0** |\n\
            | (chance level) | 12.5 | 0.1 |\n\
            | (queries) | 60 | 60 |\n";
        assert_eq!(table().markdown(), expected);
    }

    #[test]
    fn nobody_is_best_by_a_handful_of_queries() {
        let mut reports = [report("ours", 0, 0.5), report("theirs", 0, 0.4)];
        let columns = [Column::retrieval("MRR", "full", "seen", "AVG", "mrr")];
        assert_eq!(ResultTable::new("", &reports, &columns).best(), [Some(0)]);
        reports[1].results.iter_mut().for_each(|row| row.queries = 49);
        assert_eq!(ResultTable::new("", &reports, &columns).best(), [None]);
    }

    #[test]
    fn chance_levels_that_differ_are_all_told() {
        let mut reports = [report("ours", 0, 0.5), report("words alone", 0, 0.4)];
        reports[1].results.iter_mut().for_each(|row| row.chance = 0.5);
        let table = ResultTable::new("", &reports, &[Column::retrieval("MRR", "full", "seen", "AVG", "mrr")]);
        assert_eq!(table.rows[2], ["(chance level)", "12.5-50.0"]);
    }

    #[test]
    fn text_is_aligned() {
        let text = table().text();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "Results");
        assert!(lines[5].starts_with("ours") && lines[5].ends_with("5.5 ± 0.7"), "{text}");
        assert_eq!(lines[5].chars().count(), lines[4].chars().count(), "{text}");
    }

    #[test]
    fn methods_without_any_of_the_columns_are_left_out() {
        let mut other = report("other", 0, 0.5);
        other.results.iter_mut().for_each(|row| row.task = "type".into());
        let columns = [Column::retrieval("MRR", "full", "seen", "AVG", "mrr")];
        let table = ResultTable::new("", &[report("ours", 0, 0.5), other], &columns);
        let first: Vec<&str> = table.rows.iter().map(|row| row[0].as_str()).collect();
        assert_eq!(first, ["ours", "(chance level)", "(queries)"]);
    }

    #[test]
    fn headline_columns_that_nobody_has_are_left_out() {
        let table = ResultTable::new("", &[report("ours", 0, 0.5)], &Column::headline());
        assert_eq!(table.header, ["method", "seen: MRR, full corpus"]);
    }

    #[test]
    fn every_form_escapes_what_it_must() {
        let table = ResultTable {
            title: "T".into(),
            header: vec!["method".into(), "MRR".into()],
            rows: vec![vec!["a_b, \"<c>\"".into(), "55.0 ± 7.1".into()]],
            larger_is_better: vec![true],
        };
        assert_eq!(table.csv(), "\"method\",\"MRR\"\n\"a_b, \"\"<c>\"\"\",\"55.0 ± 7.1\"\n");
        let latex = table.latex();
        assert!(latex.contains("a\\_b, \"$<$c$>$\" & 55.0 $\\pm$ 7.1 \\\\\n") && latex.contains("{lr}"), "{latex}");
    }
}
