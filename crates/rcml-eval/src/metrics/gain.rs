//! Metrics over several right answers at once: nDCG and recall.

use super::Placement;

/// nDCG@k with binary gains: sum over right answers among the best k of 1 / log2(rank + 1), divided by the best sum that
/// is possible. Tied candidates share the mean gain of the places they occupy (McSherry and Najork, 2008). 0 where
/// nothing is right or k = 0.
///
/// # Shapes
/// `scores` and `right` are parallel, one entry per candidate; entries of `right` beyond `scores` are ignored.
pub fn ndcg(scores: &[f32], right: &[bool], k: usize) -> f64 {
    Placement::marked(scores, right).ndcg(k)
}

/// Recall@k: expected share of the right answers that is among the best k. 0 where nothing is right.
///
/// # Shapes
/// As of [`ndcg`].
pub fn recall(scores: &[f32], right: &[bool], k: usize) -> f64 {
    Placement::marked(scores, right).recall(k)
}

/// 1 / log2(rank + 1), for a 1-based rank.
pub(crate) fn discount(rank: usize) -> f64 {
    1.0 / ((rank + 1) as f64).log2()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hand_made_rankings() {
        let scores = [0.9, 0.8, 0.7, 0.6];
        let second = 1.0 / 3.0_f64.log2();
        let table: [(&[bool], usize, f64, f64); 6] = [
            (&[true, false, false, false], 1, 1.0, 1.0),
            (&[false, true, false, false], 1, 0.0, 0.0),
            (&[false, true, false, false], 2, second, 1.0),
            (&[true, false, true, false], 4, (1.0 + 0.5) / (1.0 + second), 1.0),
            (&[true, true, false, true], 2, 1.0, 2.0 / 3.0),
            (&[false, false, false, false], 4, 0.0, 0.0),
        ];
        for (right, k, wanted_ndcg, wanted_recall) in table {
            assert!((ndcg(&scores, right, k) - wanted_ndcg).abs() < 1e-12, "ndcg@{k} of {right:?}");
            assert!((recall(&scores, right, k) - wanted_recall).abs() < 1e-12, "recall@{k} of {right:?}");
        }
    }

    #[test]
    fn ties_share_their_places() {
        let second = 1.0 / 3.0_f64.log2();
        assert!((ndcg(&[1.0, 1.0], &[true, false], 2) - (1.0 + second) / 2.0).abs() < 1e-12);
        assert!((recall(&[1.0, 1.0, 1.0], &[true, false, false], 1) - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!(recall(&[f32::NAN, 0.0], &[true, false], 1), 0.0);
    }

    proptest! {
        /// A constant scorer gets the chance level, and every value is a fraction.
        #[test]
        fn constant_scores_are_chance(right in prop::collection::vec(any::<bool>(), 1..30), k in 1_usize..12) {
            let scores = vec![0.25; right.len()];
            let relevant = right.iter().filter(|r| **r).count();
            let wanted = crate::metrics::expected_ndcg(right.len(), relevant, k);
            prop_assert!((ndcg(&scores, &right, k) - wanted).abs() < 1e-9);
            prop_assert!((0.0..=1.0 + 1e-12).contains(&wanted));
        }

        #[test]
        fn the_order_of_candidates_does_not_matter(rows in prop::collection::vec((0_u8..4, any::<bool>()), 1..20), k in 1_usize..12) {
            let (scores, right): (Vec<f32>, Vec<bool>) = rows.iter().map(|(s, r)| (f32::from(*s), *r)).unzip();
            let (back, right_back): (Vec<f32>, Vec<bool>) = rows.iter().rev().map(|(s, r)| (f32::from(*s), *r)).unzip();
            prop_assert!((ndcg(&scores, &right, k) - ndcg(&back, &right_back, k)).abs() < 1e-12);
            prop_assert!((recall(&scores, &right, k) - recall(&back, &right_back, k)).abs() < 1e-12);
        }
    }
}
