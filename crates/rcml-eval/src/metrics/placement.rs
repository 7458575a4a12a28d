//! Where all right answers of one query stand.

use std::cmp::Ordering;

use super::Rank;
use super::chance::harmonic_between;
use super::gain::discount;
use super::rank::order;

/// Right answers of one query among its wrong candidates, in groups of equal scores. It is found by counting, never by sorting a
/// corpus, and every metric of a ranking follows from it.
///
/// ```
/// use rcml_eval::metrics::Placement;
/// // Two right answers: one before all wrong candidates, one behind two of three.
/// let placement = Placement::of(&[0.9, 0.3], &[0.1, 0.5, 0.4]);
/// let ranks: Vec<f64> = placement.ranks().map(|rank| rank.expected()).collect();
/// assert_eq!(ranks, [1.0, 3.0]);
/// assert_eq!(placement.recall(1), 0.5);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Placement {
    /// Best first.
    groups: Vec<Group>,
    right: usize,
}

/// Right answers of one score.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Group {
    score: f32,
    right_before: usize,
    right: usize,
    wrong_before: usize,
    wrong: usize,
}

/// Distinct scores of right answers that are counted one pass each; for more of them a candidate looks up where it stands.
const PASSES: usize = 16;
/// Candidates that all passes go through before the next ones: they stay in the nearest cache.
const BLOCK: usize = 2048;

/// A [`Placement`] on the way: what stands before and beside each right answer of the candidates seen so far.
#[derive(Debug, Clone)]
pub(crate) struct PlacementCount {
    groups: Vec<Group>,
}

impl PlacementCount {
    /// Of the scores of right answers; NaN ranks last.
    pub(crate) fn new(right: &[f32]) -> Self {
        let mut sorted = right.to_vec();
        Rank::sort(&mut sorted);
        let mut groups: Vec<Group> = Vec::new();
        let mut right_before = 0;
        for tied in sorted.chunk_by(|a, b| order(*a, *b) == Ordering::Equal) {
            groups.push(Group { score: tied[0], right_before, right: tied.len(), wrong_before: 0, wrong: 0 });
            right_before += tied.len();
        }
        Self { groups }
    }

    /// Counts candidates.
    pub(crate) fn add(&mut self, scores: &[f32]) {
        if self.groups.len() <= PASSES {
            for block in scores.chunks(BLOCK) {
                for group in &mut self.groups {
                    let (better, tied) = counts(group.score, block);
                    group.wrong_before += better;
                    group.wrong += tied;
                }
            }
            return;
        }
        // first[g]: candidates that are better than group g and than none before it.
        let mut first = vec![0; self.groups.len() + 1];
        for &score in scores {
            let at = self.groups.partition_point(|group| order(group.score, score) == Ordering::Greater);
            match self.groups.get_mut(at) {
                Some(group) if order(group.score, score) == Ordering::Equal => {
                    group.wrong += 1;
                    first[at + 1] += 1;
                }
                _ => first[at] += 1,
            }
        }
        let mut better = 0;
        for (group, first) in self.groups.iter_mut().zip(first) {
            better += first;
            group.wrong_before += better;
        }
    }

    /// The placement among all candidates counted but those with the scores `left_out`, each of which was counted.
    pub(crate) fn placement(mut self, left_out: &[f32]) -> Placement {
        for group in &mut self.groups {
            let (better, tied) = counts(group.score, left_out);
            group.wrong_before = group.wrong_before.saturating_sub(better);
            group.wrong = group.wrong.saturating_sub(tied);
        }
        let right = self.groups.iter().map(|group| group.right).sum();
        Placement { groups: self.groups, right }
    }
}

impl Placement {
    /// Of the scores of right answers and of wrong candidates. NaN ranks last.
    pub fn of(right: &[f32], wrong: &[f32]) -> Self {
        let mut count = PlacementCount::new(right);
        count.add(wrong);
        count.placement(&[])
    }

    /// Of a method that scores some candidates alike and others not at all: (right, wrong) with a score, and without.
    pub(crate) fn blind((right, wrong): (usize, usize), (right_unscored, wrong_unscored): (usize, usize)) -> Self {
        let group =
            |score, right_before, right, wrong_before, wrong| Group { score, right_before, right, wrong_before, wrong };
        let groups = [group(0.0, 0, right, 0, wrong), group(f32::NAN, right, right_unscored, wrong, wrong_unscored)];
        Self { groups: groups.into_iter().filter(|group| group.right > 0).collect(), right: right + right_unscored }
    }

    /// Of candidates with a mark for the right ones.
    pub(crate) fn marked(scores: &[f32], right: &[bool]) -> Self {
        let part = |wanted: bool| -> Vec<f32> {
            scores.iter().zip(right).filter(|(_, right)| **right == wanted).map(|(score, _)| *score).collect()
        };
        Self::of(&part(true), &part(false))
    }

    /// The rank of each right answer among the wrong candidates alone (the other right ones taken out), best first.
    pub fn ranks(&self) -> impl Iterator<Item = Rank> + '_ {
        self.groups.iter().flat_map(|group| std::iter::repeat_n(group.rank(), group.right))
    }

    /// The mean of a number over the ranks of all right answers, which is the same for those of a group; `None` where there are none.
    pub(crate) fn mean(&self, value: impl Fn(&Rank) -> f64) -> Option<f64> {
        let of = |group: &Group| group.right as f64 * value(&group.rank());
        (self.right > 0).then(|| self.groups.iter().map(of).sum::<f64>() / self.right as f64)
    }

    /// As [`ndcg`](super::ndcg).
    pub fn ndcg(&self, k: usize) -> f64 {
        let ideal: f64 = (1..=self.right.min(k)).map(discount).sum();
        if ideal == 0.0 {
            return 0.0;
        }
        let gained = |group: &Group| group.share() * group.places(k).map(discount).sum::<f64>();
        // Groups are summed in another order than the ideal: the last bit may differ.
        (self.groups.iter().map(gained).sum::<f64>() / ideal).min(1.0)
    }

    /// As [`recall`](super::recall).
    pub fn recall(&self, k: usize) -> f64 {
        if self.right == 0 {
            return 0.0;
        }
        self.groups.iter().map(|group| group.share() * group.places(k).count() as f64).sum::<f64>() / self.right as f64
    }

    /// As [`average_precision`](super::average_precision).
    pub fn average_precision(&self) -> Option<f64> {
        let of = |group: &Group| {
            let (n, r, before) = (group.size(), group.right as f64, group.before());
            if n == 1 {
                return (group.right_before as f64 + 1.0) / (before as f64 + 1.0);
            }
            let others = (r - 1.0) / (n as f64 - 1.0);
            // The sum over places j of (R + 1 + (j - 1) others) / (before + j), R right answers being before the group.
            let first = group.right_before as f64 + 1.0 - others * (before as f64 + 1.0);
            group.share() * (others * n as f64 + first * harmonic_between(before, n))
        };
        (self.right > 0).then(|| self.groups.iter().map(of).sum::<f64>() / self.right as f64)
    }
}

impl Group {
    /// Of each of its right answers, the others taken out.
    fn rank(&self) -> Rank {
        Rank { better: self.wrong_before, wrong: self.wrong, right: 1 }
    }

    fn size(&self) -> usize {
        self.right + self.wrong
    }

    fn before(&self) -> usize {
        self.right_before + self.wrong_before
    }

    fn share(&self) -> f64 {
        self.right as f64 / self.size() as f64
    }

    /// Its 1-based places up to k.
    fn places(&self, k: usize) -> std::ops::RangeInclusive<usize> {
        self.before() + 1..=(self.before() + self.size()).min(k)
    }
}

/// How many of fewer than 2^32 scores are better than one, and how many equal it.
fn counts(score: f32, scores: &[f32]) -> (usize, usize) {
    if score.is_nan() {
        let unknown = scores.iter().filter(|s| s.is_nan()).count();
        return (scores.len() - unknown, unknown);
    }
    // Sums of 32 bits: the compiler makes wide registers of them.
    let (better, tied) = scores
        .iter()
        .fold((0, 0), |(better, tied): (u32, u32), &s| (better + u32::from(s > score), tied + u32::from(s == score)));
    (better as usize, tied as usize)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Who gives one score to what another method scores, ranks by counts as by scores.
        #[test]
        fn the_blind_rank_by_counts(right in prop::collection::vec(any::<bool>(), 1..9), wrong in prop::collection::vec(any::<bool>(), 0..40)) {
            let scores = |scored: &[bool]| scored.iter().map(|has| if *has { 0.0 } else { f32::NAN }).collect::<Vec<f32>>();
            let count = |scored: &[bool], wanted: bool| scored.iter().filter(|has| **has == wanted).count();
            let of = |wanted| (count(&right, wanted), count(&wrong, wanted));
            let (found, plain) = (Placement::blind(of(true), of(false)), Placement::of(&scores(&right), &scores(&wrong)));
            prop_assert!(found.ranks().eq(plain.ranks()));
            prop_assert_eq!([found.ndcg(10), found.recall(10)], [plain.ndcg(10), plain.recall(10)]);
            prop_assert_eq!(found.average_precision(), plain.average_precision());
        }

        /// Counting a corpus in parts is the same as ranking among the wrong candidates, also beyond the number of passes.
        #[test]
        fn what_is_left_out_does_not_count(
            rows in prop::collection::vec((-2_i8..30, 0_u8..3), 1..80),
            part in 1_usize..90,
        ) {
            // 29 stands for NaN.
            let score = |s: i8| if s == 29 { f32::NAN } else { f32::from(s) };
            let of = |kinds: &[u8]| -> Vec<f32> {
                rows.iter().filter(|(_, kind)| kinds.contains(kind)).map(|(s, _)| score(*s)).collect()
            };
            let (right, wrong) = (of(&[0]), of(&[1]));
            let mut count = PlacementCount::new(&right);
            of(&[0, 1, 2]).chunks(part).for_each(|part| count.add(part));
            let placement = count.placement(&of(&[0, 2]));
            let plain = Placement::of(&right, &wrong);
            prop_assert!(placement.ranks().eq(plain.ranks()));
            let mut sorted = right;
            Rank::sort(&mut sorted);
            for (rank, score) in placement.ranks().zip(&sorted) {
                prop_assert_eq!(rank, Rank::of(*score, &wrong));
            }
            prop_assert_eq!(placement.ranks().count(), sorted.len());
        }
    }
}
