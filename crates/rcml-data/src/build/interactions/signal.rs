//! Whether the edges say more than popularity does, judged by users that had no part in choosing them.

use rayon::prelude::*;
use serde::Serialize;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::baskets::Baskets;
use super::null_model::NullModel;
use super::selection::{Chosen, EdgeOptions, select};
use super::significance::normal_tail;

/// How often chosen pairs meet in baskets that did not choose them.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Signal {
    /// Pairs chosen by half of the users, over both halves.
    pub pairs: usize,
    /// Meetings of these pairs among the other half.
    pub observed: f64,
    /// Meetings that popularity alone would give there.
    pub expected: f64,
    /// Standard deviations between the two, from the spread over users.
    pub z: f64,
    /// Probability of a `z` as large without any signal.
    pub p: f64,
}

impl Signal {
    /// Observed over expected; 1 where popularity explains everything, 0 where there is nothing to judge.
    pub fn lift(&self) -> f64 {
        if self.expected > 0.0 { self.observed / self.expected } else { 0.0 }
    }

    /// Whether there is a signal beyond popularity: at least one meeting in six that popularity does not explain, and less
    /// than one chance in 1,000 of seeing as much without any. The null model is a model: how exactly large baskets fill up
    /// with popular items differs between shops, and alone may lift the most popular pairs by several percent.
    pub fn is_there(&self) -> bool {
        self.lift() > 1.2 && self.p < 1e-3
    }
}

/// Chooses edges by one half of the users and counts their meetings among the other, both ways round; the signal of each of
/// `k` clusters, and of all edges together.
///
/// The clusters were made from all users, so the counts of a cluster's own users would confirm whatever made the cluster:
/// every held-out user is asked, whatever the cluster. A pair that several clusters have counts once for all together.
pub(crate) fn signal(
    baskets: &Baskets,
    clusters: &[u32],
    k: usize,
    options: &EdgeOptions,
    seed: u64,
) -> (Vec<Signal>, Signal) {
    let half = |user: usize| xxh3_64_with_seed(&(user as u64).to_le_bytes(), seed) & 1;
    // Half of the users are half of the support; two are the fewest that can confirm each other.
    let options = EdgeOptions { support: options.support.div_ceil(2).max(options.support.min(2)), ..options.clone() };
    let mut parts: Vec<Tally> = vec![Tally::default(); k + 1];
    for held_out in 0..2 {
        let choosing = baskets.of_users(|user| half(user) != held_out);
        let judging = baskets.of_users(|user| half(user) == held_out);
        let chosen = select(&choosing, &NullModel::fit(&choosing), clusters, k, &options).chosen;
        let model = NullModel::fit(&judging);
        let judges: Vec<usize> = (0..baskets.users()).filter(|&user| half(user) == held_out).collect();
        for (cluster, edges) in chosen.chunk_by(|x, y| x.cluster == y.cluster).map(|edges| (edges[0].cluster, edges)) {
            parts[cluster as usize].add(&judging, &model, &judges, pairs(edges));
        }
        parts[k].add(&judging, &model, &judges, pairs(&chosen));
    }
    let mut signals: Vec<Signal> = parts.into_iter().map(Tally::finish).collect();
    let all = signals.pop().unwrap_or_default();
    (signals, all)
}

fn pairs(edges: &[Chosen]) -> Vec<(u32, u32)> {
    let mut pairs: Vec<(u32, u32)> = edges.iter().map(|edge| (edge.a, edge.b)).collect();
    pairs.par_sort_unstable();
    pairs.dedup();
    pairs
}

/// Sums over the users that judge.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    pairs: usize,
    observed: f64,
    expected: f64,
    /// Sum of squared differences of single users.
    spread: f64,
}

impl Tally {
    fn add(&mut self, baskets: &Baskets, model: &NullModel, judges: &[usize], pairs: Vec<(u32, u32)>) {
        let expected = model.expected_per_basket(&pairs);
        let of_user = |&user: &usize| (meetings_in(baskets.basket(user), &pairs) as f64, expected[model.class(user)]);
        let each: Vec<(f64, f64)> = judges.par_iter().with_min_len(256).map(of_user).collect();
        self.pairs += pairs.len();
        for (observed, expected) in each {
            self.observed += observed;
            self.expected += expected;
            self.spread += (observed - expected).powi(2);
        }
    }

    fn finish(self) -> Signal {
        let Self { pairs, observed, expected, spread } = self;
        let z = if spread > 0.0 { (observed - expected) / spread.sqrt() } else { 0.0 };
        Signal { pairs, observed, expected, z, p: normal_tail(z) }
    }
}

/// How many of the pairs (ascending, each ascending) a basket (ascending) holds.
fn meetings_in(basket: &[u32], pairs: &[(u32, u32)]) -> usize {
    let mut count = 0;
    for (i, &a) in basket.iter().enumerate() {
        let start = pairs.partition_point(|&(first, _)| first < a);
        let of_a = &pairs[start..start + pairs[start..].partition_point(|&(first, _)| first == a)];
        count += of_a.iter().filter(|(_, b)| basket[i + 1..].binary_search(b).is_ok()).count();
    }
    count
}
