//! Unit rows.

use burn::tensor::Tensor;

/// Scales the last dimension to unit Euclidean length: y = x / sqrt(max(sum x^2, 1e-12)).
///
/// A zero vector stays zero and has a finite gradient.
pub fn l2_normalize<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let squares = x.clone().square().sum_dim(D - 1);
    x / squares.clamp_min(1e-12).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unit_rows_and_a_zero_row() {
        for (name, device) in crate::device::test_devices() {
            let x = Tensor::<2>::from_floats([[3.0, 4.0], [0.0, 0.0]], &device.autodiff()).require_grad();
            let y = l2_normalize(x.clone());
            let values: Vec<f32> = y.clone().try_into_vec_as().unwrap();
            for (value, expected) in values.iter().zip([0.6, 0.8, 0.0, 0.0]) {
                assert!((value - expected).abs() < 1e-6, "{name}: {values:?}");
            }
            let gradient: Vec<f32> = x.grad(&y.sum().backward()).unwrap().try_into_vec_as().unwrap();
            assert!(gradient.iter().all(|g| g.is_finite()), "{name}: {gradient:?}");
        }
    }
}
