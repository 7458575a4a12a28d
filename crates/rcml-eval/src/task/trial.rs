//! Which queries are asked, and among which candidates. Every draw is a function of the options' seed and of what is
//! drawn for, never of the method: all methods meet the same questions.

use std::collections::HashSet;

use rand::{RngExt, SeedableRng, seq};
use rand_chacha::ChaCha8Rng;

use super::EvalOptions;
use crate::EvalSet;

/// One question of the sampled protocol: the related item among random unrelated ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trial {
    pub(super) query: u32,
    pub(super) answer: u32,
    pub(super) negatives: Vec<u32>,
    /// How many negatives come from other splits, because the held-out set is too small.
    pub(super) filled: usize,
}

/// What a stream of random numbers is for; keeps the draws independent.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    Pairs = 1,
    Negatives = 2,
    Queries = 3,
    TypePairs = 4,
    Items = 5,
    Claims = 6,
    Labels = 7,
    Composed = 8,
    TypeRelations = 9,
    GeometryRelations = 10,
    KnownItems = 11,
}

/// The stream for a purpose and up to three indices.
pub(super) fn stream(seed: u64, purpose: Purpose, key: [u32; 3]) -> ChaCha8Rng {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8] = purpose as u8;
    for (k, part) in key.iter().enumerate() {
        bytes[12 + 4 * k..16 + 4 * k].copy_from_slice(&part.to_le_bytes());
    }
    ChaCha8Rng::from_seed(bytes)
}

/// `at_most` of `items`, in their order.
pub(super) fn draw<T: Copy>(items: &[T], at_most: usize, mut rng: ChaCha8Rng) -> Vec<T> {
    if items.len() <= at_most {
        return items.to_vec();
    }
    let mut chosen = seq::index::sample(&mut rng, items.len(), at_most).into_vec();
    chosen.sort_unstable();
    chosen.into_iter().map(|i| items[i]).collect()
}

/// Pairs (query, answer) of a relation in the split; a symmetric relation has both orders.
pub(super) fn pairs(set: &EvalSet<'_>, relation: u32) -> Vec<(u32, u32)> {
    let anchors = set.held().anchors(relation).iter();
    let all = anchors.flat_map(|&a| set.held().targets(relation, a).iter().map(move |&t| (a, t)));
    all.filter(|(a, t)| a != t).collect()
}

/// The questions of the sampled protocol for a relation, sorted by query.
pub(super) fn trials(set: &EvalSet<'_>, relation: u32, options: &EvalOptions) -> Vec<Trial> {
    let drawn =
        draw(&pairs(set, relation), options.max_queries, stream(options.seed, Purpose::Pairs, [relation, 0, 0]));
    drawn.into_iter().map(|(query, answer)| trial(set, relation, query, answer, options)).collect()
}

fn trial(set: &EvalSet<'_>, relation: u32, query: u32, answer: u32, options: &EvalOptions) -> Trial {
    let mut rng = stream(options.seed, Purpose::Negatives, [relation, query, answer]);
    let related = set.whole().targets(relation, query);
    let allowed = |item: u32| item != query && related.binary_search(&item).is_err();
    let mut negatives = sample(set.items(), options.negatives, &allowed, &mut rng);
    let missing = options.negatives - negatives.len();
    let more = sample(set.others(), missing, &allowed, &mut rng);
    let filled = more.len();
    negatives.extend(more);
    Trial { query, answer, negatives, filled }
}

/// Up to `n` distinct allowed items of a pool, drawn without replacement.
fn sample(pool: &[u32], n: usize, allowed: &dyn Fn(u32) -> bool, rng: &mut ChaCha8Rng) -> Vec<u32> {
    if n == 0 || pool.is_empty() {
        return Vec::new();
    }
    // Rejection is quick while most of a large pool is allowed; else the allowed ones are listed.
    let (mut chosen, mut taken) = (Vec::with_capacity(n), HashSet::new());
    if pool.len() > 8 * n {
        for _ in 0..8 * n {
            let item = pool[rng.random_range(0..pool.len())];
            if allowed(item) && taken.insert(item) {
                chosen.push(item);
                if chosen.len() == n {
                    return chosen;
                }
            }
        }
    }
    let rest: Vec<u32> = pool.iter().copied().filter(|i| allowed(*i) && !taken.contains(i)).collect();
    let wanted = (n - chosen.len()).min(rest.len());
    chosen.extend(seq::index::sample(rng, rest.len(), wanted).into_iter().map(|i| rest[i]));
    chosen
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcml_data::Split;

    use super::super::fixture;
    use super::*;

    #[test]
    fn both_orders_of_a_symmetric_pair_are_asked() {
        let (dataset, splits) = fixture::colours(30, 12);
        let set = EvalSet::new(&dataset, &splits, Split::Test).unwrap();
        let pairs = pairs(&set, 0);
        assert!(!pairs.is_empty() && pairs.iter().all(|(a, b)| pairs.contains(&(*b, *a))));
    }

    #[test]
    fn a_small_split_is_filled_up_and_says_so() {
        let (dataset, splits) = fixture::colours(60, 10);
        let set = EvalSet::new(&dataset, &splits, Split::Test).unwrap();
        for trial in trials(&set, 0, &EvalOptions::default()) {
            assert_eq!(trial.negatives.len(), 20);
            let outside = trial.negatives.iter().filter(|n| !set.items().contains(n)).count();
            assert!(outside > 0 && outside == trial.filled);
        }
    }

    #[test]
    fn another_seed_draws_other_candidates_and_the_same_seed_the_same() {
        let (dataset, splits) = fixture::colours(200, 150);
        let set = EvalSet::new(&dataset, &splits, Split::Test).unwrap();
        let options = EvalOptions { max_queries: 10, ..EvalOptions::default() };
        let first = trials(&set, 0, &options);
        assert_eq!(first.len(), 10);
        assert_eq!(first, trials(&set, 0, &options));
        assert_ne!(first, trials(&set, 0, &EvalOptions { seed: 1, ..options }));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn a_related_item_is_never_a_negative(items in 8_usize..80, held in 4_usize..40, seed in any::<u64>()) {
            let (dataset, splits) = fixture::colours(items, held.min(items - 2));
            let set = EvalSet::new(&dataset, &splits, Split::Test).unwrap();
            let options = EvalOptions { seed, max_queries: 20, ..EvalOptions::default() };
            for relation in set.relations() {
                for trial in trials(&set, relation, &options) {
                    prop_assert!(set.whole().contains(relation, trial.query, trial.answer));
                    prop_assert!(!trial.negatives.contains(&trial.query));
                    prop_assert!(trial.negatives.iter().all(|n| !set.whole().contains(relation, trial.query, *n)));
                    let distinct: HashSet<_> = trial.negatives.iter().collect();
                    prop_assert_eq!(distinct.len(), trial.negatives.len());
                }
            }
        }
    }
}
