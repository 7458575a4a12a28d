//! Which meetings become edges, and how strong they are.

use std::collections::BTreeMap;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::baskets::Baskets;
use super::cooccurrence::{Meeting, meetings};
use super::null_model::NullModel;
use super::significance::{ln_upper_tail, threshold};

/// What keeps popularity from answering every query.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Correction {
    /// Pairs that meet significantly more often, over all users, than in a model that knows popularity alone; at most
    /// this share of them are expected to be there by chance.
    Null {
        /// False discovery rate.
        rate: f64,
    },
    /// Pairs that meet more often in the cluster than that model expects: pointwise mutual information above zero.
    Pmi,
    /// Every pair with enough users.
    None,
}

/// What the weight of an edge says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EdgeWeight {
    /// ln(observed / expected) in the cluster, discounted where counts are small (Pantel and Lin 2002); not below 0.
    #[default]
    Pmi,
    /// Users of the cluster with both items.
    Count,
    /// That number over the geometric mean of the users of the cluster with either.
    Cosine,
}

/// How edges are chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EdgeOptions {
    /// Users of the cluster that must have both items.
    pub support: u32,
    /// Edges of an item under one relation at most, the heaviest first; 0 = any number.
    pub neighbours: usize,
    /// Popularity correction.
    pub correction: Correction,
    /// Weight.
    pub weight: EdgeWeight,
}

impl Default for EdgeOptions {
    fn default() -> Self {
        Self { support: 3, neighbours: 50, correction: Correction::Null { rate: 0.05 }, weight: EdgeWeight::Pmi }
    }
}

/// A pair of items that a relation links.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Chosen {
    pub(crate) cluster: u32,
    pub(crate) a: u32,
    pub(crate) b: u32,
    pub(crate) weight: f32,
    /// Users of the cluster with both.
    pub(crate) count: u32,
    /// What popularity alone would give.
    pub(crate) expected: f64,
}

/// The chosen pairs, ascending by (cluster, a, b), and how many had enough users.
pub(crate) struct Selection {
    pub(crate) chosen: Vec<Chosen>,
    /// Pairs with enough users.
    pub(crate) supported: usize,
    /// Of these, pairs that are significant over all users at the rate of the correction, or at 5 % without one.
    pub(crate) significant: usize,
}

/// Chooses the edges of `k` clusters. `clusters` has one entry a user.
pub(crate) fn select(
    baskets: &Baskets,
    model: &NullModel,
    clusters: &[u32],
    k: usize,
    options: &EdgeOptions,
) -> Selection {
    let found = meetings(baskets, clusters, options.support.max(1));
    let everybody = model.crowd(|_| true);
    let rate = if let Correction::Null { rate } = options.correction { rate } else { 0.05 };
    let tail = |m: &Meeting| ln_upper_tail(m.total, model.expected(&everybody, m.a, m.b));
    let ln_p: Vec<f64> = found.par_iter().map(tail).collect();
    let limit = limit(baskets, &found, &ln_p, options.support, rate);
    let is_significant = |ln_p: f64| limit.is_some_and(|limit| ln_p <= limit);

    let crowds: Vec<Vec<f64>> = (0..k as u32).map(|cluster| model.crowd(|user| clusters[user] == cluster)).collect();
    let degrees = cluster_popularity(baskets, clusters, k, options.weight);
    let weigh = |(m, &ln_p): (&Meeting, &f64)| {
        let expected = model.expected(&crowds[m.cluster as usize], m.a, m.b);
        let kept = match options.correction {
            Correction::Null { .. } => is_significant(ln_p) && f64::from(m.count) > expected,
            Correction::Pmi => f64::from(m.count) > expected,
            Correction::None => true,
        };
        let count = f64::from(m.count);
        let weight = match options.weight {
            EdgeWeight::Count => count,
            EdgeWeight::Pmi => (count / expected.max(1e-12)).ln().max(0.0) * count / (count + 1.0),
            EdgeWeight::Cosine => {
                let degree = |item: u32| degrees.get(&(m.cluster, item)).copied().unwrap_or(0).max(1) as f64;
                count / (degree(m.a) * degree(m.b)).sqrt()
            }
        };
        let chosen = Chosen { cluster: m.cluster, a: m.a, b: m.b, weight: weight as f32, count: m.count, expected };
        kept.then_some(chosen)
    };
    let chosen: Vec<Chosen> = found.par_iter().zip(&ln_p).filter_map(weigh).collect();
    let mut chosen = capped(chosen, options.neighbours);
    chosen.par_sort_unstable_by_key(|edge| (edge.cluster, edge.a, edge.b));
    let significant = ln_p.iter().filter(|&&ln_p| is_significant(ln_p)).count();
    Selection { chosen, supported: found.len(), significant }
}

/// The largest ln p of a significant pair. Every pair of items that could have had enough users is a test, whether it has or
/// not; a pair that several clusters support is one test.
fn limit(baskets: &Baskets, found: &[Meeting], ln_p: &[f64], support: u32, rate: f64) -> Option<f64> {
    let able = baskets.popularity().into_iter().filter(|&degree| degree >= support).count() as f64;
    let mut once: Vec<f64> = Vec::with_capacity(found.len());
    let mut last = None;
    for (m, &ln_p) in found.iter().zip(ln_p) {
        if last != Some((m.a, m.b)) {
            once.push(ln_p);
            last = Some((m.a, m.b));
        }
    }
    threshold(once, able * (able - 1.0) / 2.0, rate)
}

fn cluster_popularity(baskets: &Baskets, clusters: &[u32], k: usize, weight: EdgeWeight) -> BTreeMap<(u32, u32), u32> {
    let mut degrees = BTreeMap::new();
    if weight != EdgeWeight::Cosine {
        return degrees;
    }
    for (basket, &cluster) in baskets.iter().zip(clusters).filter(|&(_, &cluster)| (cluster as usize) < k) {
        basket.iter().for_each(|&item| *degrees.entry((cluster, item)).or_default() += 1);
    }
    degrees
}

/// Keeps the heaviest edges such that no item has more than `most` under one relation.
fn capped(mut edges: Vec<Chosen>, most: usize) -> Vec<Chosen> {
    if most == 0 {
        return edges;
    }
    edges.par_sort_unstable_by(|x, y| {
        x.cluster.cmp(&y.cluster).then(y.weight.total_cmp(&x.weight)).then((x.a, x.b).cmp(&(y.a, y.b)))
    });
    let mut room: std::collections::HashMap<(u32, u32), usize> = std::collections::HashMap::new();
    edges.retain(|edge| {
        let full = [edge.a, edge.b].iter().any(|&item| room.get(&(edge.cluster, item)).is_some_and(|&n| n >= most));
        if !full {
            [edge.a, edge.b].iter().for_each(|&item| *room.entry((edge.cluster, item)).or_default() += 1);
        }
        !full
    });
    edges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_item_has_more_edges_than_the_cap_and_the_heaviest_stay() {
        let edge = |a: u32, b: u32| Chosen { cluster: 0, a, b, weight: (a * 10 + b) as f32, count: 1, expected: 0.0 };
        let all: Vec<Chosen> = (0..6).flat_map(|a| (a + 1..6).map(move |b| edge(a, b))).collect();
        let kept = capped(all.clone(), 2);
        for item in 0..6 {
            assert!(kept.iter().filter(|e| e.a == item || e.b == item).count() <= 2);
        }
        assert!(kept.contains(&edge(4, 5)) && kept.contains(&edge(3, 5)) && !kept.contains(&edge(2, 5)));
        assert_eq!(capped(all.clone(), 0).len(), all.len());
    }
}
