//! Tables out of the cells' numbers: Markdown, CSV, LaTeX and HTML.

use std::collections::BTreeMap;

use serde_json::Value;

/// A number that every method has: heading, and (task, protocol, relations, view, metric) of its row.
pub(super) type Column = (&'static str, [&'static str; 5]);

/// What the tables show.
pub(super) const COLUMNS: &[Column] = &[
    ("Hit@5 21-way", ["retrieval", "21-way", "seen", "AVG", "hit@5"]),
    ("Hit@5 21-way, mean over relations", ["retrieval", "21-way", "seen", "AVG", "macro-hit@5"]),
    ("Hit@5 full corpus", ["retrieval", "full", "seen", "AVG", "hit@5"]),
    ("MRR full corpus", ["retrieval", "full", "seen", "AVG", "mrr"]),
    ("unseen: MRR full corpus", ["retrieval", "full", "unseen", "AVG", "mrr"]),
    ("TT Hit@5", ["retrieval", "21-way", "seen", "TT", "hit@5"]),
    ("II Hit@5", ["retrieval", "21-way", "seen", "II", "hit@5"]),
    ("TI Hit@5", ["retrieval", "21-way", "seen", "TI", "hit@5"]),
    ("IT Hit@5", ["retrieval", "21-way", "seen", "IT", "hit@5"]),
    ("type Top-1", ["type", "full", "seen", "AVG", "top-1"]),
    ("validity AUROC, score", ["validity", "similarity", "seen", "AVG", "auroc"]),
    ("validity AUROC, MLP", ["validity", "mlp", "seen", "AVG", "auroc"]),
    ("text to image R@5", ["crossmodal", "full", "same-item", "TI", "recall@5"]),
    ("labels, linear probe", ["classification", "linear", "none", "AVG", "accuracy"]),
];

/// Values of methods, one per seed, and the row's chance level and number of queries.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    values: BTreeMap<(String, usize), Vec<f64>>,
    facts: BTreeMap<usize, (f64, u64)>,
    /// Methods in the order of their first number.
    methods: Vec<String>,
}

/// Headings and cells, ready to be written in any form.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) title: String,
    pub(super) header: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
}

impl Numbers {
    /// Takes in a row of `rcml eval --json`.
    pub(super) fn add(&mut self, method: &str, row: &Value) {
        let is = |wanted: &[&str; 5]| {
            ["task", "protocol", "relations", "view", "metric"]
                .iter()
                .zip(wanted)
                .all(|(key, value)| row[*key] == **value)
        };
        let Some(column) = COLUMNS.iter().position(|(_, wanted)| is(wanted)) else { return };
        let Some(value) = row["value"].as_f64() else { return };
        if !self.methods.iter().any(|known| known == method) {
            self.methods.push(method.into());
        }
        self.values.entry((method.into(), column)).or_default().push(value);
        self.facts.insert(column, (row["chance"].as_f64().unwrap_or(0.0), row["queries"].as_u64().unwrap_or(0)));
    }

    /// The rows of some methods, percent, mean and standard deviation over seeds; columns without numbers are left out. `None` where
    /// no method has a number.
    pub(super) fn table(&self, title: &str, methods: impl Fn(&str) -> bool) -> Option<Table> {
        let shown: Vec<&String> = self.methods.iter().filter(|method| methods(method)).collect();
        let has = |method: &str, column: usize| self.values.get(&(method.to_string(), column));
        let columns: Vec<usize> =
            (0..COLUMNS.len()).filter(|column| shown.iter().any(|method| has(method, *column).is_some())).collect();
        if columns.is_empty() {
            return None;
        }
        let line = |name: &str, cell: &dyn Fn(usize) -> String| {
            std::iter::once(name.to_string()).chain(columns.iter().map(|column| cell(*column))).collect::<Vec<_>>()
        };
        let mut rows: Vec<Vec<String>> = shown
            .iter()
            .map(|method| {
                line(method, &|column| has(method, column).map_or_else(|| "-".into(), |values| spread(values)))
            })
            .collect();
        let fact = |column: usize| self.facts.get(&column).copied().unwrap_or_default();
        rows.push(line("(chance level)", &|column| format!("{:.1}", 100.0 * fact(column).0)));
        rows.push(line("(queries)", &|column| fact(column).1.to_string()));
        let header = line("method", &|column| COLUMNS[column].0.to_string());
        Some(Table { title: title.into(), header, rows })
    }
}

/// Percent: the mean, and the sample standard deviation where there are several seeds.
fn spread(values: &[f64]) -> String {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    if values.len() < 2 {
        return format!("{:.1}", 100.0 * mean);
    }
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
    format!("{:.1} ± {:.1}", 100.0 * mean, 100.0 * variance.sqrt())
}

impl Table {
    pub(super) fn markdown(&self) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | ").replace('\n', " "));
        let rule: Vec<String> =
            (0..self.header.len()).map(|column| if column == 0 { "---" } else { "---:" }.to_string()).collect();
        let rows: String = self.rows.iter().map(|row| line(row)).collect();
        format!("### {}\n\n{}{}{rows}", self.title, line(&self.header), line(&rule))
    }

    pub(super) fn csv(&self) -> String {
        let quoted = |cell: &String| format!("\"{}\"", cell.replace('"', "\"\""));
        let line = |cells: &Vec<String>| cells.iter().map(quoted).collect::<Vec<_>>().join(",") + "\n";
        std::iter::once(&self.header).chain(&self.rows).map(line).collect()
    }

    pub(super) fn latex(&self) -> String {
        let escape = |cell: &String| {
            let escaped: String = cell
                .chars()
                .map(|c| match c {
                    '±' => "$\\pm$".to_string(),
                    '&' | '%' | '$' | '#' | '_' | '{' | '}' => format!("\\{c}"),
                    _ => c.to_string(),
                })
                .collect();
            escaped
        };
        let line = |cells: &Vec<String>| format!("{} \\\\\n", cells.iter().map(escape).collect::<Vec<_>>().join(" & "));
        let rows: String = self.rows.iter().map(line).collect();
        format!(
            "% {}\n\\begin{{tabular}}{{l{}}}\n\\toprule\n{}\\midrule\n{rows}\\bottomrule\n\\end{{tabular}}\n",
            self.title,
            "r".repeat(self.header.len() - 1),
            line(&self.header)
        )
    }

    pub(super) fn html(&self) -> String {
        let row = |tag: &str, cells: &Vec<String>| {
            let cells: String = cells.iter().map(|cell| format!("<{tag}>{}</{tag}>", escape_html(cell))).collect();
            format!("<tr>{cells}</tr>\n")
        };
        let rows: String = self.rows.iter().map(|cells| row("td", cells)).collect();
        format!("<h3>{}</h3>\n<table>{}{rows}</table>\n", escape_html(&self.title), row("th", &self.header))
    }
}

pub(super) fn escape_html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn numbers() -> Numbers {
        let mut numbers = Numbers::default();
        let row = |value: f64| {
            json!({ "task": "retrieval", "protocol": "full", "relations": "seen", "view": "AVG", "metric": "mrr", "value": value,
                    "chance": 0.05, "queries": 40 })
        };
        for (method, value) in [("rcml", 0.5), ("rcml", 0.6), ("a_b, <c>", 0.25)] {
            numbers.add(method, &row(value));
        }
        numbers.add("rcml", &json!({ "task": "geometry", "value": 1.0 }));
        numbers
    }

    #[test]
    fn seeds_become_mean_and_spread() {
        let table = numbers().table("T", |_| true).unwrap();
        assert_eq!(
            table.markdown(),
            "### T\n\n| method | MRR full corpus |\n| --- | ---: |\n| rcml | 55.0 ± 7.1 |\n| a_b, <c> | 25.0 |\n\
             | (chance level) | 5.0 |\n| (queries) | 40 |\n"
        );
        assert!(numbers().table("T", |method| method == "none").is_none());
    }

    #[test]
    fn every_form_escapes_what_it_must() {
        let table = numbers().table("T", |_| true).unwrap();
        assert!(table.csv().contains("\"a_b, <c>\",\"25.0\"\n"));
        assert!(table.latex().contains("a\\_b, <c> & 25.0 \\\\") && table.latex().contains("55.0 $\\pm$ 7.1"));
        assert!(table.html().contains("<td>a_b, &lt;c&gt;</td>"));
    }
}
