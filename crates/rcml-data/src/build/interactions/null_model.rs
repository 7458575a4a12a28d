//! What popularity alone would do: how often two items meet in a basket when users differ only in how much they take,
//! and items only in how many take them.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::baskets::Baskets;

/// The bipartite configuration model (Saracco et al. 2017, "Inferring monopartite projections of bipartite networks: an
/// entropy-based approach"): the distribution of largest entropy among those that give every user and every item its
/// number of interactions in expectation. User u has item i with probability
///
/// ```text
/// p(u, i) = x_u y_i / (1 + x_u y_i)
/// ```
///
/// independently. Users with equal numbers are alike, and so are items: there are few different x and y.
///
/// Departure: the size n of a basket is known exactly, not only in expectation. A basket of two would otherwise be expected to
/// hold twice as many pairs as it does. Given its size, it holds both i and j with probability
///
/// ```text
/// p_i p_j (1 - (1 - p_i) (1 - p_j) / d),    d = sum_k p_k (1 - p_k)
/// ```
///
/// (Hajek 1964, "Asymptotic theory of rejective sampling"), scaled so that the pairs of a basket sum to n (n - 1) / 2.
#[derive(Debug, Clone)]
pub(crate) struct NullModel {
    /// Class of each user: an index into `rows`.
    user_class: Vec<u32>,
    /// Class of each item: an index into each of the `rows`.
    item_class: Vec<u32>,
    /// Per user class and item class, p.
    rows: Vec<Vec<f64>>,
    /// Per user class, what the probability of a pair is scaled by.
    scale: Vec<f64>,
    /// Per user class, d.
    spread: Vec<f64>,
}

/// Largest relative error of an expected number of interactions.
const TOLERANCE: f64 = 1e-8;

/// Iterations at most.
const ITERATIONS: usize = 10_000;

impl NullModel {
    /// Fits the model to baskets.
    pub(crate) fn fit(baskets: &Baskets) -> Self {
        let sizes: Vec<u32> = baskets.iter().map(|basket| basket.len() as u32).collect();
        let (user_class, users) = classes(&sizes);
        let (item_class, items) = classes(&baskets.popularity());
        let (x, y) = solve(&users, &items);
        let probability = |x: f64, y: f64| {
            let odds = x * y;
            if odds.is_finite() { odds / (1.0 + odds) } else { 1.0 }
        };
        let rows: Vec<Vec<f64>> = x.par_iter().map(|&x| y.iter().map(|&y| probability(x, y)).collect()).collect();
        let moments = users.iter().zip(&rows).map(|(&(size, _), row)| {
            let total = |of: &dyn Fn(f64) -> f64| row.iter().zip(&items).map(|(&p, &(_, n))| n * of(p)).sum::<f64>();
            let (sum, squares) = (total(&|p| p), total(&|p| p * p));
            let (spread, squared) = (total(&|p| p * (1.0 - p)), total(&|p| (p * (1.0 - p)).powi(2)));
            // All ordered pairs of different items.
            let pairs = sum * sum - squares - (spread * spread - squared) / spread;
            let size = f64::from(size);
            let scale = if pairs > 1e-9 && size > 1.0 { size * (size - 1.0) / pairs } else { 0.0 };
            (scale, spread)
        });
        let (scale, spread) = moments.unzip();
        Self { user_class, item_class, scale, spread, rows }
    }

    /// Probability that a basket of a user class holds an item of each of two classes.
    fn pair(&self, user: usize, a: usize, b: usize) -> f64 {
        let scale = self.scale[user];
        if scale == 0.0 {
            return 0.0;
        }
        let (p, q) = (self.rows[user][a], self.rows[user][b]);
        scale * p * q * (1.0 - (1.0 - p) * (1.0 - q) / self.spread[user]).max(0.0)
    }

    /// Number of users of each class for which `keep` holds: what [`Self::expected`] is asked about.
    pub(crate) fn crowd(&self, keep: impl Fn(usize) -> bool) -> Vec<f64> {
        let mut crowd = vec![0.0; self.rows.len()];
        for (user, &class) in self.user_class.iter().enumerate() {
            if keep(user) {
                crowd[class as usize] += 1.0;
            }
        }
        crowd
    }

    /// Expected number of users of the crowd with both items in their basket.
    pub(crate) fn expected(&self, crowd: &[f64], a: u32, b: u32) -> f64 {
        let (a, b) = (self.item_class[a as usize] as usize, self.item_class[b as usize] as usize);
        let present = crowd.iter().enumerate().filter(|(_, count)| **count > 0.0);
        present.map(|(user, count)| count * self.pair(user, a, b)).sum()
    }

    /// Per user class, the expected number of these pairs in one basket.
    pub(crate) fn expected_per_basket(&self, pairs: &[(u32, u32)]) -> Vec<f64> {
        // Pairs of equal classes are alike as well.
        let mut alike: BTreeMap<(u32, u32), f64> = BTreeMap::new();
        for &(a, b) in pairs {
            *alike.entry((self.item_class[a as usize], self.item_class[b as usize])).or_default() += 1.0;
        }
        let alike: Vec<((u32, u32), f64)> = alike.into_iter().collect();
        let of_class = |user: usize| {
            alike.iter().map(|&((a, b), count)| count * self.pair(user, a as usize, b as usize)).sum::<f64>()
        };
        (0..self.rows.len()).into_par_iter().map(of_class).collect()
    }

    /// Class of a user.
    pub(crate) fn class(&self, user: usize) -> usize {
        self.user_class[user] as usize
    }
}

/// The class of each degree, and per class the degree and how many have it.
fn classes(degrees: &[u32]) -> (Vec<u32>, Vec<(u32, f64)>) {
    let mut counts: BTreeMap<u32, f64> = BTreeMap::new();
    degrees.iter().for_each(|&degree| *counts.entry(degree).or_default() += 1.0);
    let number: BTreeMap<u32, u32> = counts.keys().copied().zip(0..).collect();
    (degrees.iter().map(|degree| number[degree]).collect(), counts.into_iter().collect())
}

/// x of each user class and y of each item class, by the fixed point of the degree equations
/// `degree_u = sum_i x_u y_i / (1 + x_u y_i)` and the same for items.
fn solve(users: &[(u32, f64)], items: &[(u32, f64)]) -> (Vec<f64>, Vec<f64>) {
    let total: f64 = users.iter().map(|&(degree, count)| f64::from(degree) * count).sum();
    let start = |classes: &[(u32, f64)]| -> Vec<f64> {
        classes.iter().map(|&(degree, _)| f64::from(degree) / total.max(1.0).sqrt()).collect()
    };
    let (mut x, mut y) = (start(users), start(items));
    let step = |own: &[(u32, f64)], mine: &[f64], others: &[(u32, f64)], theirs: &[f64]| -> Vec<f64> {
        let of_class = |(&(degree, _), &x): (&(u32, f64), &f64)| {
            let sum: f64 = others.iter().zip(theirs).map(|(&(_, count), &y)| count * y / (1.0 + x * y)).sum();
            if sum > 0.0 { f64::from(degree) / sum } else { 0.0 }
        };
        own.par_iter().zip(mine).map(of_class).collect()
    };
    for _ in 0..ITERATIONS {
        let next_x = step(users, &x, items, &y);
        let next_y = step(items, &y, users, &next_x);
        let moved = |old: &[f64], new: &[f64]| {
            old.iter().zip(new).map(|(old, new)| (new - old).abs() / new.abs().max(1e-300)).fold(0.0, f64::max)
        };
        let change = moved(&x, &next_x).max(moved(&y, &next_y));
        (x, y) = (next_x, next_y);
        if change < TOLERANCE {
            break;
        }
    }
    (x, y)
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn the_model_gives_every_user_and_item_its_degree() {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let pairs =
            (0..900).map(|_| (rng.random_range(0..80u32), rng.random_range(0..40u32).min(rng.random_range(0..40))));
        let baskets = Baskets::new(80, 40, pairs.collect());
        let model = NullModel::fit(&baskets);
        let p = |user: usize, item: usize| model.rows[model.class(user)][model.item_class[item] as usize];
        for (user, basket) in baskets.iter().enumerate() {
            let sum: f64 = (0..40).map(|item| p(user, item)).sum();
            assert!((sum - basket.len() as f64).abs() < 1e-5, "user {user}: {sum} of {}", basket.len());
        }
        for (item, degree) in baskets.popularity().into_iter().enumerate() {
            let sum: f64 = (0..80).map(|user| p(user, item)).sum();
            assert!((sum - f64::from(degree)).abs() < 1e-5, "item {item}: {sum} of {degree}");
        }
        let crowd = model.crowd(|_| true);
        let expected: f64 =
            (0..40).flat_map(|a| (0..a).map(move |b| (a, b))).map(|(a, b)| model.expected(&crowd, a, b)).sum();
        let pairs: usize = baskets.iter().map(|basket| basket.len() * (basket.len() - 1) / 2).sum();
        assert!((expected - pairs as f64).abs() < 1e-6 * expected, "{expected} of {pairs}");
    }

    /// The oracle: random baskets with exactly the same degrees, made by swapping items between users.
    #[test]
    fn expected_meetings_agree_with_degree_preserving_randomisation() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let drawn = (0..1200).map(|_| {
            let item = (0..3).map(|_| rng.random_range(0..25u32)).min().unwrap_or(0);
            (rng.random_range(0..200u32), item)
        });
        let baskets = Baskets::new(200, 25, drawn.collect());
        let mut edges: Vec<(u32, u32)> =
            baskets.iter().zip(0..).flat_map(|(basket, u)| basket.iter().map(move |&i| (u, i))).collect();
        let mut there: std::collections::HashSet<(u32, u32)> = edges.iter().copied().collect();
        let mut meetings = vec![0.0; 25 * 25];
        let rounds = 1_500;
        for _ in 0..rounds {
            for _ in 0..3 * edges.len() {
                let (s, t) = (rng.random_range(0..edges.len()), rng.random_range(0..edges.len()));
                let ((u, i), (v, j)) = (edges[s], edges[t]);
                if !there.contains(&(u, j)) && !there.contains(&(v, i)) {
                    there.remove(&(u, i));
                    there.remove(&(v, j));
                    (edges[s], edges[t]) = ((u, j), (v, i));
                    there.extend([(u, j), (v, i)]);
                }
            }
            let shuffled = Baskets::new(200, 25, edges.clone());
            for basket in shuffled.iter() {
                for &a in basket {
                    basket.iter().for_each(|&b| meetings[a as usize * 25 + b as usize] += 1.0 / f64::from(rounds));
                }
            }
        }
        let model = NullModel::fit(&baskets);
        let crowd = model.crowd(|_| true);
        for a in 0..25 {
            for b in 0..a {
                let (told, mean) = (model.expected(&crowd, a, b), meetings[(a * 25 + b) as usize]);
                // Four standard errors of a mean of (nearly) Poisson counts, and 3 % for the independence of the model.
                let tolerance = 4.0 * (mean / f64::from(rounds)).sqrt() + 0.03 * mean + 1e-3;
                assert!((told - mean).abs() < tolerance, "{a}, {b}: {told}, but {mean} by shuffling");
            }
        }
    }
}
