//! Whether probabilities mean what they say: expected calibration error and Brier score.

use super::MetricError;

/// Expected calibration error of the probability of the positive class: the mean over examples of |mean probability - share of
/// positives| in their bin, with `bins` bins of equal width over [0, 1] (Naeini, Cooper and Hauskrecht, 2015). Bin i holds
/// (i/n, (i+1)/n], and 0 falls into the first.
///
/// # Shapes
/// `probabilities` and `positive` are parallel.
///
/// # Errors
/// A probability outside [0, 1], slices of different lengths, nothing, or no bins.
pub fn expected_calibration_error(probabilities: &[f64], positive: &[bool], bins: usize) -> Result<f64, MetricError> {
    check(probabilities, positive)?;
    if bins == 0 {
        return Err(MetricError::Argument { what: "bins", found: 0, expected: "at least 1" });
    }
    let mut sums = vec![0.0; bins];
    for (p, positive) in probabilities.iter().zip(positive) {
        let bin = ((p * bins as f64).ceil() as usize).clamp(1, bins) - 1;
        sums[bin] += p - f64::from(u8::from(*positive));
    }
    Ok(sums.iter().map(|sum| sum.abs()).sum::<f64>() / probabilities.len() as f64)
}

/// Brier score: the mean squared distance of the probability from 1 for a positive, from 0 for a negative. Smaller is better;
/// always one half scores a quarter.
///
/// # Shapes
/// As of [`expected_calibration_error`].
///
/// # Errors
/// A probability outside [0, 1], slices of different lengths, or nothing.
pub fn brier(probabilities: &[f64], positive: &[bool]) -> Result<f64, MetricError> {
    check(probabilities, positive)?;
    let squares = probabilities.iter().zip(positive).map(|(p, positive)| (p - f64::from(u8::from(*positive))).powi(2));
    Ok(squares.sum::<f64>() / probabilities.len() as f64)
}

fn check(probabilities: &[f64], positive: &[bool]) -> Result<(), MetricError> {
    MetricError::same_length("classes", positive.len(), probabilities.len())?;
    MetricError::at_least("probabilities", probabilities.len(), 1)?;
    MetricError::probabilities(probabilities)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn honest_probabilities_have_no_error_and_boasts_have() {
        let positive = [true, false, true, false];
        assert_eq!(expected_calibration_error(&[0.5; 4], &positive, 15), Ok(0.0));
        assert_eq!(expected_calibration_error(&[1.0; 4], &positive, 15), Ok(0.5));
        assert_eq!(expected_calibration_error(&[1.0, 0.0, 1.0, 0.0], &positive, 15), Ok(0.0));
        assert_eq!(brier(&[0.5; 4], &positive), Ok(0.25));
    }

    #[test]
    fn edges_of_bins_belong_below() {
        // 0.5 is in (0, 0.5], 0.75 in (0.5, 1]: two bins with one example each.
        let found = expected_calibration_error(&[0.5, 0.75], &[true, false], 2).unwrap();
        assert!((found - 0.625).abs() < 1e-15, "{found}");
    }

    #[test]
    fn what_has_no_value_is_refused() {
        for p in [f64::NAN, -0.1, 1.1] {
            assert!(brier(&[p], &[true]).is_err() && expected_calibration_error(&[p], &[true], 10).is_err());
        }
        assert!(expected_calibration_error(&[0.5], &[true], 0).unwrap_err().to_string().contains("bins"));
        assert!(brier(&[], &[]).is_err());
    }
}
