//! Pairs under relations that do not hold for them, against the definition.

use burn::tensor::{Device, Tensor, TensorData};
use rcml_kernels::l2_normalize;
use rcml_losses::{AnchorRow, ConditionedModality, Denominator, Objective, ObjectiveConfig, PairTargets};

use crate::fixture::generic;

const D: usize = 6;
const ITEMS: usize = 5;

/// (relation, anchor, candidate).
const PAIRS: [[u32; 3]; 5] = [[0, 0, 1], [0, 0, 2], [0, 3, 4], [1, 0, 1], [1, 2, 3]];

fn targets() -> PairTargets {
    let anchor = |row, positives| AnchorRow { row, positives, excluded: &[] };
    PairTargets::new(ITEMS, &[vec![anchor(0, &[1, 2]), anchor(3, &[4])], vec![anchor(0, &[1]), anchor(2, &[3])]])
}

/// Every item under both relations, `[2, ITEMS, D]`, as anchors and as candidates.
fn embedded(device: &Device) -> [Tensor<3>; 2] {
    let [x, y, _] = generic(2 * ITEMS, D);
    [x, y].map(|values| {
        let values: Vec<f32> = values.into_iter().map(|value| value as f32).collect();
        l2_normalize(Tensor::from_data(TensorData::new(values, [2, ITEMS, D]), device))
    })
}

#[test]
fn the_same_pair_under_a_wrong_relation_is_a_negative() {
    for (name, device) in rcml_kernels::device::test_devices() {
        let [x, y] = embedded(&device);
        let read = |z: &Tensor<3>| -> Vec<f32> { z.clone().try_into_vec_as().unwrap() };
        let (of_x, of_y) = (read(&x), read(&y));
        let logit = |[r, i, j]: [u32; 3]| -> f64 {
            let row = |of: &[f32], at: u32| of[(r as usize * ITEMS + at as usize) * D..][..D].to_vec();
            4.0 * row(&of_x, i).iter().zip(row(&of_y, j)).map(|(a, b)| f64::from(*a) * f64::from(b)).sum::<f64>()
        };
        let related = |pair: [u32; 3]| PAIRS.contains(&pair);
        // Anchors count alike, shared by their positives.
        let expected = |denominator: Denominator, correction: &[f32]| -> f64 {
            // The chance that a candidate is drawn with does not ask under which relation.
            let logit = |pair: [u32; 3]| logit(pair) - correction.get(pair[2] as usize).map_or(0.0, |c| f64::from(*c));
            let one = |pair @ [r, i, _]: [u32; 3]| {
                let negatives = (0..ITEMS as u32).filter(|k| *k != i && !related([r, i, *k])).map(|k| [r, i, k]);
                let wrong = Some([1 - r, i, pair[2]]).filter(|pair| !related(*pair));
                let own = Some(pair).filter(|_| denominator == Denominator::Joint);
                let sum: f64 = negatives.chain(wrong).chain(own).map(|pair| logit(pair).exp()).sum();
                let shared = PAIRS.iter().filter(|other| other[..2] == pair[..2]).count() as f64;
                (sum.ln() - logit(pair)) / shared
            };
            PAIRS.iter().map(|pair| one(*pair)).sum::<f64>() / 4.0
        };
        let anchors = Tensor::cat(
            vec![
                x.clone().slice([0..1, 0..1]),
                x.clone().slice([0..1, 3..4]),
                x.clone().slice([1..2, 0..1]),
                x.clone().slice([1..2, 2..3]),
            ],
            1,
        );
        let modality = ConditionedModality {
            everyone: Some((x.clone(), None)),
            ..ConditionedModality::new("text", anchors.reshape([2, 2, D]), y, vec![])
        };
        let chances = [0.05f32, 0.6, 0.1, 0.9, 0.02].map(f32::ln).to_vec();
        let forms = [Denominator::Joint, Denominator::Decoupled];
        for (denominator, correction) in forms.into_iter().flat_map(|form| [(form, vec![]), (form, chances.clone())]) {
            let config = ObjectiveConfig {
                intra: 1.0,
                denominator,
                wrong_relation_negatives: true,
                ..ObjectiveConfig::default()
            };
            let scale = Tensor::from_floats([4.0], &device);
            let targets = targets().with_correction(correction.clone());
            let terms = Objective::new(config).related(std::slice::from_ref(&modality), &targets, &scale);
            let value = Objective::sum(&terms).unwrap().into_scalar::<f32>();
            let expected = expected(denominator, &correction);
            assert!(
                (f64::from(value) - expected).abs() < 1e-5 + crate::oracles::slack(),
                "{name} {denominator:?} {correction:?}: {value}, expected {expected}"
            );
        }
    }
}
