//! Knowledge-graph embeddings: items without content.

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rcml_data::{Dataset, Split, Splits};

use crate::algebra::dot;
use crate::{RelationRef, Result, Scorer, View};

/// Values of an item, or of a relation.
const WIDTH: usize = 64;
/// Steps in all at most; an epoch is one step per training edge and direction.
const STEPS: usize = 300_000;
/// Epochs at most.
const EPOCHS: usize = 60;
/// False pairs for each true one.
const NEGATIVES: usize = 4;
/// Adagrad's learning rate.
const RATE: f32 = 0.2;
/// Weight decay of what a step touches.
const DECAY: f32 = 1e-4;

/// How three vectors make a score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KnowledgeGraph {
    /// sum a r b (Yang et al., 2015): the same in both directions.
    DistMult,
    /// Re sum a r conj(b) over complex numbers (Trouillon et al., 2016): directions may differ.
    ComplEx,
}

/// An embedding of items and relations fitted on training edges alone: no text, no picture. It shows what content brings: an item
/// without a training edge has a vector of zeros, all of whose scores are tied, so on held-out items this is chance. AVG stands
/// for its only view.
#[derive(Debug)]
pub struct KnowledgeGraphScorer {
    kind: KnowledgeGraph,
    items: Vec<f32>,
    relations: Vec<f32>,
}

/// Values and the sums of their squared gradients.
struct Table {
    values: Vec<f32>,
    squares: Vec<f32>,
}

impl Table {
    fn new(rows: usize, rng: &mut ChaCha8Rng) -> Self {
        let values = (0..rows * WIDTH).map(|_| rng.random_range(-0.3..0.3)).collect();
        Self { values, squares: vec![1e-6; rows * WIDTH] }
    }

    fn row(&self, index: u32) -> &[f32] {
        &self.values[index as usize * WIDTH..][..WIDTH]
    }

    fn step(&mut self, index: u32, gradient: &[f32]) {
        let range = index as usize * WIDTH..(index as usize + 1) * WIDTH;
        let cells = self.values[range.clone()].iter_mut().zip(&mut self.squares[range]);
        for ((value, square), slope) in cells.zip(gradient) {
            let slope = slope + DECAY * *value;
            *square += slope * slope;
            *value -= RATE * slope / square.sqrt();
        }
    }
}

impl KnowledgeGraphScorer {
    /// Fits the vectors by logistic loss against random items, with Adagrad, in an order that the seed gives.
    pub fn fit(kind: KnowledgeGraph, dataset: &Dataset, splits: &Splits, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let n = dataset.items.len() as u32;
        let mut edges: Vec<[u32; 3]> = Vec::new();
        for edge in splits.edges_of(dataset, Split::Train) {
            if edge.source >= n || edge.target >= n {
                continue;
            }
            edges.push([edge.source, edge.relation, edge.target]);
            if dataset.relations.get(edge.relation as usize).is_some_and(|relation| relation.symmetric) {
                edges.push([edge.target, edge.relation, edge.source]);
            }
        }
        let mut items = Table::new(n as usize, &mut rng);
        let mut relations = Table::new(dataset.relations.len(), &mut rng);
        let mut trained: Vec<u32> = edges.iter().flat_map(|[a, _, b]| [*a, *b]).collect();
        trained.sort_unstable();
        trained.dedup();
        let epochs = if edges.is_empty() { 0 } else { (STEPS / edges.len()).clamp(1, EPOCHS) };
        for _ in 0..epochs {
            edges.shuffle(&mut rng);
            for &[a, r, b] in edges.iter().take(STEPS) {
                learn(kind, &mut items, &mut relations, [a, r, b], 1.0);
                for number in 0..NEGATIVES {
                    let other = trained[rng.random_range(0..trained.len())];
                    let wrong = if number % 2 == 0 { [a, r, other] } else { [other, r, b] };
                    learn(kind, &mut items, &mut relations, wrong, 0.0);
                }
            }
        }
        // Cold items know nothing.
        for item in (0..n).filter(|item| trained.binary_search(item).is_err()) {
            items.values[item as usize * WIDTH..][..WIDTH].fill(0.0);
        }
        Self { kind, items: items.values, relations: relations.values }
    }
}

fn learn(kind: KnowledgeGraph, items: &mut Table, relations: &mut Table, [a, r, b]: [u32; 3], truth: f32) {
    let (x, w, y) = (items.row(a), relations.row(r), items.row(b));
    let score: f32 = kind.query(x, w).iter().zip(y).map(|(q, y)| q * y).sum();
    let slope = 1.0 / (1.0 + (-score).exp()) - truth;
    let times = |vector: Vec<f32>| -> Vec<f32> { vector.into_iter().map(|v| slope * v).collect() };
    let (to_y, to_x, to_w) = (times(kind.query(x, w)), times(kind.answer(w, y)), times(kind.relation(x, y)));
    items.step(a, &to_x);
    items.step(b, &to_y);
    relations.step(r, &to_w);
}

impl KnowledgeGraph {
    /// q with score = q . b. A complex vector has its real parts first.
    fn query(self, a: &[f32], r: &[f32]) -> Vec<f32> {
        self.parts(a, r, |[ar, ai], [rr, ri]| [ar * rr - ai * ri, ar * ri + ai * rr])
    }

    /// The vector with score = a . it.
    fn answer(self, r: &[f32], b: &[f32]) -> Vec<f32> {
        self.parts(r, b, |[rr, ri], [br, bi]| [rr * br + ri * bi, rr * bi - ri * br])
    }

    /// The vector with score = r . it.
    fn relation(self, a: &[f32], b: &[f32]) -> Vec<f32> {
        self.parts(a, b, |[ar, ai], [br, bi]| [ar * br + ai * bi, ar * bi - ai * br])
    }

    fn parts(self, x: &[f32], y: &[f32], of: impl Fn([f32; 2], [f32; 2]) -> [f32; 2]) -> Vec<f32> {
        match self {
            Self::DistMult => x.iter().zip(y).map(|(x, y)| x * y).collect(),
            Self::ComplEx => {
                let half = WIDTH / 2;
                let mut out = vec![0.0; WIDTH];
                for i in 0..half {
                    [out[i], out[half + i]] = of([x[i], x[half + i]], [y[i], y[half + i]]);
                }
                out
            }
        }
    }
}

impl Scorer for KnowledgeGraphScorer {
    fn name(&self) -> &str {
        match self.kind {
            KnowledgeGraph::DistMult => "distmult",
            KnowledgeGraph::ComplEx => "complex",
        }
    }

    fn views(&self) -> Vec<View> {
        vec![View::avg()]
    }

    fn scores(&mut self, relation: RelationRef, _: &View, queries: &[u32], candidates: &[u32]) -> Result<Vec<f32>> {
        let RelationRef::Index(index) = relation else { return Ok(vec![f32::NAN; queries.len() * candidates.len()]) };
        let row = |index: u32| index as usize * WIDTH..(index as usize + 1) * WIDTH;
        let relation = self.relations.get(row(index));
        let mut scores = Vec::with_capacity(queries.len() * candidates.len());
        for query in queries {
            let ends = self.items.get(row(*query)).zip(relation);
            let asked = ends.map(|(query, relation)| self.kind.query(query, relation));
            scores.extend(candidates.iter().map(|candidate| match (&asked, self.items.get(row(*candidate))) {
                (Some(asked), Some(candidate)) => dot(asked, candidate),
                _ => f32::NAN,
            }));
        }
        Ok(scores)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::fixture;
    use crate::{EvalOptions, EvalSet, Task};

    fn mrr(kind: KnowledgeGraph, cold: bool) -> (f64, f64) {
        let (dataset, mut splits) = fixture::colours(40, 16);
        splits.relations.fill(Split::Train);
        if !cold {
            // Every fifth edge is held out, and every item is known.
            splits.items.fill(Split::Train);
            let of = |i: usize| if i.is_multiple_of(5) { Split::Test } else { Split::Train };
            splits.edges = (0..dataset.edges.len()).map(|i| Some(of(i))).collect();
        }
        let mut scorer = KnowledgeGraphScorer::fit(kind, &dataset, &splits, 0);
        let set = EvalSet::new(&dataset, &splits, Split::Test).unwrap();
        let rows = Task::Retrieval.run(&set, &mut scorer, &EvalOptions::default(), &mut |_, _| {}).unwrap().rows;
        let row = rows.iter().find(|r| r.protocol == "full" && r.relations == "all" && r.metric == "mrr").unwrap();
        (row.value, row.chance)
    }

    #[test]
    fn known_items_are_linked_and_cold_items_are_guessed() {
        for kind in [KnowledgeGraph::DistMult, KnowledgeGraph::ComplEx] {
            let (value, chance) = mrr(kind, false);
            assert!(value > 2.0 * chance, "{kind:?}: {value}, chance {chance}");
            let (value, chance) = mrr(kind, true);
            assert!((value - chance).abs() < 1e-9, "{kind:?}: {value}, chance {chance}");
        }
    }

    #[test]
    fn the_three_gradients_are_of_one_score() {
        let vector =
            |seed: usize| -> Vec<f32> { (0..WIDTH).map(|i| ((i * 7 + seed * 13) % 11) as f32 / 11.0 - 0.5).collect() };
        let (a, r, b) = (vector(1), vector(2), vector(3));
        for kind in [KnowledgeGraph::DistMult, KnowledgeGraph::ComplEx] {
            let dot = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f32>();
            let score = dot(&kind.query(&a, &r), &b);
            assert!((dot(&kind.answer(&r, &b), &a) - score).abs() < 1e-4, "{kind:?}");
            assert!((dot(&kind.relation(&a, &b), &r) - score).abs() < 1e-4, "{kind:?}");
        }
        let turned = dot_of(KnowledgeGraph::ComplEx, &b, &r, &a) - dot_of(KnowledgeGraph::ComplEx, &a, &r, &b);
        assert!(turned.abs() > 1e-3, "directions differ");
    }

    fn dot_of(kind: KnowledgeGraph, a: &[f32], r: &[f32], b: &[f32]) -> f32 {
        kind.query(a, r).iter().zip(b).map(|(x, y)| x * y).sum()
    }
}
