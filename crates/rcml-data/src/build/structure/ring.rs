//! Some of the pairs of a group that is too large for all of them.

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// Pairs of members such that each has at most `most`: all pairs of a small group, otherwise those of neighbours on a circle
/// on which the members are drawn, so that everybody has nearly equally many. Only pairs that `accept` likes count.
pub(super) fn pairs(
    members: &[u32],
    most: usize,
    rng: &mut ChaCha8Rng,
    accept: impl Fn(u32, u32) -> bool,
) -> Vec<(u32, u32)> {
    let mut circle = members.to_vec();
    circle.shuffle(rng);
    let n = circle.len();
    let most = if most == 0 { n } else { most };
    let (mut degree, mut pairs) = (vec![0; n], Vec::new());
    for step in 1..=n / 2 {
        if degree.iter().filter(|&&d| d < most).count() < 2 {
            break;
        }
        // Half a turn meets every pair twice.
        let starts = if 2 * step == n { n / 2 } else { n };
        for i in 0..starts {
            let j = (i + step) % n;
            if degree[i] < most && degree[j] < most && accept(circle[i], circle[j]) {
                degree[i] += 1;
                degree[j] += 1;
                pairs.push((circle[i].min(circle[j]), circle[i].max(circle[j])));
            }
        }
    }
    pairs.sort_unstable();
    pairs
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn small_groups_have_all_pairs_and_large_ones_equally_many_each() {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        for n in 0..9_u32 {
            let all = pairs(&(0..n).collect::<Vec<_>>(), 100, &mut rng, |_, _| true);
            assert_eq!(all.len() as u32, n * n.saturating_sub(1) / 2, "{n} members");
            assert!(all.windows(2).all(|two| two[0] < two[1]));
        }
        let some = pairs(&(0..1000).collect::<Vec<_>>(), 6, &mut rng, |_, _| true);
        let mut degree = [0; 1000];
        some.iter().flat_map(|&(a, b)| [a, b]).for_each(|member| degree[member as usize] += 1);
        assert!(degree.iter().all(|&d| d == 6));
        assert!(pairs(&[1, 2, 3, 4], 0, &mut rng, |a, b| a % 2 == b % 2) == [(1, 3), (2, 4)]);
    }
}
