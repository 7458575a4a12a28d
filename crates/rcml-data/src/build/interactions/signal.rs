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
    /// Pairs that the other users chose, over all folds.
    pub pairs: usize,
    /// Meetings of these pairs among the users of the fold.
    pub observed: f64,
    /// Meetings that popularity alone would give there.
    pub expected: f64,
    /// Standard deviation of the difference between the two, from the spread over users.
    pub deviation: f64,
    /// That difference in standard deviations.
    pub z: f64,
    /// Probability of a `z` as large without any signal.
    pub p: f64,
}

/// What can be said of a [`Signal`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The edges say more than popularity does.
    Beyond,
    /// They may or may not: too few users have met the pairs.
    Open,
    /// Popularity explains them.
    Popularity,
}

impl Verdict {
    /// What it means for who wants to train on the edges; nothing where all is well.
    pub(crate) fn advice(self) -> Option<&'static str> {
        match self {
            Self::Beyond => None,
            Self::Open => Some(
                "There are TOO FEW USERS TO TELL whether the edges say more than popularity does: look at them before you \
                 train on them.",
            ),
            Self::Popularity => Some("The edges carry NO SIGNAL BEYOND POPULARITY: do not train on them."),
        }
    }
}

/// Meetings over those of popularity alone from which on edges say more. The null model is a model: how exactly large baskets
/// fill up with popular items differs between shops, and alone may lift the most popular pairs by several percent.
const LEAST_LIFT: f64 = 1.2;

/// Standard deviations beyond which chance is ruled out: one chance in a thousand.
const LEAST_Z: f64 = 3.09;

impl Signal {
    /// Observed over expected; 1 where popularity explains everything, 0 where there is nothing to judge.
    pub fn lift(&self) -> f64 {
        if self.expected > 0.0 { self.observed / self.expected } else { 0.0 }
    }

    /// Whether there is a signal beyond popularity: at least one meeting in six that popularity does not explain, and less
    /// than one chance in 1,000 of seeing as much without any.
    pub fn is_there(&self) -> bool {
        self.verdict() == Verdict::Beyond
    }

    /// What can be said at one chance in 1,000 of an error either way.
    pub fn verdict(&self) -> Verdict {
        if self.lift() > LEAST_LIFT && self.z > LEAST_Z {
            Verdict::Beyond
        } else if self.pairs > 0 && self.observed + LEAST_Z * self.deviation.max(1.0) < LEAST_LIFT * self.expected {
            Verdict::Popularity
        } else {
            Verdict::Open
        }
    }
}

/// Users are parted in so many folds. Each is asked about the pairs that the others chose: with few of them, the others would be
/// too few to choose what all choose, and nothing could be said of small logs.
const FOLDS: u64 = 5;

/// Chooses edges by all users but those of a fold and counts their meetings among those, for every fold; the signal of each of
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
    let fold = |user: usize| xxh3_64_with_seed(&(user as u64).to_le_bytes(), seed) % FOLDS;
    // Fewer users are less support, but two are the fewest that can confirm each other.
    let support = (u64::from(options.support) * (FOLDS - 1)).div_ceil(FOLDS) as u32;
    let options = EdgeOptions { support: support.max(options.support.min(2)), ..options.clone() };
    let mut parts: Vec<Tally> = vec![Tally::default(); k + 1];
    for held_out in 0..FOLDS {
        let choosing = baskets.of_users(|user| fold(user) != held_out);
        let judging = baskets.of_users(|user| fold(user) == held_out);
        let chosen = select(&choosing, &NullModel::fit(&choosing), clusters, k, &options).chosen;
        let model = NullModel::fit(&judging);
        let judges: Vec<usize> = (0..baskets.users()).filter(|&user| fold(user) == held_out).collect();
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
        let deviation = spread.sqrt();
        let z = if deviation > 0.0 { (observed - expected) / deviation } else { 0.0 };
        Signal { pairs, observed, expected, deviation, z, p: normal_tail(z) }
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
