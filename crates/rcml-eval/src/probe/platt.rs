//! Scores made probabilities.

use super::{Probe, ProbeConfig};
use crate::Result;

/// Platt's scaling (Platt, 1999): the probability 1 / (1 + exp(-(a s + b))), with a and b fitted on examples that the score was not
/// made from.
#[derive(Debug, Clone)]
pub struct Platt(Option<Probe>);

impl Platt {
    /// Fits the scale. Where only one class is there to fit on, every probability will be one half.
    ///
    /// # Errors
    /// A score that is not finite.
    pub fn fit(scores: &[f64], positive: &[bool]) -> Result<Self> {
        if !positive.contains(&true) || !positive.contains(&false) {
            return Ok(Self(None));
        }
        let x: Vec<f32> = scores.iter().map(|s| *s as f32).collect();
        let truth: Vec<usize> = positive.iter().map(|p| usize::from(*p)).collect();
        Ok(Self(Some(Probe::fit(&x, 1, &truth, 2, &ProbeConfig { l2: 1e-6, ..ProbeConfig::default() })?)))
    }

    /// Probabilities of the positive class.
    pub fn probabilities(&self, scores: &[f64]) -> Vec<f64> {
        let Some(probe) = &self.0 else { return vec![0.5; scores.len()] };
        let x: Vec<f32> = scores.iter().map(|s| *s as f32).collect();
        probe.probabilities(&x).chunks(2).map(|row| row[1]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::expected_calibration_error;

    #[test]
    fn boastful_scores_become_honest() {
        // A score of 10 is right three times out of four.
        let scores: Vec<f64> = (0..400).map(|i| if i % 2 == 0 { 10.0 } else { -10.0 }).collect();
        let positive: Vec<bool> = (0..400).map(|i| (i % 2 == 0) != (i / 2 % 4 == 0)).collect();
        let platt = Platt::fit(&scores, &positive).unwrap();
        let p = platt.probabilities(&scores);
        assert!((p[0] - 0.75).abs() < 0.01 && (p[1] - 0.25).abs() < 0.01, "{} {}", p[0], p[1]);
        assert!(expected_calibration_error(&p, &positive, 15).unwrap() < 0.01);
        assert_eq!(Platt::fit(&[1.0], &[true]).unwrap().probabilities(&[3.0]), [0.5]);
    }
}
