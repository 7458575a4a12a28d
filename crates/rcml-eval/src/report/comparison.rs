//! Differences between methods, with their uncertainty.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Column, EvalReport, ResultTable};
use crate::statistics::{effect, holm, paired_bootstrap};

/// One method against the reference, in one number, over the queries that both answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// As in [`crate::ResultRow`].
    pub task: String,
    /// As in [`crate::ResultRow`].
    pub protocol: String,
    /// As in [`crate::ResultRow`].
    pub relations: String,
    /// As in [`crate::ResultRow`].
    pub view: String,
    /// As in [`crate::ResultRow`].
    pub metric: String,
    /// The reference.
    pub reference: String,
    /// The method set against it.
    pub method: String,
    /// Reference less method, the mean over queries; positive where the reference has more.
    pub difference: f64,
    /// Lower end of the 95% interval.
    pub low: f64,
    /// Upper end of the 95% interval.
    pub high: f64,
    /// Two-sided p value of "no difference".
    pub p: f64,
    /// p after Holm's correction over all comparisons that were made together.
    pub p_holm: f64,
    /// Cohen's d of the paired values; nothing where all differ by the same amount.
    pub d: Option<f64>,
    /// Share of queries where the reference has more.
    pub wins: f64,
    /// Share of queries where the method has more.
    pub losses: f64,
    /// Queries that both answered.
    pub queries: usize,
    /// Query items behind them, which the bootstrap draws.
    pub items: usize,
}

type Key = (String, (u32, u32));

/// Sets every method against the first one, column by column. A query's value is its mean over the seeds of a method; the
/// bootstrap draws query items, since the queries of one item (under several relations, with several answers) are not
/// independent. Macro averages have no queries of their own and are left out.
pub fn compare(reports: &[EvalReport], columns: &[Column], resamples: usize, seed: u64) -> Vec<Comparison> {
    let Some(reference) = reports.first().map(|report| report.method.as_str()) else { return Vec::new() };
    let mut others: Vec<&str> = Vec::new();
    for report in reports.iter().filter(|report| report.method != reference) {
        if !others.contains(&report.method.as_str()) {
            others.push(&report.method);
        }
    }
    let mut out = Vec::new();
    for column in columns {
        let first = values(reports, reference, column);
        for &method in &others {
            out.extend(one(column, reference, method, &first, &values(reports, method, column), resamples, seed));
        }
    }
    let corrected = holm(&out.iter().map(|c| c.p).collect::<Vec<_>>());
    out.iter_mut().zip(corrected).for_each(|(comparison, p)| comparison.p_holm = p);
    out
}

fn one(
    column: &Column,
    reference: &str,
    method: &str,
    first: &BTreeMap<Key, f64>,
    second: &BTreeMap<Key, f64>,
    resamples: usize,
    seed: u64,
) -> Option<Comparison> {
    let mut groups: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    for (key, value) in first {
        if let Some(other) = second.get(key) {
            groups.entry(key.1.0).or_default().push(value - other);
        }
    }
    let differences: Vec<f64> = groups.values().flatten().copied().collect();
    let size = effect(&differences)?;
    let groups: Vec<Vec<f64>> = groups.into_values().collect();
    let found = paired_bootstrap(&groups, resamples, seed)?;
    Some(Comparison {
        task: column.task.clone(),
        protocol: column.protocol.clone(),
        relations: column.relations.clone(),
        view: column.view.clone(),
        metric: column.metric.clone(),
        reference: reference.into(),
        method: method.into(),
        difference: found.mean,
        low: found.low,
        high: found.high,
        p: found.p,
        p_holm: found.p,
        d: size.d,
        wins: size.wins,
        losses: size.losses,
        queries: differences.len(),
        items: groups.len(),
    })
}

/// The value of each query, the mean over seeds; only queries that every seed answered.
fn values(reports: &[EvalReport], method: &str, column: &Column) -> BTreeMap<Key, f64> {
    let mut sums: BTreeMap<Key, (f64, usize)> = BTreeMap::new();
    let mut seeds = 0;
    for report in reports.iter().filter(|report| report.method == method) {
        seeds += 1;
        let of = report.queries.iter().filter(|q| {
            (&q.task, &q.protocol, &q.view) == (&column.task, &column.protocol, &column.view)
                && (q.relation == column.relations || q.groups.contains(&column.relations))
        });
        for queries in of {
            for (query, value) in queries.of_metric(&column.metric) {
                let sum = sums.entry((queries.relation.clone(), query)).or_default();
                *sum = (sum.0 + value, sum.1 + 1);
            }
        }
    }
    sums.into_iter().filter(|(_, (_, n))| *n == seeds).map(|(key, (sum, n))| (key, sum / n as f64)).collect()
}

impl Comparison {
    /// All comparisons as one table: differences in percentage points (ranks as they are), stars for the corrected p value below
    /// 0.05, 0.01 and 0.001.
    pub fn table(title: &str, comparisons: &[Self]) -> ResultTable {
        let header =
            ["against", "what", "difference", "95% interval", "p", "p (Holm)", "d", "wins : losses", "queries"];
        let row = |c: &Self| {
            let scale = if c.metric.ends_with("rank") { 1.0 } else { 100.0 };
            let number = |value: f64| format!("{:+.1}", scale * value);
            let stars = [0.05, 0.01, 0.001].iter().filter(|level| c.p_holm < **level).count();
            vec![
                c.method.clone(),
                format!("{} {} {} {} {}", c.task, c.protocol, c.relations, c.view, c.metric),
                format!("{}{}", number(c.difference), "*".repeat(stars)),
                format!("{} to {}", number(c.low), number(c.high)),
                format!("{:.4}", c.p),
                format!("{:.4}", c.p_holm),
                c.d.map_or_else(|| "-".into(), |d| format!("{d:+.2}")),
                format!("{:.0} : {:.0}", 100.0 * c.wins, 100.0 * c.losses),
                format!("{} of {} items", c.queries, c.items),
            ]
        };
        ResultTable {
            title: title.into(),
            header: header.map(String::from).to_vec(),
            rows: comparisons.iter().map(row).collect(),
            larger_is_better: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use rcml_data::Split;

    use super::super::QueryValues;
    use super::*;

    fn report(method: &str, seed: u64, value: impl Fn(u32, u32) -> f64) -> EvalReport {
        let relation = |r: u32| QueryValues {
            task: "retrieval".into(),
            protocol: "21-way".into(),
            relation: format!("r{r}"),
            groups: vec!["all".into(), "seen".into()],
            view: "AVG".into(),
            metrics: vec!["mrr".into(), "hit@5".into()],
            queries: (0..60).map(|q| (q, q + 1)).collect(),
            values: (0..60).flat_map(|q| [9.0, value(r, q)]).collect(),
        };
        EvalReport {
            dataset: "d".into(),
            split: Split::Test,
            seed,
            method: method.into(),
            results: vec![],
            notes: vec![],
            queries: vec![relation(0), relation(1)],
        }
    }

    #[test]
    fn queries_are_paired_and_seeds_averaged() {
        let noise = |r: u32, q: u32| f64::from((q * 7 + r * 13) % 10) / 10.0;
        let reports = [
            report("ours", 1, |r, q| noise(r, q) + 0.3),
            report("ours", 2, |r, q| noise(r, q) + 0.1),
            report("other", 1, noise),
            report("same", 1, |r, q| noise(r, q) + if q % 2 == 0 { 0.4 } else { 0.0 }),
        ];
        let columns = [
            Column::retrieval("x", "21-way", "seen", "AVG", "hit@5"),
            Column::retrieval("y", "full", "seen", "AVG", "mrr"),
        ];
        let found = compare(&reports, &columns, 1000, 0);
        assert_eq!(found.iter().map(|c| c.method.as_str()).collect::<Vec<_>>(), ["other", "same"]);
        let other = &found[0];
        assert!((other.difference - 0.2).abs() < 1e-12 && (other.low - 0.2).abs() < 1e-9 && other.wins == 1.0);
        assert_eq!((other.queries, other.items), (120, 60));
        assert!(other.p < 0.01 && (other.p_holm - 2.0 * other.p).abs() < 1e-12);
        assert!(found[1].difference.abs() < 1e-9 && found[1].p > 0.5 && found[1].wins == 0.5);
        let one = compare(&reports, &[Column::retrieval("x", "21-way", "r1", "AVG", "hit@5")], 100, 0);
        assert_eq!(one[0].queries, 60);
        let text = Comparison::table("t", &found).text();
        assert!(text.contains("+20.0**") && text.contains("120 of 60 items"), "{text}");
        assert!(Comparison::table("t", &found).markdown().contains("| other |"));
    }
}
