//! The rows of `rcml eval --json`.

use std::path::Path;

use rcml_data::{Split, write_whole};
use serde::{Deserialize, Serialize};

use super::QueryValues;
use crate::{Error, EvalSet, Result};

/// One number. The names are a contract with programs that read them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResultRow {
    /// `retrieval`, `type`, `crossmodal`.
    pub task: String,
    /// `21-way` (one related item among 20 random ones), `full` (all candidates).
    pub protocol: String,
    /// `all`, `seen`, `unseen`, `family:NAME`, `lexical`, `not-lexical`, `same-item`, or a relation's id.
    pub relations: String,
    /// `TT`, `II`, `TI`, `IT`, `AVG`, `audio>text`, ...
    pub view: String,
    /// `hit@5`, `mrr`, `mean-rank`, `map`, `macro-hit@5`, ... `macro-` averages over relations, all others over queries.
    pub metric: String,
    /// The value; a fraction, except for ranks.
    pub value: f64,
    /// Queries behind it.
    pub queries: usize,
    /// What a method that knows nothing scores on the same queries, computed exactly.
    pub chance: f64,
}

/// What one method scored on one split: the content of `rcml eval --json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvalReport {
    /// Name of the dataset.
    pub dataset: String,
    /// Which split.
    pub split: Split,
    /// Seed of the run under evaluation.
    pub seed: u64,
    /// Name of the method.
    #[serde(default)]
    pub method: String,
    /// The numbers.
    pub results: Vec<ResultRow>,
    /// What a reader must know of them.
    #[serde(default)]
    pub notes: Vec<String>,
    /// What each query scored; written apart from the rest.
    #[serde(skip)]
    pub queries: Vec<QueryValues>,
}

impl EvalReport {
    /// A report without numbers yet.
    pub fn new(set: &EvalSet<'_>, method: impl Into<String>, seed: u64) -> Self {
        let (dataset, split) = (set.dataset().name(), set.split());
        Self {
            dataset,
            split,
            seed,
            method: method.into(),
            results: Vec::new(),
            notes: Vec::new(),
            queries: Vec::new(),
        }
    }

    /// The row of a metric.
    pub fn find(&self, task: &str, protocol: &str, relations: &str, view: &str, metric: &str) -> Option<&ResultRow> {
        let wanted = (task, protocol, relations, view, metric);
        self.results.iter().find(|r| {
            (r.task.as_str(), r.protocol.as_str(), r.relations.as_str(), r.view.as_str(), r.metric.as_str()) == wanted
        })
    }

    /// Writes JSON, to a temporary name first.
    ///
    /// # Errors
    /// The file system's.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        let (path, json) = (path.as_ref(), serde_json::to_vec_pretty(self)?);
        write_whole(path, |part| std::fs::write(part, json)).map_err(|e| Error::io(path, e))
    }

    /// Reads what [`EvalReport::write`] wrote.
    ///
    /// # Errors
    /// A file that is missing or not a report.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(|e| Error::io(path, e))?;
        serde_json::from_slice(&bytes)
            .map_err(|e| Error::input(format!("{}: {e}; expected the report of `rcml eval --json`", path.display())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::fixture;
    use crate::{ChanceScorer, EvalOptions, Task, View, evaluate};

    #[test]
    fn json_has_the_agreed_fields_and_reads_back() {
        let (dataset, splits) = fixture::colours(60, 30);
        let set = EvalSet::new(&dataset, &splits, Split::Test).unwrap();
        let mut scorer = ChanceScorer::new(0, View::all(&["image", "text"]));
        let report = evaluate(&Task::ALL, &set, &mut scorer, &EvalOptions::default(), 7, &mut |_, _, _| {}).unwrap();
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(
            (json["dataset"].as_str(), json["split"].as_str(), json["seed"].as_u64()),
            (Some("colours"), Some("test"), Some(7))
        );
        let mut tasks = std::collections::BTreeSet::new();
        for row in json["results"].as_array().unwrap() {
            let names: Vec<&str> = row.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(names, ["task", "protocol", "relations", "view", "metric", "value", "queries", "chance"]);
            assert!(row["value"].is_f64() && row["chance"].is_f64() && row["queries"].is_u64(), "{row}");
            tasks.insert(row["task"].as_str().unwrap().to_string());
        }
        // Chance has no vectors, and the items no labels: neither geometry nor classification.
        assert_eq!(tasks.into_iter().collect::<Vec<_>>(), ["composed", "crossmodal", "retrieval", "type", "validity"]);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("eval.json");
        report.write(&path).unwrap();
        let read = EvalReport::read(&path).unwrap();
        assert_eq!((read.results.len(), &read.notes), (report.results.len(), &report.notes));
        for (a, b) in read.results.iter().zip(&report.results) {
            // serde_json may be one unit in the last place off when it reads a number.
            assert!(
                (a.value - b.value).abs() < 1e-12 && a.relations == b.relations && a.queries == b.queries,
                "{a:?} {b:?}"
            );
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        std::fs::write(&path, "{\"dataset\": 3}").unwrap();
        let error = EvalReport::read(&path).unwrap_err();
        assert!(error.is_input() && error.to_string().contains("eval.json"), "{error}");
    }
}
