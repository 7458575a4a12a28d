//! How often an item is drawn.

use crate::RelationGraph;

/// The chance that the pairs of a step leave an item out, for each item.
#[derive(Debug)]
pub(super) struct Frequency {
    /// Natural logarithms; 0 = always left out, minus infinity = always drawn.
    log_missed: Vec<f32>,
}

impl Frequency {
    /// From the chance that each relation is drawn and the number n of its pairs that are then drawn. An anchor is one of the
    /// relation's A anchors, uniformly, and a target one of the anchor's, so a pair of relation r holds item i with the chance
    ///
    /// ```text
    /// p_r(i) = [i is an anchor] / A_r + sum over anchors a of i: 1 / (A_r * targets of a)
    /// missed(i) = product over r of 1 - chance_r * (1 - (1 - p_r(i))^n)
    /// ```
    ///
    /// as if relations were drawn independently of each other. One pass over all lists.
    pub(super) fn new(graph: &RelationGraph, chances: &[(u32, f64)], pairs: usize) -> Self {
        let mut log_missed = vec![0.0f64; graph.items()];
        // Of the relation at hand; zero between two relations.
        let mut of_pair = vec![0.0f64; graph.items()];
        let mut touched: Vec<u32> = Vec::new();
        for &(relation, chance) in chances {
            let of_anchor = 1.0 / graph.anchors(relation).len().max(1) as f64;
            for (anchor, targets) in graph.answers(relation) {
                let of_target = of_anchor / targets.len().max(1) as f64;
                for (&item, share) in targets.iter().map(|item| (item, of_target)).chain([(&anchor, of_anchor)]) {
                    if let Some(p) = of_pair.get_mut(item as usize) {
                        if *p == 0.0 {
                            touched.push(item);
                        }
                        *p += share;
                    }
                }
            }
            for item in touched.drain(..) {
                let p = std::mem::take(&mut of_pair[item as usize]).min(1.0);
                log_missed[item as usize] += (chance * (1.0 - p).powf(pairs as f64) - chance).ln_1p();
            }
        }
        Self { log_missed: log_missed.into_iter().map(|e| e as f32).collect() }
    }

    /// log q of an item: the chance that a batch holds it, where `uniform` is the chance that it is drawn as a random item.
    pub(super) fn log_chance(&self, item: u32, uniform: f64) -> f32 {
        let log_missed = self.log_missed.get(item as usize).copied().map_or(0.0, f64::from) + (-uniform).ln_1p();
        // What is in a batch has a chance, if only by rounding.
        (-log_missed.exp_m1()).max(f64::MIN_POSITIVE).ln() as f32
    }
}

/// The chance of each to be among the `wanted` winners of exponential races with these weights: 1 - exp(-weight * t), with t
/// such that the chances sum to `wanted`. (Exact for the races that are done by then, on average.)
pub(super) fn chances(weights: &[(u32, f64)], wanted: usize) -> Vec<(u32, f64)> {
    if wanted >= weights.len() {
        return weights.iter().map(|&(relation, _)| (relation, 1.0)).collect();
    }
    let largest = weights.iter().map(|w| w.1).fold(0.0, f64::max);
    // In log t, since weights may lie many orders of magnitude apart.
    let (mut low, mut high) = (-700.0f64, 700.0f64);
    let chance = |weight: f64, log_t: f64| -(-(weight / largest) * log_t.exp()).exp_m1();
    for _ in 0..100 {
        let middle = 0.5 * (low + high);
        let sum: f64 = weights.iter().map(|w| chance(w.1, middle)).sum();
        *(if sum < wanted as f64 { &mut low } else { &mut high }) = middle;
    }
    weights.iter().map(|&(relation, weight)| (relation, chance(weight, low))).collect()
}
