//! Evaluation of relation-conditioned embeddings: does a model find the items that relate to this one *in this way*?
//!
//! The nouns: a [`Scorer`] is anything that says how well a candidate answers a query under a relation, in one or more
//! [`View`]s (text to text, text to image, ...); an [`EvalSet`] is one split of a dataset with everything its graph
//! knows; a [`Task`] asks the scorer questions and gives [`ResultRow`]s, each with its number of queries and its exact
//! chance level; a [`ResultTable`] sets methods side by side, a [`ReportData`] puts it on a page. [`metrics`] are pure functions on slices.
//!
//! ```
//! use rcml_data::{Dataset, Edge, Item, Relation, Split, Splits};
//! use rcml_eval::{Column, EvalOptions, EvalSet, ResultTable, Task, TfIdfQuery, TfIdfScorer, evaluate};
//!
//! // Six things; the first two are for training, the rest is held out.
//! let texts = ["red hat", "blue shoe", "red lamp", "red chair", "blue chair", "blue lamp"];
//! let mut dataset = Dataset::default();
//! dataset.items = texts.iter().map(|text| Item::new(*text).text(*text)).collect();
//! dataset.relations = vec![Relation::new("same-colour", "has the same colour").symmetric(true)];
//! dataset.edges = vec![Edge::new(0, 2, 3), Edge::new(0, 4, 5)];
//! let split = |i: usize| if i < 2 { Split::Train } else { Split::Test };
//! let splits = Splits {
//!     items: (0..6).map(split).collect(),
//!     relations: vec![Split::Train],
//!     edges: vec![Some(Split::Test); 2],
//! };
//!
//! let set = EvalSet::new(&dataset, &splits, Split::Test)?;
//! let mut scorer = TfIdfScorer::new(&dataset, &[0, 1], TfIdfQuery::ItemAndRelation);
//! let report = evaluate(&[Task::Retrieval], &set, &mut scorer, &EvalOptions::default(), 0, &mut |_, _, _| {})?;
//!
//! // "red lamp" finds "blue lamp" before "red chair", for the rarer word counts more: words alone do not know which
//! // likeness the relation asks for.
//! let row = report.find("retrieval", "full", "seen", "AVG", "hit@1").unwrap();
//! assert_eq!((row.queries, row.value), (4, 0.0));
//! assert!((row.chance - 1.0 / 3.0).abs() < 1e-12);
//!
//! let table = ResultTable::new("Held-out items", &[report], &Column::headline());
//! assert!(table.markdown().contains("| tf-idf |"));
//! # Ok::<(), rcml_eval::Error>(())
//! ```
#![warn(missing_docs)]

mod algebra;
mod baseline;
mod error;
mod eval_set;
mod item_vectors;
pub mod metrics;
mod model_scorer;
mod probe;
mod report;
mod scorer;
pub mod statistics;
mod task;
mod view;

pub use baseline::{
    BlendScorer, ChanceScorer, KnowledgeGraph, KnowledgeGraphScorer, LinearMapScorer, OracleScorer, PopularityScorer,
    ProductScorer, TfIdfQuery, TfIdfScorer, blend,
};
pub use error::{Error, Result};
pub use eval_set::EvalSet;
pub use item_vectors::{Conditioning, ItemVectors};
pub use model_scorer::ModelScorer;
pub use probe::{Platt, Probe, ProbeConfig};
pub use report::{
    Answer, Bar, Bars, CaseItem, CaseStudy, Column, Comparison, Curve, EvalReport, Figure, Map, Page, Panel,
    QueryValues, ReportData, ResultRow, ResultTable, Series, compare, read_curves,
};
pub use scorer::{RelationRef, Scorer};
pub use task::{EvalOptions, Task, TaskResult, evaluate};
pub use view::{Side, View};

/// The example of the README runs as a test, too.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
