//! Methods that are not trained, or fitted in closed form.

use rcml_data::build::planted_truth;
use rcml_data::{Dataset, Split, Splits};
use rcml_eval::{
    BlendScorer, ChanceScorer, EvalSet, KnowledgeGraph, KnowledgeGraphScorer, LinearMapScorer, ModelScorer,
    OracleScorer, PopularityScorer, ProductScorer, RelationRef, Scorer, TfIdfQuery, TfIdfScorer, View,
};
use rcml_model::{ItemReader, RelationInText};

use crate::failure::Result;
use crate::run::Run;

/// Share of words in what a run finds together with TF-IDF, as `rcml search --words` might ask for (docs/decisions/0015).
const WORDS: f32 = 0.5;

/// Everything that a dataset can be scored with without training. `run` lends its encoders, as they were before training, and
/// itself, under its `name`, to be scored together with TF-IDF; `reader` reads items for them.
pub(super) fn scorers(
    run: &Run,
    name: &str,
    device: &str,
    set: &EvalSet<'_>,
    splits: &Splits,
    reader: &ItemReader,
) -> Result<Vec<Box<dyn Scorer>>> {
    let dataset = set.dataset();
    let views = View::all(&dataset.modalities());
    let mut scorers: Vec<Box<dyn Scorer>> = Vec::new();
    frozen(run, device, dataset, splits, reader, &mut scorers)?;
    if dataset.items.iter().any(|item| item.text.is_some()) {
        let training = splits.items_of(Split::Train);
        let words = TfIdfScorer::new(dataset, &training, TfIdfQuery::ItemAndRelation);
        let trained = ModelScorer::new(name, dataset, run.embedder(device)?, reader.clone());
        scorers.push(Box::new(BlendScorer::new(Box::new(trained), Box::new(words), WORDS)));
        for query in [TfIdfQuery::Item, TfIdfQuery::ItemAndRelation, TfIdfQuery::Relation] {
            scorers.push(Box::new(TfIdfScorer::new(dataset, &training, query)));
        }
    }
    for kind in [KnowledgeGraph::DistMult, KnowledgeGraph::ComplEx] {
        scorers.push(Box::new(KnowledgeGraphScorer::fit(kind, dataset, splits, 0)));
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
    Ok(scorers)
}

/// The encoders that training started from: alone, with the relation's words behind the query's, as a product of cosines, and under
/// a linear map for each relation.
fn frozen(
    run: &Run,
    device: &str,
    dataset: &Dataset,
    splits: &Splits,
    reader: &ItemReader,
    scorers: &mut Vec<Box<dyn Scorer>>,
) -> Result<()> {
    let trained = run.embedder(device)?;
    let training = splits.items_of(Split::Train);
    let mut texts: Vec<&str> =
        training.iter().filter_map(|item| dataset.items.get(*item as usize)?.text.as_deref()).collect();
    let seen = dataset.relations.iter().zip(&splits.relations).filter(|(_, split)| **split == Split::Train);
    texts.extend(seen.flat_map(|(relation, _)| relation.descriptions.iter().map(String::as_str)));
    let base = |name: &str, words: RelationInText| -> Result<ModelScorer> {
        let embedder = trained.frozen(run.config.seed, &texts, words)?;
        Ok(ModelScorer::new(name, dataset, embedder, reader.clone()))
    };
    let reads_text = trained.config().modalities.iter().any(|modality| modality.name == "text");
    scorers.push(Box::new(base("frozen", RelationInText::None)?));
    if reads_text {
        scorers.push(Box::new(base("frozen+text", RelationInText::Query)?));
        let descriptions = dataset.relations.iter().map(|relation| relation.description().to_string()).collect();
        scorers.push(Box::new(ProductScorer::new(Box::new(base("frozen", RelationInText::None)?), descriptions)));
    }
    if let Some(maps) = LinearMapScorer::fit(Box::new(base("frozen", RelationInText::None)?), dataset, splits)? {
        scorers.push(Box::new(maps));
    }
    Ok(())
}
