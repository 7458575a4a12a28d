//! The values of the queries of one relation in one view, and what becomes of them.

use std::collections::BTreeMap;

use super::TaskResult;
use crate::metrics::{macro_average, mean, median};
use crate::report::QueryValues;
use crate::{EvalSet, ResultRow, View};

/// The numbers of one query: (value, chance) per metric of the protocol; `None` = the view cannot score the query.
pub(super) type Scored = Option<Vec<(f64, f64)>>;

/// Values of queries, per metric of a protocol.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    /// Query item and answer of each scored query; the answer is `u32::MAX` where all answers count.
    keys: Vec<(u32, u32)>,
    /// `[queries, metrics]`.
    values: Vec<(f64, f64)>,
    pub(super) unscored: usize,
}

impl Tally {
    pub(super) fn add(&mut self, query: u32, answer: u32, values: Scored) {
        match values {
            Some(values) => {
                self.keys.push((query, answer));
                self.values.extend(values);
            }
            None => self.unscored += 1,
        }
    }

    pub(super) fn queries(&self) -> usize {
        self.keys.len()
    }

    /// (query item, answer) of each scored query, and the values, `[queries, metrics]`.
    pub(super) fn into_values(self) -> (Vec<(u32, u32)>, Vec<f64>) {
        (self.keys, self.values.into_iter().map(|v| v.0).collect())
    }
}

/// What a protocol measures.
pub(super) struct Measures<'a> {
    pub(super) task: &'a str,
    pub(super) protocol: String,
    /// Names; `median-...` is the median over queries, all others are means.
    pub(super) metrics: &'a [&'a str],
    /// Metrics that are also averaged over relations instead of queries.
    pub(super) macros: &'a [&'a str],
}

impl Measures<'_> {
    fn row(&self, relations: &str, view: &View, metric: &str, numbers: (f64, f64), queries: usize) -> ResultRow {
        ResultRow {
            task: self.task.into(),
            protocol: self.protocol.clone(),
            relations: relations.into(),
            view: view.label(),
            metric: metric.into(),
            value: numbers.0,
            queries,
            chance: numbers.1,
        }
    }

    /// (value, chance) of a metric over the queries of some tallies.
    fn summary(&self, metric: usize, tallies: &[&Tally]) -> Option<(f64, f64)> {
        let width = self.metrics.len();
        let column = || tallies.iter().flat_map(|t| t.values.iter().skip(metric).step_by(width));
        let values: Vec<f64> = column().map(|v| v.0).collect();
        let chances: Vec<f64> = column().map(|v| v.1).collect();
        let is_median = self.metrics.get(metric).is_some_and(|name| name.starts_with("median"));
        let of = |values: &[f64]| if is_median { median(values) } else { mean(values) };
        Some((of(&values)?, of(&chances)?))
    }

    /// Rows of every group of relations (micro and macro averages), then of every relation for its own. The latter only in
    /// `detailed` view: hundreds of relations in five views would bury the rest.
    pub(super) fn rows(
        &self,
        set: &EvalSet<'_>,
        views: &[View],
        detailed: Option<&View>,
        tallies: &BTreeMap<(u32, usize), Tally>,
    ) -> Vec<ResultRow> {
        let mut groups: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        let mut relations: Vec<u32> = tallies.keys().map(|key| key.0).collect();
        relations.dedup();
        for &relation in &relations {
            for group in set.groups(relation) {
                groups.entry(group).or_default().push(relation);
            }
        }
        let mut rows = Vec::new();
        for (group, members) in &groups {
            for (v, view) in views.iter().enumerate() {
                let scored: Vec<&Tally> =
                    members.iter().filter_map(|r| tallies.get(&(*r, v))).filter(|t| t.queries() > 0).collect();
                rows.extend(self.metric_rows(group, view, &scored));
                let queries = scored.iter().map(|t| t.queries()).sum();
                for (m, metric) in self.metrics.iter().enumerate().filter(|(_, metric)| self.macros.contains(metric)) {
                    let means: Vec<(f64, f64)> = scored.iter().filter_map(|t| self.summary(m, &[t])).collect();
                    let (values, chances): (Vec<_>, Vec<_>) = means.iter().map(|m| ((m.0, 1), (m.1, 1))).unzip();
                    if let (Some(value), Some(chance)) = (macro_average(&values), macro_average(&chances)) {
                        rows.push(self.row(group, view, &format!("macro-{metric}"), (value, chance), queries));
                    }
                }
            }
        }
        if let Some((v, view)) = detailed.and_then(|d| views.iter().enumerate().find(|(_, view)| *view == d)) {
            for relation in relations {
                if let (Some(tally), Some(named)) =
                    (tallies.get(&(relation, v)), set.dataset().relations.get(relation as usize))
                {
                    rows.extend(self.metric_rows(&named.id, view, &[tally]));
                }
            }
        }
        rows
    }

    /// One row per metric; none where nothing was scored.
    pub(super) fn metric_rows(&self, relations: &str, view: &View, tallies: &[&Tally]) -> Vec<ResultRow> {
        let queries = tallies.iter().map(|t| t.queries()).sum();
        let metrics = self.metrics.iter().enumerate();
        metrics
            .filter_map(|(m, name)| Some(self.row(relations, view, name, self.summary(m, tallies)?, queries)))
            .collect()
    }

    /// The values of all queries, for comparisons between methods.
    pub(super) fn queries(
        &self,
        set: &EvalSet<'_>,
        views: &[View],
        tallies: BTreeMap<(u32, usize), Tally>,
    ) -> Vec<QueryValues> {
        let of = |((relation, view), tally): ((u32, usize), Tally)| {
            let view = views.get(view)?.label();
            let named = set.dataset().relations.get(relation as usize);
            let (relation, groups) = match named {
                Some(named) => (named.id.clone(), set.groups(relation)),
                None => ("same-item".to_string(), vec!["same-item".to_string()]),
            };
            (tally.queries() > 0).then(|| {
                let (queries, values) = tally.into_values();
                QueryValues {
                    task: self.task.into(),
                    protocol: self.protocol.clone(),
                    relation,
                    groups,
                    view,
                    metrics: self.metrics.iter().map(ToString::to_string).collect(),
                    queries,
                    values,
                }
            })
        };
        tallies.into_iter().filter_map(of).collect()
    }

    /// A note for each view that could not score some queries.
    pub(super) fn notes(&self, views: &[View], tallies: &BTreeMap<(u32, usize), Tally>) -> Vec<String> {
        let unscored = |v: usize| tallies.iter().filter(|(key, _)| key.1 == v).map(|(_, t)| t.unscored).sum::<usize>();
        let counted = views.iter().enumerate().map(|(v, view)| (view, unscored(v))).filter(|(_, n)| *n > 0);
        counted
            .map(|(view, n)| {
                format!("{} ({}), view {view}: {n} queries left out, a modality is missing", self.task, self.protocol)
            })
            .collect()
    }

    /// Rows, notes and queries of a protocol.
    pub(super) fn result(
        &self,
        set: &EvalSet<'_>,
        views: &[View],
        tallies: BTreeMap<(u32, usize), Tally>,
    ) -> TaskResult {
        let detailed = views.iter().find(|v| **v == View::avg()).or(views.first());
        TaskResult {
            rows: self.rows(set, views, detailed, &tallies),
            notes: self.notes(views, &tallies),
            queries: self.queries(set, views, tallies),
        }
    }
}
