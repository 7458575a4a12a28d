//! The rank of the right answer among wrong ones, with ties.

use std::cmp::Ordering;

use super::chance::harmonic_between;

/// Where the first right answer stands: below `better` wrong candidates, and tied with `wrong` wrong and `right` right
/// ones (at least itself). All of its numbers are expectations over random orders of the tied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rank {
    /// Wrong candidates with a higher score.
    pub better: usize,
    /// Wrong candidates with the same score.
    pub wrong: usize,
    /// Right candidates with the same score, at least 1.
    pub right: usize,
}

impl Rank {
    /// The rank of one right answer among wrong candidates.
    pub fn of(answer: f32, wrong: &[f32]) -> Self {
        let better = wrong.iter().filter(|&&w| order(w, answer) == Ordering::Greater).count();
        let tied = wrong.iter().filter(|&&w| order(w, answer) == Ordering::Equal).count();
        Self { better, wrong: tied, right: 1 }
    }

    /// The rank of the best of several right answers among wrong candidates; `None` without right answers.
    pub fn of_best(answers: &[f32], wrong: &[f32]) -> Option<Self> {
        let best = answers.iter().copied().max_by(|a, b| order(*a, *b))?;
        let right = answers.iter().filter(|&&a| order(a, best) == Ordering::Equal).count();
        Some(Self { right, ..Self::of(best, wrong) })
    }

    /// The rank of the best of several right answers for a method that scores the same candidates and knows nothing: all with a
    /// score are tied, those without one stand behind them. `None` without right answers.
    pub(crate) fn blind(answers: &[f32], wrong: &[f32]) -> Option<Self> {
        let scored = |scores: &[f32]| scores.iter().filter(|score| !score.is_nan()).count();
        let (right, before) = (scored(answers), scored(wrong));
        match (answers.len(), right) {
            (0, _) => None,
            (all, 0) => Some(Self { better: before, wrong: wrong.len() - before, right: all }),
            (_, right) => Some(Self { better: 0, wrong: before, right }),
        }
    }

    /// Sorts scores from best to worst, NaN last.
    pub fn sort(scores: &mut [f32]) {
        scores.sort_unstable_by(|a, b| order(*b, *a));
    }

    /// Probability that the first right answer is among the best `k`.
    pub fn hit(&self, k: usize) -> f64 {
        let slots = k.saturating_sub(self.better);
        1.0 - self.survival(slots)
    }

    /// Expected 1-based rank.
    pub fn expected(&self) -> f64 {
        self.better as f64 + (self.wrong + self.right + 1) as f64 / (self.right + 1) as f64
    }

    /// Expected reciprocal rank, `E[1 / rank]`. (`1 / E[rank]` would be smaller, and a constant scorer would fall below chance.)
    pub fn reciprocal(&self) -> f64 {
        if self.right == 1 {
            return harmonic_between(self.better, self.wrong + 1) / (self.wrong + 1) as f64;
        }
        // P(first right answer at place j of the tied) = P(none before j) * P(right at j | none before).
        let tied = (self.wrong + self.right) as f64;
        let mut none_before = 1.0;
        let mut sum = 0.0;
        for j in 0..=self.wrong {
            let here = self.right as f64 / (tied - j as f64);
            sum += none_before * here / (self.better + j + 1) as f64;
            none_before *= 1.0 - here;
        }
        sum
    }

    /// Probability that none of the first `slots` places of the tied holds a right answer.
    fn survival(&self, slots: usize) -> f64 {
        if slots > self.wrong {
            return 0.0;
        }
        let tied = (self.wrong + self.right) as f64;
        (0..slots).map(|j| (self.wrong - j) as f64 / (tied - j as f64)).product()
    }
}

/// Total order of scores: NaN below everything and equal to itself, -0 equal to 0.
pub(crate) fn order(a: f32, b: f32) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| b.is_nan().cmp(&a.is_nan()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hand_made_ranks() {
        let nan = f32::NAN;
        // (answer, wrong, [expected rank, hit@1, hit@2, E[1/rank]])
        let table: [(f32, &[f32], [f64; 4]); 8] = [
            (3.0, &[2.0, 1.0], [1.0, 1.0, 1.0, 1.0]),
            (2.0, &[3.0, 1.0], [2.0, 0.0, 1.0, 0.5]),
            (1.0, &[3.0, 2.0], [3.0, 0.0, 0.0, 1.0 / 3.0]),
            (1.0, &[1.0], [1.5, 0.5, 1.0, 0.75]),
            (1.0, &[1.0, 1.0], [2.0, 1.0 / 3.0, 2.0 / 3.0, (1.0 + 0.5 + 1.0 / 3.0) / 3.0]),
            (1.0, &[], [1.0, 1.0, 1.0, 1.0]),
            (nan, &[0.0, nan], [2.5, 0.0, 0.5, (0.5 + 1.0 / 3.0) / 2.0]),
            (f32::NEG_INFINITY, &[nan, nan], [1.0, 1.0, 1.0, 1.0]),
        ];
        for (answer, wrong, numbers) in table {
            let rank = Rank::of(answer, wrong);
            let found = [rank.expected(), rank.hit(1), rank.hit(2), rank.reciprocal()];
            for (found, wanted) in found.into_iter().zip(numbers) {
                assert!((found - wanted).abs() < 1e-12, "{answer} among {wrong:?}: {found}, expected {wanted}");
            }
        }
    }

    #[test]
    fn the_best_of_several_answers_counts() {
        let rank = Rank::of_best(&[1.0, 5.0, 5.0], &[5.0, 5.0, 6.0]).unwrap();
        assert_eq!(rank, Rank { better: 1, wrong: 2, right: 2 });
        // Orders of RRWW: the first R stands at 1 in 3/6, at 2 in 2/6, at 3 in 1/6.
        assert!((rank.hit(2) - 0.5).abs() < 1e-12 && (rank.hit(3) - 5.0 / 6.0).abs() < 1e-12);
        assert!((rank.expected() - (2.0 * 3.0 + 3.0 * 2.0 + 4.0) / 6.0).abs() < 1e-12);
        assert!((rank.reciprocal() - (3.0 / 2.0 + 2.0 / 3.0 + 1.0 / 4.0) / 6.0).abs() < 1e-12);
        assert_eq!(Rank::of_best(&[], &[1.0]), None);
    }

    #[test]
    fn many_ties_take_no_time() {
        let slow = |rank: &Rank| {
            let places = rank.better + 1..=rank.better + 1 + rank.wrong;
            places.rev().map(|place| 1.0 / place as f64).sum::<f64>() / (rank.wrong + 1) as f64
        };
        for (better, wrong) in [(0, 0), (7, 0), (0, 5000), (1_000_000, 3), (900, 63), (900, 64), (100_000, 100_000)] {
            let rank = Rank { better, wrong, right: 1 };
            let (found, wanted) = (rank.reciprocal(), slow(&rank));
            assert!((found / wanted - 1.0).abs() < 1e-9, "{rank:?}: {found}, expected {wanted}");
        }
        let ranks = |_| Rank { better: 3, wrong: 1 << 40, right: 1 }.reciprocal();
        assert!((0..10_000).map(ranks).sum::<f64>() < 1.0);
    }

    #[test]
    fn who_scores_the_same_and_knows_nothing_ties() {
        let nan = f32::NAN;
        let rank = |better, wrong, right| Some(Rank { better, wrong, right });
        assert_eq!(Rank::blind(&[0.3, nan], &[nan, 0.5, 0.1]), rank(0, 2, 1));
        assert_eq!(Rank::blind(&[nan, nan], &[nan, 0.5, 0.1]), rank(2, 1, 2));
        assert_eq!(Rank::blind(&[], &[0.5]), None);
    }

    proptest! {
        /// Fair ties = the average over all orders, counted by brute force.
        #[test]
        fn ties_equal_the_average_over_all_orders(
            scores in prop::collection::vec(0_u8..3, 1..6), right in prop::collection::vec(any::<bool>(), 6), k in 0_usize..7,
        ) {
            let (mut answers, mut wrong) = (Vec::new(), Vec::new());
            for (i, &score) in scores.iter().enumerate() {
                if right[i] { answers.push(f32::from(score)) } else { wrong.push(f32::from(score)) }
            }
            prop_assume!(!answers.is_empty());
            let rank = Rank::of_best(&answers, &wrong).unwrap();
            let (mut hit, mut mean, mut reciprocal, mut orders) = (0.0, 0.0, 0.0, 0.0);
            permutations(scores.len(), &mut |order| {
                if order.windows(2).any(|w| scores[w[0]] < scores[w[1]]) { return; }
                let first = order.iter().position(|&i| right[i]).unwrap() + 1;
                hit += f64::from(u8::from(first <= k));
                mean += first as f64;
                reciprocal += 1.0 / first as f64;
                orders += 1.0;
            });
            prop_assert!((rank.hit(k) - hit / orders).abs() < 1e-9);
            prop_assert!((rank.expected() - mean / orders).abs() < 1e-9);
            prop_assert!((rank.reciprocal() - reciprocal / orders).abs() < 1e-9);
        }
    }

    fn permutations(n: usize, visit: &mut dyn FnMut(&[usize])) {
        fn go(prefix: &mut Vec<usize>, n: usize, visit: &mut dyn FnMut(&[usize])) {
            if prefix.len() == n {
                return visit(prefix);
            }
            for i in 0..n {
                if !prefix.contains(&i) {
                    prefix.push(i);
                    go(prefix, n, visit);
                    prefix.pop();
                }
            }
        }
        go(&mut Vec::new(), n, visit);
    }
}
