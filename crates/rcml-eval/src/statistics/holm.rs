//! Many comparisons at once.

/// Holm's step-down correction (Holm, 1979): adjusted p values, in the order given. The smallest of m is multiplied by m, the next
/// by m - 1, ..., none falls below one before it, and none exceeds 1. Rejecting where the adjusted value is below alpha keeps
/// the chance of any false alarm below alpha, whatever the dependence.
///
/// ```
/// assert_eq!(rcml_eval::statistics::holm(&[0.04, 0.01, 0.5]), [0.08, 0.03, 0.5]);
/// ```
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*a].total_cmp(&p[*b]));
    let mut adjusted = vec![0.0; p.len()];
    let mut least: f64 = 0.0;
    for (place, &index) in order.iter().enumerate() {
        least = least.max(p[index] * (p.len() - place) as f64).min(1.0);
        adjusted[index] = least;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corrected_values_keep_their_order_and_stay_probabilities() {
        assert_eq!(holm(&[]), Vec::<f64>::new());
        assert_eq!(holm(&[0.3]), [0.3]);
        assert_eq!(holm(&[0.6, 0.9, 0.7]), [1.0, 1.0, 1.0]);
        // 3 x 0.01, then 2 x 0.012 would fall below it.
        assert_eq!(holm(&[0.012, 0.01, 0.4]), [0.03, 0.03, 0.4]);
    }
}
