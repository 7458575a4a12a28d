//! Tasks: what is asked of a scorer, and the rows that come out.

mod claim;
mod classification;
mod composed;
mod corpus;
mod crossmodal;
#[cfg(test)]
pub(crate) mod fixture;
mod geometry;
mod known_items;
mod relation_type;
mod retrieval;
mod tally;
mod trial;
mod validity;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::report::QueryValues;
use crate::{Error, EvalReport, EvalSet, Result, ResultRow, Scorer};

/// Bounds and seed of an evaluation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EvalOptions {
    /// Queries per relation and protocol; where there are more, this many are drawn with `seed`.
    pub max_queries: usize,
    /// Random negatives of the sampled protocol: 20 gives "21-way".
    pub negatives: usize,
    /// Pairs of relation type prediction, and claims of relation validity prediction, in total.
    pub max_pairs: usize,
    /// Relations that relation type prediction ranks; where there are more, this many are drawn with `seed` out of those that have
    /// pairs in the split, and only their pairs are asked about. 0 = all. Also those that the geometry looks at, 100 at most.
    pub max_relations: usize,
    /// Query items of retrieval across modalities, and items on either side of classification.
    pub max_items: usize,
    /// Seed of the draws. It is apart from a run's seed, so that all methods and all runs meet the same candidates.
    pub seed: u64,
}

impl Default for EvalOptions {
    fn default() -> Self {
        Self { max_queries: 200, negatives: 20, max_pairs: 2_000, max_relations: 0, max_items: 5_000, seed: 0 }
    }
}

/// A question asked of every scorer alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Task {
    /// Relation-guided retrieval: given an item and a relation, find the related items. Protocol `21-way` ranks one
    /// related item among 20 random ones per test pair; protocol `full` ranks every item of the split per test query.
    Retrieval,
    /// Relation type prediction: given two related items, which relation holds?
    Type,
    /// Composed retrieval: which items relate to this one in two ways at once, asked in words that no relation has?
    Composed,
    /// Retrieval of the same item across modalities under the generic relation.
    CrossModal,
    /// Relation validity prediction: does the relation hold between two items? By the method's own score, and by probes on frozen
    /// vectors that are fitted on training edges.
    Validity,
    /// Classification of items by their label: by the label's words, by nearest neighbours, by a linear probe.
    Classification,
    /// The shape of the embedding, and how much a relation changes it.
    Geometry,
}

impl Task {
    /// All tasks.
    pub const ALL: [Self; 7] = [
        Self::Retrieval,
        Self::Composed,
        Self::Type,
        Self::CrossModal,
        Self::Validity,
        Self::Classification,
        Self::Geometry,
    ];

    /// Runs the task. `progress` is called with (steps done, steps in all).
    ///
    /// # Errors
    /// The scorer's own, or a scorer that returns the wrong number of scores.
    pub fn run(
        self,
        set: &EvalSet<'_>,
        scorer: &mut dyn Scorer,
        options: &EvalOptions,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<TaskResult> {
        match self {
            Self::Retrieval => retrieval::run(set, scorer, options, progress),
            Self::Composed => composed::run(set, scorer, options, progress),
            Self::Type => relation_type::run(set, scorer, options, progress),
            Self::CrossModal => crossmodal::run(set, scorer, options, progress),
            Self::Validity => validity::run(set, scorer, options, progress),
            Self::Classification => classification::run(set, scorer, options, progress),
            Self::Geometry => geometry::run(set, scorer, options, progress),
        }
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Retrieval => "retrieval",
            Self::Composed => "composed",
            Self::Type => "type",
            Self::CrossModal => "crossmodal",
            Self::Validity => "validity",
            Self::Classification => "classification",
            Self::Geometry => "geometry",
        })
    }
}

impl FromStr for Task {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|task| task.to_string() == name).ok_or_else(|| {
            let known: Vec<String> = Self::ALL.iter().map(ToString::to_string).collect();
            Error::input(format!("unknown task `{name}`, expected one of: {}", known.join(", ")))
        })
    }
}

/// What a task found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TaskResult {
    /// The numbers.
    pub rows: Vec<ResultRow>,
    /// What a reader of the numbers must know: queries left out, candidates filled up.
    pub notes: Vec<String>,
    /// What each query scored.
    pub queries: Vec<QueryValues>,
}

/// Runs tasks one after the other and reports them together. `seed` is the seed of the run that made the scorer.
///
/// # Errors
/// As of [`Task::run`].
pub fn evaluate(
    tasks: &[Task],
    set: &EvalSet<'_>,
    scorer: &mut dyn Scorer,
    options: &EvalOptions,
    seed: u64,
    progress: &mut dyn FnMut(Task, usize, usize),
) -> Result<EvalReport> {
    let mut report = EvalReport::new(set, scorer.name(), seed);
    for &task in tasks {
        let result = task.run(set, scorer, options, &mut |done, all| progress(task, done, all))?;
        report.results.extend(result.rows);
        report.notes.extend(result.notes);
        report.queries.extend(result.queries);
    }
    Ok(report)
}

/// Scores per call at most, so that memory does not grow with the square of the corpus: 134 MB, which is hundreds of queries at once
/// against a hundred thousand items. Fewer would leave a matrix product with too little to do for each candidate that it reads.
const SCORES_PER_CALL: usize = 1 << 25;

/// How many queries to score at once against so many candidates.
fn queries_per_call(candidates: usize) -> usize {
    (SCORES_PER_CALL / candidates.max(1)).max(1)
}
