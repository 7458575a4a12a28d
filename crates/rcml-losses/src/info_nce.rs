//! The contrastive kernel: several positives per anchor, sparse; negatives dense.

use burn::tensor::activation::relu;
use burn::tensor::{Int, Tensor, TensorData};
use rcml_kernels::row_logsumexp;
use serde::{Deserialize, Serialize};

use crate::WeightedPairs;

/// Whether a pair's own similarity stands in its denominator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Denominator {
    /// The positive and the negatives (CLIP): -log(e^s / (e^s + sum_k e^s_k)).
    #[default]
    Joint,
    /// The negatives alone (the paper's eq. 2 as printed; Yeh et al. 2022, "decoupled"): -log(e^s / sum_k e^s_k).
    Decoupled,
}

/// Weighted mean of -log(e^s / denominator) over the positives. Other positives of the anchor never stand in a pair's
/// denominator. `None` where there is no positive.
///
/// # Shapes
/// - logits: `[U, A, B]`, similarities divided by the temperature
/// - output: `[1]`
pub fn info_nce(logits: Tensor<3>, pairs: &WeightedPairs, denominator: Denominator) -> Option<Tensor<1>> {
    let [u, a, b] = pairs.shape;
    let count = pairs.positions.len();
    if count == 0 {
        return None;
    }
    let device = logits.device();
    let index = |values: &[i64]| Tensor::<1, Int>::from_data(TensorData::new(values.to_vec(), [count]), &device);
    let options = (&device, logits.dtype());
    let negatives = Tensor::<3>::from_data(TensorData::new(pairs.negatives.clone(), [u, a, b]), options);
    let weights = Tensor::<1>::from_data(TensorData::new(pairs.weights.clone(), [count]), options);

    let negatives = row_logsumexp(logits.clone(), negatives).reshape([u * a]).select(0, index(&pairs.rows));
    let positives = logits.reshape([u * a * b]).select(0, index(&pairs.positions));
    let gap = negatives - positives;
    let loss = match denominator {
        // -log(e^s / (e^s + e^n)) = softplus(n - s), written so that neither side overflows.
        Denominator::Joint => relu(gap.clone()) + gap.abs().neg().exp().log1p(),
        Denominator::Decoupled => gap,
    };
    Some((loss * weights).sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AnchorRow, Average, PairTargets, clip_loss};
    use burn::tensor::{DType, Device, Distribution};

    fn unit(shape: [usize; 2], device: &Device) -> Tensor<2> {
        rcml_kernels::l2_normalize(Tensor::random(shape, Distribution::Normal(0.0, 1.0), device))
    }

    #[test]
    fn is_clip_for_one_relation_with_the_item_itself() {
        for (name, device) in rcml_kernels::device::test_devices() {
            device.seed(1);
            let (x, y) = (unit([7, 5], &device), unit([7, 5], &device));
            let pairs = PairTargets::same_item(7).weigh(Average::Anchors, &[], &[]);
            let one_way = |x: &Tensor<2>, y: &Tensor<2>| {
                let logits = x.clone().matmul(y.clone().transpose()).div_scalar(0.07).unsqueeze::<3>();
                info_nce(logits, &pairs, Denominator::Joint).unwrap().into_scalar::<f32>()
            };
            let clip = clip_loss(x.clone(), y.clone(), Tensor::from_floats([1.0 / 0.07], &device)).into_scalar::<f32>();
            let ours = (one_way(&x, &y) + one_way(&y, &x)) / 2.0;
            assert!((ours - clip).abs() < 1e-5 * clip.abs().max(1.0), "{name}: {ours} against {clip}");
        }
    }

    /// Two positives of one row, one excluded candidate, worked out by hand.
    #[test]
    fn other_positives_and_excluded_candidates_stay_out_of_the_denominator() {
        let logits = [[0.3f64, 1.2, -0.7, 0.9, 2.0]];
        let targets = PairTargets::new(5, &[vec![AnchorRow { row: 0, positives: &[1, 2], excluded: &[4] }]]);
        let pairs = targets.weigh(Average::Anchors, &[], &[]);
        let negatives = (0.9f64).exp();
        let joint = |s: f64| -(s.exp() / (s.exp() + negatives)).ln();
        let decoupled = |s: f64| -(s.exp() / negatives).ln();
        for (name, device) in rcml_kernels::device::test_devices() {
            for (form, expected) in [
                (Denominator::Joint, (joint(1.2) + joint(-0.7)) / 2.0),
                (Denominator::Decoupled, (decoupled(1.2) + decoupled(-0.7)) / 2.0),
            ] {
                let logits = Tensor::<3>::from_data(TensorData::from([logits]), &device);
                let got = f64::from(info_nce(logits, &pairs, form).unwrap().into_scalar::<f32>());
                assert!((got - expected).abs() < 1e-6, "{name} {form:?}: {got} against {expected}");
            }
        }
    }

    #[test]
    fn gradient_equals_finite_differences_in_f64() {
        let targets = PairTargets::new(
            4,
            &[
                vec![
                    AnchorRow { row: 0, positives: &[1], excluded: &[2] },
                    AnchorRow { row: 3, positives: &[0, 1], excluded: &[] },
                ],
                vec![AnchorRow { row: 2, positives: &[3], excluded: &[] }],
            ],
        );
        let pairs = targets.weigh(Average::Pairs, &[], &[]);
        let count = pairs.shape.iter().product::<usize>();
        let start: Vec<f64> = (0..count).map(|i| ((i * 7919 + 13) % 101) as f64 / 25.0 - 2.0).collect();
        for (name, device) in rcml_kernels::device::test_devices() {
            if !rcml_kernels::device::test_doubles(&device) {
                continue;
            }
            for form in [Denominator::Joint, Denominator::Decoupled] {
                let device = device.clone().autodiff();
                let value = |values: &[f64]| {
                    let data = TensorData::new(values.to_vec(), pairs.shape);
                    let logits = Tensor::<3>::from_data(data, (&device, DType::F64)).require_grad();
                    (logits.clone(), info_nce_f64(logits, &pairs, form))
                };
                let (logits, loss) = value(&start);
                let gradient: Vec<f64> = logits.grad(&loss.backward()).unwrap().try_into_vec_as().unwrap();
                for i in 0..count {
                    let shifted = |by: f64| {
                        let mut values = start.clone();
                        values[i] += by;
                        value(&values).1.into_scalar::<f64>()
                    };
                    let numeric = (shifted(1e-5) - shifted(-1e-5)) / 2e-5;
                    assert!(
                        (gradient[i] - numeric).abs() < 1e-7,
                        "{name} {form:?} {i}: {} against {numeric}",
                        gradient[i]
                    );
                }
            }
        }
    }

    fn info_nce_f64(logits: Tensor<3>, pairs: &WeightedPairs, form: Denominator) -> Tensor<1> {
        assert_eq!(logits.dtype(), DType::F64);
        info_nce(logits, pairs, form).unwrap()
    }
}
