//! Two classes told apart by one score: AUROC, AUPRC, accuracy.

use super::MetricError;

/// Area under the receiver operating characteristic: the probability that a positive scores above a negative, a tie counting
/// one half (the Mann-Whitney statistic over the number of pairs). In O(n log n).
///
/// # Shapes
/// `scores` and `positive` are parallel.
///
/// # Errors
/// A score that is not finite, slices of different lengths, or one class alone.
///
/// ```
/// use rcml_eval::metrics::auroc;
/// // Of the four (positive, negative) pairs three are in the right order.
/// assert_eq!(auroc(&[0.9, 0.4, 0.6, 0.1], &[true, true, false, false])?, 0.75);
/// # Ok::<(), rcml_eval::metrics::MetricError>(())
/// ```
pub fn auroc(scores: &[f64], positive: &[bool]) -> Result<f64, MetricError> {
    let counts = Counts::check(scores, positive)?;
    MetricError::at_least("negatives", counts.negatives, 1)?;
    let mut below = 0;
    let mut wins = 0.0;
    for group in groups(scores, positive).iter().rev() {
        wins += group.positives as f64 * (below as f64 + 0.5 * group.negatives as f64);
        below += group.negatives;
    }
    Ok(wins / (counts.positives as f64 * counts.negatives as f64))
}

/// Area under the precision-recall curve as scikit-learn's `average_precision_score` has it: the sum over distinct scores,
/// from the best down, of (recall gained) x (precision there). Tied scores are one threshold, and nothing is interpolated.
///
/// # Shapes
/// As of [`auroc`].
///
/// # Errors
/// A score that is not finite, slices of different lengths, or no positive.
pub fn auprc(scores: &[f64], positive: &[bool]) -> Result<f64, MetricError> {
    let counts = Counts::check(scores, positive)?;
    let (mut hits, mut seen, mut area) = (0, 0, 0.0);
    for group in groups(scores, positive) {
        hits += group.positives;
        seen += group.positives + group.negatives;
        area += group.positives as f64 * hits as f64 / seen as f64;
    }
    Ok(area / counts.positives as f64)
}

/// Share of pairs (probability, class) on the right side of one half; a probability of exactly one half counts one half.
///
/// # Shapes
/// `probabilities` and `positive` are parallel.
///
/// # Errors
/// A probability outside [0, 1], slices of different lengths, or nothing.
pub fn binary_accuracy(probabilities: &[f64], positive: &[bool]) -> Result<f64, MetricError> {
    MetricError::same_length("classes", positive.len(), probabilities.len())?;
    MetricError::at_least("probabilities", probabilities.len(), 1)?;
    MetricError::probabilities(probabilities)?;
    let right = |(p, positive): (&f64, &bool)| match p.partial_cmp(&0.5) {
        Some(std::cmp::Ordering::Equal) | None => 0.5,
        Some(order) => f64::from(u8::from(order.is_gt() == *positive)),
    };
    Ok(probabilities.iter().zip(positive).map(right).sum::<f64>() / positive.len() as f64)
}

struct Counts {
    positives: usize,
    negatives: usize,
}

impl Counts {
    fn check(scores: &[f64], positive: &[bool]) -> Result<Self, MetricError> {
        MetricError::same_length("classes", positive.len(), scores.len())?;
        MetricError::finite(scores)?;
        let positives = positive.iter().filter(|p| **p).count();
        MetricError::at_least("positives", positives, 1)?;
        Ok(Self { positives, negatives: positive.len() - positives })
    }
}

/// Candidates of one score.
struct Group {
    positives: usize,
    negatives: usize,
}

/// Groups of equal scores, the best first.
fn groups(scores: &[f64], positive: &[bool]) -> Vec<Group> {
    let mut sorted: Vec<(f64, bool)> = scores.iter().copied().zip(positive.iter().copied()).collect();
    sorted.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    // `==`, since total_cmp tells -0 from 0.
    let of = |group: &[(f64, bool)]| {
        let positives = group.iter().filter(|(_, p)| *p).count();
        Group { positives, negatives: group.len() - positives }
    };
    sorted.chunk_by(|a, b| a.0 == b.0).map(of).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_has_no_value_is_refused() {
        let message = |result: Result<f64, MetricError>| result.unwrap_err().to_string();
        assert!(message(auroc(&[0.1, f64::NAN], &[true, false])).contains("score 1 of 2 is not a finite number (NaN)"));
        assert!(message(auprc(&[f64::INFINITY], &[true])).contains("inf"));
        assert!(message(auroc(&[0.1, 0.2], &[true, true])).contains("negatives: found 0"));
        assert!(message(auroc(&[0.1, 0.2], &[false, false])).contains("positives: found 0"));
        assert!(message(auprc(&[0.1], &[true, false])).contains("classes: found 2 entries, expected 1"));
        assert!(message(binary_accuracy(&[1.5], &[true])).contains("1.5"));
        assert!(message(binary_accuracy(&[], &[])).contains("found 0"));
        assert_eq!(auprc(&[0.3, 0.1], &[true, true]), Ok(1.0), "all positive");
    }

    #[test]
    fn the_undecided_are_half_right() {
        assert_eq!(binary_accuracy(&[0.5, 0.5, 0.9, 0.9], &[true, false, true, false]), Ok(0.5));
    }

    proptest! {
        /// The definition, pair by pair.
        #[test]
        fn auroc_counts_pairs(rows in prop::collection::vec((-3_i8..4, any::<bool>()), 2..40)) {
            let (scores, positive): (Vec<f64>, Vec<bool>) = rows.iter().map(|(s, p)| (f64::from(*s), *p)).unzip();
            let (mut wins, mut pairs) = (0.0, 0.0);
            for (a, _) in scores.iter().zip(&positive).filter(|(_, p)| **p) {
                for (b, _) in scores.iter().zip(&positive).filter(|(_, p)| !**p) {
                    wins += if a > b { 1.0 } else if a == b { 0.5 } else { 0.0 };
                    pairs += 1.0;
                }
            }
            prop_assume!(pairs > 0.0);
            prop_assert!((auroc(&scores, &positive).unwrap() - wins / pairs).abs() < 1e-12);
        }
    }
}
