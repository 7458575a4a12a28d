//! One matrix for each relation, in closed form.

use std::collections::HashMap;

use rcml_data::{Dataset, RelationGraph, Split, Splits};

use crate::algebra::{Cholesky, cross_products, dot};
use crate::item_vectors::{Conditioning, ItemVectors};
use crate::metrics::Rank;
use crate::{RelationRef, Result, Scorer, Side, View};

/// Pairs of a relation that a map is fitted on at most, and pairs it is chosen on.
const PAIRS: (usize, usize) = (4_000, 200);
/// How much the map is held to the identity, in units of the vectors' mean square times the number of pairs.
const HOLDS: [f64; 4] = [0.03, 0.3, 3.0, 30.0];

/// A linear map for each relation between vectors that no relation conditions: W_r = argmin sum |z_a W - z_b|^2 +
/// h |W - I|^2 over the relation's training edges (a, b), which is (A^T A + h I)^-1 (A^T B + h I); a score is the cosine of z_a W_r
/// with z_b. h is chosen on validation edges, once for all relations. A relation without training edges uses the map of all
/// edges. View AVG alone.
pub struct LinearMapScorer {
    base: Box<dyn Scorer>,
    maps: HashMap<u32, Vec<f32>>,
    /// For relations that training does not know.
    common: Vec<f32>,
    vectors: Option<ItemVectors>,
    items: Vec<u32>,
}

type Pairs = Vec<(u32, u32)>;

impl LinearMapScorer {
    /// Fits the maps to the vectors of `base`; `None` where it has no vectors, or there is nothing to fit on.
    ///
    /// # Errors
    /// The base's own.
    pub fn fit(mut base: Box<dyn Scorer>, dataset: &Dataset, splits: &Splits) -> Result<Option<Self>> {
        let pairs_of = |split: Split, at_most: usize| -> Vec<Pairs> {
            let graph = RelationGraph::new(dataset.items.len(), &dataset.relations, splits.edges_of(dataset, split));
            (0..dataset.relations.len() as u32).map(|relation| spread(&graph, relation, at_most)).collect()
        };
        let (training, validation) = (pairs_of(Split::Train, PAIRS.0), pairs_of(Split::Validation, PAIRS.1));
        let mut items: Vec<u32> = training.iter().chain(&validation).flatten().flat_map(|p| [p.0, p.1]).collect();
        items.sort_unstable();
        items.dedup();
        if training.iter().all(Vec::is_empty) {
            return Ok(None);
        }
        base.prepare(&items)?;
        let Some(vectors) = base.item_vectors(Conditioning::None, &Side::Mean, &items)? else { return Ok(None) };
        // Relation by relation, twice: moments and maps of all of them at once would be width x width values for each.
        let mut all = Moments::none(vectors.width());
        let mut found = [Quality::default(); HOLDS.len()];
        for (pairs, asked) in training.iter().zip(&validation).filter(|(pairs, _)| !pairs.is_empty()) {
            let moments = Moments::of(&vectors, pairs);
            all.add(&moments);
            if moments.pairs > 0 && !asked.is_empty() {
                for (hold, found) in HOLDS.iter().zip(&mut found) {
                    moments.map(*hold).iter().for_each(|map| found.add(map, &vectors, asked));
                }
            }
        }
        let common: Vec<Option<Vec<f32>>> = HOLDS.iter().map(|hold| all.map(*hold)).collect();
        for asked in training.iter().zip(&validation).filter(|(pairs, _)| pairs.is_empty()).map(|(_, asked)| asked) {
            for (common, found) in common.iter().zip(&mut found) {
                common.iter().for_each(|map| found.add(map, &vectors, asked));
            }
        }
        let fitted =
            HOLDS.into_iter().zip(common).zip(found).filter_map(|((hold, map), found)| Some((hold, map?, found)));
        // The first of equals, which is held least.
        let best = fitted.reduce(|best, next| if next.2.mean() > best.2.mean() { next } else { best });
        let Some((hold, common, _)) = best else { return Ok(None) };
        let mut maps = HashMap::new();
        for (relation, pairs) in (0..).zip(&training).filter(|(_, pairs)| !pairs.is_empty()) {
            let moments = Moments::of(&vectors, pairs);
            if moments.pairs > 0 {
                maps.extend(moments.map(hold).map(|map| (relation, map)));
            }
        }
        Ok(Some(Self { base, maps, common, vectors: None, items: Vec::new() }))
    }

    /// z W, of unit length.
    fn turn(&self, relation: u32, vector: &[f32]) -> Vec<f32> {
        turn(self.maps.get(&relation).unwrap_or(&self.common), vector)
    }

    fn known(&mut self, items: impl Iterator<Item = u32>) -> Result<()> {
        let missing: Vec<u32> =
            items.filter(|item| self.vectors.as_ref().is_none_or(|vectors| !vectors.knows(*item))).collect();
        if !missing.is_empty() {
            self.items.extend(missing);
            self.items.sort_unstable();
            self.items.dedup();
            self.vectors = self.base.item_vectors(Conditioning::None, &Side::Mean, &self.items)?;
        }
        Ok(())
    }

    fn score(&self, relation: RelationRef, query: u32, candidates: impl Iterator<Item = u32>) -> Vec<f32> {
        let vector = |item: u32| self.vectors.as_ref().and_then(|vectors| vectors.get(item));
        let turned = match (vector(query), relation) {
            (Some(query), RelationRef::Index(relation)) => Some(self.turn(relation, query)),
            (Some(query), RelationRef::SameItem) => Some(query.to_vec()),
            (None, _) => None,
        };
        let of = |item: u32| match (&turned, vector(item)) {
            (Some(query), Some(candidate)) => dot(query, candidate),
            _ => f32::NAN,
        };
        candidates.map(of).collect()
    }
}

/// z W, of unit length.
fn turn(map: &[f32], vector: &[f32]) -> Vec<f32> {
    let mut out = vec![0.0; vector.len()];
    for (value, row) in vector.iter().zip(map.chunks(vector.len().max(1))) {
        out.iter_mut().zip(row).for_each(|(o, w)| *o += value * w);
    }
    let length = dot(&out, &out).sqrt().max(f32::MIN_POSITIVE);
    out.iter_mut().for_each(|o| *o /= length);
    out
}

/// Reciprocal ranks of answers among the answers of their relation's other validation pairs.
#[derive(Debug, Clone, Copy, Default)]
struct Quality {
    sum: f64,
    count: u32,
}

impl Quality {
    fn add(&mut self, map: &[f32], vectors: &ItemVectors, pairs: &[(u32, u32)]) {
        for &(a, b) in pairs {
            let Some(query) = vectors.get(a).map(|vector| turn(map, vector)) else { continue };
            let score = |item: u32| vectors.get(item).map_or(f32::NAN, |vector| dot(&query, vector));
            let wrong: Vec<f32> = pairs.iter().filter(|pair| pair.1 != b).map(|pair| score(pair.1)).collect();
            self.sum += Rank::of(score(b), &wrong).reciprocal();
            self.count += 1;
        }
    }

    fn mean(self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum / f64::from(self.count) }
    }
}

/// Up to `at_most` pairs of a relation, evenly over its list.
fn spread(graph: &RelationGraph, relation: u32, at_most: usize) -> Pairs {
    let all: Pairs = graph
        .anchors(relation)
        .iter()
        .flat_map(|&a| graph.targets(relation, a).iter().map(move |&t| (a, t)))
        .filter(|(a, t)| a != t)
        .collect();
    let step = all.len().div_ceil(at_most.max(1)).max(1);
    all.into_iter().step_by(step).collect()
}

/// A^T A and A^T B of some pairs.
struct Moments {
    own: Vec<f64>,
    across: Vec<f64>,
    pairs: usize,
    width: usize,
}

impl Moments {
    fn of(vectors: &ItemVectors, pairs: &[(u32, u32)]) -> Self {
        let width = vectors.width();
        let known = pairs.iter().filter_map(|(a, b)| Some((vectors.get(*a)?, vectors.get(*b)?)));
        let (a, b): (Vec<&[f32]>, Vec<&[f32]>) = known.unzip();
        let (n, a, b, origin) = (a.len(), a.concat(), b.concat(), vec![0.0; width]);
        Self {
            own: cross_products(&a, width, &origin, &a, width, &origin),
            across: cross_products(&a, width, &origin, &b, width, &origin),
            pairs: n,
            width,
        }
    }

    fn none(width: usize) -> Self {
        Self { own: vec![0.0; width * width], across: vec![0.0; width * width], pairs: 0, width }
    }

    fn add(&mut self, other: &Self) {
        self.own.iter_mut().zip(&other.own).for_each(|(sum, value)| *sum += value);
        self.across.iter_mut().zip(&other.across).for_each(|(sum, value)| *sum += value);
        self.pairs += other.pairs;
    }

    /// (A^T A + h I)^-1 (A^T B + h I).
    fn map(&self, hold: f64) -> Option<Vec<f32>> {
        let d = self.width;
        let trace: f64 = (0..d).map(|i| self.own[i * d + i]).sum();
        let h = (hold * trace / d as f64).max(1e-9);
        let (mut own, mut across) = (self.own.clone(), self.across.clone());
        for i in 0..d {
            own[i * d + i] += h;
            across[i * d + i] += h;
        }
        Cholesky::new(own, d)?.solve(&mut across, d);
        Some(across.into_iter().map(|v| v as f32).collect())
    }
}

impl std::fmt::Debug for LinearMapScorer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LinearMapScorer").field("maps", &self.maps.len()).finish_non_exhaustive()
    }
}

impl Scorer for LinearMapScorer {
    fn name(&self) -> &str {
        "linear-map"
    }

    fn views(&self) -> Vec<View> {
        vec![View::avg()]
    }

    fn prepare(&mut self, items: &[u32]) -> Result<()> {
        self.known(items.iter().copied())
    }

    fn scores(&mut self, relation: RelationRef, _: &View, queries: &[u32], candidates: &[u32]) -> Result<Vec<f32>> {
        self.known(queries.iter().chain(candidates).copied())?;
        Ok(queries.iter().flat_map(|query| self.score(relation, *query, candidates.iter().copied())).collect())
    }

    fn pair_scores(&mut self, relation: RelationRef, _: &View, pairs: &[(u32, u32)]) -> Result<Vec<f32>> {
        self.known(pairs.iter().flat_map(|pair| [pair.0, pair.1]))?;
        let runs = pairs.chunk_by(|a, b| a.0 == b.0);
        Ok(runs.flat_map(|run| self.score(relation, run[0].0, run.iter().map(|pair| pair.1))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::fixture;
    use crate::{EvalOptions, EvalSet, Task};

    /// Vectors that say colour loudly and shape softly.
    struct Factors;

    impl Scorer for Factors {
        fn name(&self) -> &str {
            "factors"
        }

        fn views(&self) -> Vec<View> {
            vec![View::avg()]
        }

        fn scores(&mut self, _: RelationRef, _: &View, _: &[u32], _: &[u32]) -> Result<Vec<f32>> {
            Ok(vec![])
        }

        fn item_vectors(&mut self, _: Conditioning, _: &Side, items: &[u32]) -> Result<Option<ItemVectors>> {
            let mut values = vec![0.0; items.len() * 7];
            for (row, item) in values.chunks_mut(7).zip(items) {
                row[*item as usize % 4] = 0.9;
                row[4 + *item as usize / 4 % 3] = 0.43;
            }
            Ok(Some(ItemVectors::new(items, 7, values, vec![true; items.len()])))
        }
    }

    #[test]
    fn maps_learn_which_factor_a_relation_is_about() {
        let (dataset, mut splits) = fixture::colours(90, 40);
        // Both relations are seen here.
        splits.relations.fill(Split::Train);
        let mut scorer = LinearMapScorer::fit(Box::new(Factors), &dataset, &splits).unwrap().unwrap();
        let set = EvalSet::new(&dataset, &splits, Split::Test).unwrap();
        let rows = Task::Retrieval.run(&set, &mut scorer, &EvalOptions::default(), &mut |_, _| {}).unwrap().rows;
        for relation in ["same-colour", "same-shape"] {
            let row =
                rows.iter().find(|r| r.relations == relation && r.metric == "hit@1" && r.protocol == "full").unwrap();
            assert!(row.value > 0.95, "{row:?}");
        }
    }

    #[test]
    fn without_training_edges_there_is_no_map() {
        let (dataset, mut splits) = fixture::colours(30, 10);
        splits.edges.fill(None);
        assert!(LinearMapScorer::fit(Box::new(Factors), &dataset, &splits).unwrap().is_none());
    }
}
