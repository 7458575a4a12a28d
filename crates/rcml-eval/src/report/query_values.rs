//! The values behind a row, query by query.

use serde::{Deserialize, Serialize};

/// What each query of one relation scored in one view: one line of `rcml eval --queries`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QueryValues {
    /// As in [`crate::ResultRow`].
    pub task: String,
    /// As in [`crate::ResultRow`].
    pub protocol: String,
    /// Id of the relation; `same-item` without one.
    pub relation: String,
    /// Groups that the relation is reported in.
    pub groups: Vec<String>,
    /// As in [`crate::ResultRow`].
    pub view: String,
    /// Names of the metrics.
    pub metrics: Vec<String>,
    /// Query item and answer, as indices of the dataset; the answer is 4294967295 where all answers count together.
    pub queries: Vec<(u32, u32)>,
    /// `[queries, metrics]`, row-major.
    pub values: Vec<f64>,
}

impl QueryValues {
    /// ((query, answer), value) of each query under a metric; nothing where there is no such metric.
    pub fn of_metric(&self, metric: &str) -> impl Iterator<Item = ((u32, u32), f64)> {
        let width = self.metrics.len().max(1);
        let column = self.metrics.iter().position(|known| known == metric);
        let values = column.into_iter().flat_map(move |column| self.values.iter().skip(column).step_by(width));
        self.queries.iter().copied().zip(values.copied())
    }
}
