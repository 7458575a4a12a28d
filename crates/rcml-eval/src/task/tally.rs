//! Sums over the queries of one relation in one view.

use std::collections::BTreeMap;

use crate::{EvalSet, ResultRow, View};

/// The numbers of one query: (value, chance) per metric of the protocol; `None` = the view cannot score the query.
pub(super) type QueryValues = Option<Vec<(f64, f64)>>;

/// Sums over queries, per metric of a protocol.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    sums: Vec<(f64, f64)>,
    pub(super) queries: usize,
    pub(super) unscored: usize,
}

impl Tally {
    pub(super) fn add(&mut self, values: QueryValues) {
        let Some(values) = values else {
            self.unscored += 1;
            return;
        };
        self.queries += 1;
        self.merge_sums(&values);
    }

    fn merge(&mut self, other: &Self) {
        self.queries += other.queries;
        self.unscored += other.unscored;
        self.merge_sums(&other.sums);
    }

    fn merge_sums(&mut self, values: &[(f64, f64)]) {
        self.sums.resize(self.sums.len().max(values.len()), (0.0, 0.0));
        for (sum, value) in self.sums.iter_mut().zip(values) {
            sum.0 += value.0;
            sum.1 += value.1;
        }
    }

    /// (mean value, mean chance) of a metric.
    fn mean(&self, metric: usize) -> (f64, f64) {
        let (value, chance) = self.sums.get(metric).copied().unwrap_or_default();
        (value / self.queries as f64, chance / self.queries as f64)
    }
}

/// What a protocol measures.
pub(super) struct Measures<'a> {
    pub(super) task: &'a str,
    pub(super) protocol: String,
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
                    members.iter().filter_map(|r| tallies.get(&(*r, v))).filter(|t| t.queries > 0).collect();
                let mut total = Tally::default();
                scored.iter().for_each(|tally| total.merge(tally));
                rows.extend(self.metric_rows(group, view, &total));
                for (m, metric) in self.metrics.iter().enumerate() {
                    if total.queries > 0 && self.macros.contains(metric) {
                        let means: Vec<(f64, f64)> = scored.iter().map(|t| t.mean(m)).collect();
                        let n = means.len() as f64;
                        let numbers =
                            (means.iter().map(|x| x.0).sum::<f64>() / n, means.iter().map(|x| x.1).sum::<f64>() / n);
                        rows.push(self.row(group, view, &format!("macro-{metric}"), numbers, total.queries));
                    }
                }
            }
        }
        if let Some((v, view)) = detailed.and_then(|d| views.iter().enumerate().find(|(_, view)| *view == d)) {
            for relation in relations {
                if let (Some(tally), Some(named)) =
                    (tallies.get(&(relation, v)), set.dataset().relations.get(relation as usize))
                {
                    rows.extend(self.metric_rows(&named.id, view, tally));
                }
            }
        }
        rows
    }

    /// One row per metric; none where nothing was scored.
    pub(super) fn metric_rows(&self, relations: &str, view: &View, tally: &Tally) -> Vec<ResultRow> {
        if tally.queries == 0 {
            return Vec::new();
        }
        let metrics = self.metrics.iter().enumerate();
        metrics.map(|(m, metric)| self.row(relations, view, metric, tally.mean(m), tally.queries)).collect()
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
}
