//! The normaliser of contrastive losses.

use burn::tensor::Tensor;

/// Added to the logit of a column that takes no part; finite, so that a row without any column stays finite too.
const EXCLUDED: f64 = -1.0e9;

/// log sum over the last dimension of `included` columns of exp(logits).
///
/// A row without an included column gives about -1e9, whose exponential is zero: it adds nothing to a denominator.
///
/// # Shapes
/// - logits: `[..., R, C]`
/// - included: `[..., R, C]`, 1 where the column takes part, 0 where not
/// - output: `[..., R, 1]`
pub fn row_logsumexp<const D: usize>(logits: Tensor<D>, included: Tensor<D>) -> Tensor<D> {
    let logits = logits + (included - 1.0) * -EXCLUDED;
    // The maximum is a constant shift: its gradient cancels.
    let max = logits.clone().detach().max_dim(D - 1);
    (logits - max.clone()).exp().sum_dim(D - 1).log() + max
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_the_naive_sum_and_survives_empty_rows() {
        for (name, device) in crate::device::test_devices() {
            let logits = Tensor::<2>::from_floats([[1.0, 2.0, 300.0], [0.5, -0.5, 7.0]], &device);
            let included = Tensor::<2>::from_floats([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]], &device);
            let got: Vec<f32> = row_logsumexp(logits, included).try_into_vec_as().unwrap();
            assert!((f64::from(got[0]) - (1f64.exp() + 2f64.exp()).ln()).abs() < 1e-5, "{name}: {got:?}");
            assert!(got[1] < -1e8 && got[1].is_finite(), "{name}: {got:?}");
        }
    }
}
