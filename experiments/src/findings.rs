//! What the numbers say, in sentences: above all where `rcml` does not win.

use rcml_eval::{Comparison, EvalReport, ResultTable};

use crate::columns;
use crate::results::number;

/// Where another method than `rcml` is best, headline by headline; bounds in parentheses do not count.
pub(crate) fn lost(dataset: &str, reports: &[EvalReport], differences: &[Comparison]) -> Option<ResultTable> {
    let mut rows = Vec::new();
    let shown = [columns::headline(), columns::composed(), columns::kept()].concat();
    for column in shown {
        let Some((own, _)) = number(reports, "rcml", &column) else { continue };
        let smaller = column.metric.ends_with("rank");
        // Ranks are no percentages.
        let scale = if smaller { 0.01 } else { 1.0 };
        let mut methods: Vec<&str> = reports.iter().map(|report| report.method.as_str()).collect();
        methods.dedup();
        let others = methods.into_iter().filter(|method| *method != "rcml" && !method.starts_with('('));
        let values = others.filter_map(|method| Some((method, number(reports, method, &column)?.0)));
        let better = |a: f64, b: f64| if smaller { a < b } else { a > b };
        let best = values.reduce(|best, other| if better(other.1, best.1) { other } else { best });
        let Some((method, value)) = best.filter(|(_, value)| better(*value, own)) else { continue };
        let tested = differences.iter().find(|d| {
            d.method == method
                && (&d.task, &d.protocol, &d.relations, &d.view, &d.metric)
                    == (&column.task, &column.protocol, &column.relations, &column.view, &column.metric)
        });
        rows.push(vec![
            format!("{} ({} {})", column.title, column.task, column.protocol),
            method.to_string(),
            format!("{:.1}", scale * value),
            format!("{:.1}", scale * own),
            format!("{:+.1}", scale * (own - value)),
            tested.map_or_else(|| "-".into(), |d| format!("{:.3}", d.p_holm)),
        ]);
    }
    let header = ["measure", "best method", "its value", "rcml", "difference", "p (Holm)"];
    (!rows.is_empty()).then(|| ResultTable {
        title: format!("{dataset}: where rcml is not the best"),
        header: header.map(String::from).into(),
        rows,
        larger_is_better: vec![],
    })
}

/// One sentence for each number that methods are compared in.
pub(crate) fn summary(dataset: &str, differences: &[Comparison]) -> Vec<String> {
    let mut sentences = Vec::new();
    let mut seen: Vec<[&str; 4]> = Vec::new();
    for one in differences {
        let key = [one.protocol.as_str(), &one.relations, &one.view, &one.metric];
        if seen.contains(&key) {
            continue;
        }
        seen.push(key);
        let of = |d: &&Comparison| [d.protocol.as_str(), &d.relations, &d.view, &d.metric] == key;
        let all: Vec<&Comparison> = differences.iter().filter(of).filter(|d| !d.method.starts_with('(')).collect();
        let sure = |d: &&&Comparison| d.p_holm < 0.05;
        let ahead = all.iter().filter(|d| d.difference > 0.0).filter(sure).count();
        let behind: Vec<&str> =
            all.iter().filter(|d| d.difference < 0.0).filter(sure).map(|d| d.method.as_str()).collect();
        let open: Vec<&str> = all.iter().filter(|d| d.p_holm >= 0.05).map(|d| d.method.as_str()).collect();
        let list = |names: &[&str]| if names.is_empty() { "no method".to_string() } else { names.join(", ") };
        sentences.push(format!(
            "{dataset}, {} on {} relations, {}: rcml is ahead of {ahead} of {} methods (corrected p below 0.05), behind {}; \
             the data cannot tell it from {}.",
            one.metric,
            one.relations,
            if one.protocol == "full" { "full corpus" } else { &one.protocol },
            all.len(),
            list(&behind),
            list(&open)
        ));
    }
    sentences
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_defeat_is_told() {
        let report = |method: &str, mrr: f64, rank: f64| -> EvalReport {
            let row = |metric: &str, value: f64| {
                serde_json::json!({ "task": "retrieval", "protocol": "full", "relations": "seen", "view": "AVG",
                                    "metric": metric, "value": value, "queries": 9, "chance": 0.1 })
            };
            let rows = [row("mrr", mrr), row("mean-rank", rank)];
            serde_json::from_value(
                serde_json::json!({ "dataset": "d", "split": "test", "seed": 1, "method": method, "results": rows }),
            )
            .unwrap()
        };
        let reports = [report("rcml", 0.5, 4.0), report("clip", 0.4, 3.0), report("(best possible)", 1.0, 1.0)];
        let table = lost("d", &reports, &[]).unwrap();
        assert_eq!(table.rows.len(), 1, "{table:?}");
        assert_eq!(table.rows[0][1..5], ["clip", "3.0", "4.0", "+1.0"].map(String::from));
    }
}
