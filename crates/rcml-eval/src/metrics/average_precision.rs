//! Average precision of a ranking.

use super::Placement;
use super::chance::harmonic;

/// Average precision: the mean over the right answers of the precision at their rank; its mean over queries is mAP. Of tied
/// candidates every order is equally likely, and this is the expectation (McSherry and Najork, 2008): within a tie of n
/// candidates, r of them right, after N candidates of which R were right, place j holds a right answer with probability r/n and
/// then stands below R + (j - 1)(r - 1)/(n - 1) others. `None` where nothing is right. NaN scores rank last, tied.
///
/// # Shapes
/// `scores` and `right` are parallel, one entry per candidate; entries of `right` beyond `scores` are ignored.
pub fn average_precision(scores: &[f32], right: &[bool]) -> Option<f64> {
    Placement::marked(scores, right).average_precision()
}

/// Expected average precision of a random order of `candidates` with `right` right answers; 0 where there are none.
pub fn expected_average_precision(candidates: usize, right: usize) -> f64 {
    if right == 0 || candidates == 0 {
        return 0.0;
    }
    let n = candidates.max(right);
    let others = if n > 1 { (right as f64 - 1.0) / (n as f64 - 1.0) } else { 0.0 };
    // The mean over places j of (1 + (j - 1) others) / j.
    ((1.0 - others) * harmonic(n) + others * n as f64) / n as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hand_made_rankings() {
        let of = |right: &[bool]| average_precision(&[0.9, 0.8, 0.7, 0.6], right);
        assert_eq!(of(&[true, false, false, false]), Some(1.0));
        assert_eq!(of(&[false, false, false, true]), Some(0.25));
        assert!((of(&[true, false, true, false]).unwrap() - (1.0 + 2.0 / 3.0) / 2.0).abs() < 1e-12);
        assert_eq!(of(&[false; 4]), None);
        assert_eq!(of(&[true; 4]), Some(1.0));
        assert_eq!(average_precision(&[f32::NAN, 0.0], &[true, false]), Some(0.5));
    }

    proptest! {
        /// Fair ties = the mean over all orders of the tied, counted by brute force.
        #[test]
        fn ties_equal_the_average_over_all_orders(rows in prop::collection::vec((0_u8..3, any::<bool>()), 1..6)) {
            let (scores, right): (Vec<f32>, Vec<bool>) = rows.iter().map(|(s, r)| (f32::from(*s), *r)).unzip();
            let relevant = right.iter().filter(|r| **r).count();
            prop_assume!(relevant > 0);
            let (mut sum, mut orders) = (0.0, 0.0);
            permute(&mut (0..scores.len()).collect::<Vec<_>>(), 0, &mut |order| {
                if order.windows(2).any(|w| scores[w[0]] < scores[w[1]]) { return; }
                let mut found = 0.0;
                for (place, &i) in order.iter().enumerate() {
                    if right[i] {
                        found += 1.0;
                        sum += found / (place + 1) as f64 / relevant as f64;
                    }
                }
                orders += 1.0;
            });
            prop_assert!((average_precision(&scores, &right).unwrap() - sum / orders).abs() < 1e-9);
        }

        #[test]
        fn a_constant_scores_chance(right in prop::collection::vec(any::<bool>(), 1..30)) {
            let relevant = right.iter().filter(|r| **r).count();
            let found = average_precision(&vec![0.5; right.len()], &right).unwrap_or(0.0);
            prop_assert!((found - expected_average_precision(right.len(), relevant)).abs() < 1e-12);
        }
    }

    fn permute(order: &mut Vec<usize>, from: usize, visit: &mut dyn FnMut(&[usize])) {
        if from == order.len() {
            return visit(order);
        }
        for i in from..order.len() {
            order.swap(from, i);
            permute(order, from + 1, visit);
            order.swap(from, i);
        }
    }
}
