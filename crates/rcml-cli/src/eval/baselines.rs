//! Methods that need no training.

use rcml_data::build::planted_truth;
use rcml_data::{Dataset, Split, Splits};
use rcml_eval::{ChanceScorer, OracleScorer, PopularityScorer, RelationRef, Scorer, TfIdfQuery, TfIdfScorer, View};

/// Everything that a dataset can be scored with without training.
pub(super) fn scorers(dataset: &Dataset, splits: &Splits) -> Vec<Box<dyn Scorer>> {
    let views = View::all(&dataset.modalities());
    let mut scorers: Vec<Box<dyn Scorer>> = Vec::new();
    if dataset.items.iter().any(|item| item.text.is_some()) {
        let training = splits.items_of(Split::Train);
        for query in [TfIdfQuery::Item, TfIdfQuery::ItemAndRelation, TfIdfQuery::Relation] {
            scorers.push(Box::new(TfIdfScorer::new(dataset, &training, query)));
        }
    }
    scorers.push(Box::new(PopularityScorer::new(dataset, splits, views.clone())));
    scorers.push(Box::new(ChanceScorer::new(0, views.clone())));
    if let Some(truth) = planted_truth(dataset) {
        let score = move |relation, query, candidate| {
            let right = match relation {
                RelationRef::Index(relation) => truth.holds(relation, query, candidate),
                RelationRef::SameItem => query == candidate,
            };
            f32::from(u8::from(right))
        };
        scorers.push(Box::new(OracleScorer::new("(best possible)", views, score)));
    }
    scorers
}
