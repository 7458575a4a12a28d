//! The metric that training watches: filtered mean reciprocal rank over the validation items, fused view.

use std::collections::BTreeMap;

use burn::module::Module;
use rcml_data::{Dataset, ImageConfig, RelationGraph, Split, Splits};
use rcml_eval::metrics::{Rank, mean_std};
use rcml_model::{Embedder, ExactWords, ModelConfig, Rcml, RelationQuery};

use crate::data::RunData;
use crate::{Error, Result};

/// Name of the metric in logs.
pub(crate) const METRIC: &str = "validation_mrr";

/// Questions whose answers are validation items: drawn once, the same at every validation.
pub(crate) struct Validation {
    items: Vec<u32>,
    /// Relation -> (query, answer) as positions in `items`.
    questions: BTreeMap<u32, Vec<(u32, u32)>>,
    /// What is true of them: pairs of validation, and of training where the split is one of edges. A model must not be marked down for
    /// ranking high what it was taught. Pairs of the test part stay unknown.
    known: RelationGraph,
}

impl Validation {
    /// At most `limit` triples, spread evenly over the validation pairs in their order, relation by relation. `None` where
    /// there is nothing to ask.
    pub(crate) fn new(data: &RunData, limit: usize) -> Option<Self> {
        let (dataset, splits) = (&data.dataset, &data.splits);
        let graph =
            RelationGraph::new(dataset.items.len(), &dataset.relations, splits.edges_of(dataset, Split::Validation));
        let items = splits.items_of(Split::Validation);
        let position: BTreeMap<u32, u32> = items.iter().copied().zip(0..).collect();
        let mut triples = Vec::new();
        for relation in 0..graph.relations() as u32 {
            for query in graph.anchors(relation) {
                triples.extend(graph.targets(relation, *query).iter().map(|answer| (relation, *query, *answer)));
            }
        }
        let count = triples.len().min(limit);
        let mut questions: BTreeMap<u32, Vec<(u32, u32)>> = BTreeMap::new();
        for k in 0..count {
            let (relation, query, answer) = triples[k * triples.len() / count];
            if let (Some(query), Some(answer)) = (position.get(&query), position.get(&answer)) {
                questions.entry(relation).or_default().push((*query, *answer));
            }
        }
        (!questions.is_empty()).then(|| Self { items, questions, known: known(dataset, splits) })
    }

    /// Reciprocal rank of the answer to every question; the metric is their mean. `words`: those beside the model's vectors.
    pub(crate) fn measure(
        &self,
        model: &Rcml,
        config: &ModelConfig,
        image: &ImageConfig,
        data: &RunData,
        words: Option<ExactWords>,
    ) -> Result<Vec<f64>> {
        let model = model.valid();
        let device = model.devices().into_iter().next().ok_or_else(|| Error::input("the model has no parameters"))?;
        let embedder = Embedder::new(model, config.clone(), data.texts.clone(), image.clone(), device.inner());
        let embedder = embedder.with_exact_words(words);
        let encoded = embedder.encode(&data.reader, &self.items, &|_| {})?;
        let mut found = Vec::new();
        for (relation, questions) in &self.questions {
            let described = &data.dataset.relations[*relation as usize];
            let (anchor, candidate) = config.roles.of(described);
            let query = |role| RelationQuery::Relation(described.description().to_string(), role);
            // A relation of a large graph is asked for a few items of many: those alone are embedded as queries.
            let mut asking: Vec<u32> = questions.iter().map(|(query, _)| *query).collect();
            asking.dedup();
            let queries = embedder.queries(&encoded.select(&asking), &query(anchor))?.fused;
            let candidates = embedder.candidates(&encoded, &query(candidate))?.fused;
            let [n, _] = candidates.dims();
            let scores: Vec<f32> = queries.matmul(candidates.transpose()).try_into_vec_as().map_err(Error::device)?;
            for (query, answer) in questions {
                let row = &scores[asking.partition_point(|other| other < query) * n..][..n];
                let right = self.known.targets(*relation, self.items[*query as usize]);
                let wrong = row
                    .iter()
                    .zip(&self.items)
                    .zip(0u32..)
                    .filter(|((_, item), position)| position != query && right.binary_search(item).is_err());
                let wrong: Vec<f32> = wrong.map(|((score, _), _)| *score).collect();
                found.push(Rank::of(row[*answer as usize], &wrong).reciprocal());
            }
        }
        Ok(found)
    }
}

/// Pairs of training and of validation.
fn known(dataset: &Dataset, splits: &Splits) -> RelationGraph {
    let edges = splits.edges_of(dataset, Split::Train).chain(splits.edges_of(dataset, Split::Validation));
    RelationGraph::new(dataset.items.len(), &dataset.relations, edges)
}

/// Questions without which nothing is said about chance.
const ENOUGH: usize = 100;

/// Whether the last step answers the questions no worse than the best one by more than a standard error of the difference. Then
/// the best was the best of many by chance, and the last step has all that the rate's decline brought.
pub(crate) fn is_as_good(last: &[f64], best: &[f64]) -> bool {
    let Some((gain, error)) = gain(best, last) else { return true };
    -gain <= error
}

/// Whether answers are better than those before by more than so many standard errors of the difference, over enough questions.
pub(crate) fn is_better(now: &[f64], before: &[f64], errors: f64) -> bool {
    now.len() >= ENOUGH && gain(before, now).is_some_and(|(gain, error)| gain > errors * error)
}

/// The mean difference of paired answers and its standard error, which is 0 for too few.
fn gain(before: &[f64], now: &[f64]) -> Option<(f64, f64)> {
    let differences: Vec<f64> = now.iter().zip(before).map(|(now, before)| now - before).collect();
    let found = mean_std(&differences)?;
    let error = found.std.filter(|_| found.count >= ENOUGH).map_or(0.0, |std| std / (found.count as f64).sqrt());
    Some((found.mean, error))
}

#[cfg(test)]
mod tests {
    use rcml_data::{Edge, Item, Relation, SplitConfig, SplitStrategy};

    use super::*;

    #[test]
    fn a_loss_within_chance_is_none() {
        let best: Vec<f64> = (0..400).map(|i| f64::from(i % 4) / 4.0).collect();
        let with = |change: &dyn Fn(usize) -> f64, n: usize| -> Vec<f64> {
            best.iter().enumerate().take(n).map(|(i, value)| value + change(i)).collect()
        };
        // Half lose 0.2 and half win 0.19: a standard error is 0.0098, the loss 0.005.
        let noise = |i: usize| if i.is_multiple_of(2) { -0.2 } else { 0.19 };
        assert!(is_as_good(&with(&noise, 400), &best));
        assert!(!is_as_good(&with(&noise, 90), &best[..90]), "too few to tell");
        assert!(!is_as_good(&with(&|i| noise(i) - 0.01, 400), &best), "a loss of 0.015");
        assert!(!is_as_good(&with(&|_| -0.001, 400), &best), "every question loses");
        assert!(is_as_good(&with(&|_| 0.0, 3), &best[..3]) && is_as_good(&with(&|_| 0.1, 3), &best[..3]));
        let better = |change: &dyn Fn(usize) -> f64, n: usize, errors| is_better(&with(change, n), &best[..n], errors);
        let gained = |i: usize| noise(i) + 0.02;
        assert!(better(&gained, 400, 1.0) && !better(&gained, 400, 2.0) && !better(&|i| noise(i) + 0.01, 400, 1.0));
        assert!(!better(&|_| 0.1, 90, 1.0) && !better(&|_| 0.0, 400, 1.0), "too few, nothing");
    }

    /// Where edges are split every item is in every part: what was trained on is no wrong answer, and of the test part nothing is known.
    #[test]
    fn pairs_of_training_are_right_answers() {
        let edge = |target, split| Edge { split: Some(split), ..Edge::new(0, 0, target) };
        let dataset = Dataset {
            items: (0..4).map(|i| Item::new(format!("i{i}")).text("a thing")).collect(),
            relations: vec![Relation::new("r", "goes with").symmetric(true)],
            edges: vec![edge(1, Split::Train), edge(2, Split::Validation), edge(3, Split::Test)],
            ..Dataset::default()
        };
        let config = SplitConfig { strategy: SplitStrategy::Edges, ..SplitConfig::default() };
        let splits = Splits::assign(&dataset, &config).unwrap();
        assert_eq!(known(&dataset, &splits).targets(0, 0), [1, 2]);
    }
}
