//! Some of the pairs of a group that is too large for all of them.

use std::collections::HashMap;

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// Places on the circle that a member looks at for each pair that it may have. Where one in a hundred is a partner, it still has
/// all that it may.
const LOOKS: usize = 64;

/// Pairs that were drawn.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Drawn {
    pub(super) pairs: Vec<(u32, u32)>,
    /// Whether the search for partners ended before everybody had looked at everybody.
    pub(super) is_cut: bool,
}

/// Pairs of members such that each has at most `most`: all pairs of a small group, otherwise those of neighbours on a circle
/// on which the members are drawn, so that everybody has nearly equally many. Only pairs that `accept` likes count. Members of
/// one `kind` are no pair, which need not be asked: when only such are left, that is the end.
pub(super) fn pairs(
    members: &[u32],
    most: usize,
    rng: &mut ChaCha8Rng,
    kind: impl Fn(u32) -> Option<u32>,
    accept: impl Fn(u32, u32) -> bool,
) -> Drawn {
    let mut circle = members.to_vec();
    circle.shuffle(rng);
    let n = circle.len();
    let looks = if most == 0 { n / 2 } else { LOOKS.saturating_mul(most).min(n / 2) };
    let most = if most == 0 { n } else { most };
    let kinds: Vec<Option<u32>> = circle.iter().map(|&member| kind(member)).collect();
    let mut open = Open::new(&kinds);
    let (mut degree, mut pairs) = (vec![0; n], Vec::new());
    for step in 1..=looks {
        if !open.has_pair() {
            break;
        }
        // Half a turn meets every pair twice.
        let starts = if 2 * step == n { n / 2 } else { n };
        for i in 0..starts {
            let j = (i + step) % n;
            let is_one_kind = kinds[i].is_some() && kinds[i] == kinds[j];
            if degree[i] < most && degree[j] < most && !is_one_kind && accept(circle[i], circle[j]) {
                for end in [i, j] {
                    degree[end] += 1;
                    if degree[end] == most {
                        open.close(kinds[end]);
                    }
                }
                pairs.push((circle[i].min(circle[j]), circle[i].max(circle[j])));
            }
        }
    }
    pairs.sort_unstable();
    Drawn { pairs, is_cut: looks < n / 2 && open.has_pair() }
}

/// How many members may have more pairs.
struct Open {
    of_kinds: HashMap<u32, usize>,
    /// Members without a kind, and kinds with open members: each can be paired with each other one.
    different: usize,
}

impl Open {
    fn new(kinds: &[Option<u32>]) -> Self {
        let mut of_kinds: HashMap<u32, usize> = HashMap::new();
        kinds.iter().flatten().for_each(|&kind| *of_kinds.entry(kind).or_default() += 1);
        let different = of_kinds.len() + kinds.iter().filter(|kind| kind.is_none()).count();
        Self { of_kinds, different }
    }

    fn close(&mut self, kind: Option<u32>) {
        let left = kind.and_then(|kind| self.of_kinds.get_mut(&kind)).map_or(0, |count| {
            *count -= 1;
            *count
        });
        self.different -= usize::from(left == 0);
    }

    fn has_pair(&self) -> bool {
        self.different > 1
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn small_groups_have_all_pairs_and_large_ones_equally_many_each() {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        for n in 0..9_u32 {
            let all = pairs(&(0..n).collect::<Vec<_>>(), 100, &mut rng, |_| None, |_, _| true).pairs;
            assert_eq!(all.len() as u32, n * n.saturating_sub(1) / 2, "{n} members");
            assert!(all.windows(2).all(|two| two[0] < two[1]));
        }
        let some = pairs(&(0..1000).collect::<Vec<_>>(), 6, &mut rng, |_| None, |_, _| true).pairs;
        let mut degree = [0; 1000];
        some.iter().flat_map(|&(a, b)| [a, b]).for_each(|member| degree[member as usize] += 1);
        assert!(degree.iter().all(|&d| d == 6));
        assert!(pairs(&[1, 2, 3, 4], 0, &mut rng, |_| None, |a, b| a % 2 == b % 2).pairs == [(1, 3), (2, 4)]);
        assert!(
            pairs(&[1, 2, 3, 4], 0, &mut rng, |a| Some(a % 2), |_, _| true).pairs == [(1, 2), (1, 4), (2, 3), (3, 4)]
        );
    }

    #[test]
    fn a_search_without_partners_ends() {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let members: Vec<u32> = (0..20_000).collect();
        let asked = std::cell::Cell::new(0_usize);
        let ask = |answer: bool| {
            asked.set(asked.get() + 1);
            answer
        };
        // All but one in a hundred are of one kind: when those few have their pairs, nothing is left to ask.
        let drawn = pairs(&members, 20, &mut rng, |a| Some(a.min(200)), |_, _| ask(true));
        assert!(
            !drawn.is_cut && drawn.pairs.len() > 3500 && asked.get() < 10_000,
            "{} {}",
            drawn.pairs.len(),
            asked.get()
        );
        asked.set(0);
        let drawn = pairs(&members, 20, &mut rng, |_| None, |_, _| ask(false));
        assert_eq!((drawn.is_cut, drawn.pairs.len(), asked.get()), (true, 0, 64 * 20 * 20_000));
    }
}
