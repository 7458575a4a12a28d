//! Every method gives its known value, on every device.

use burn::tensor::{DType, Device, FloatDType, Tensor};
use rcml_losses::contrast::{Contest, Cosine, MaxSim, Scorer};
use rcml_losses::{METHODS, Provenance};

use crate::cases::{Limit, cases};
use crate::fixture::{Inputs, fixture};

/// The types that a device computes in, and how near a value must be.
pub(crate) fn types(device: &Device) -> Vec<(DType, f64)> {
    let mut types = vec![(DType::F32, 1e-5)];
    if device.supports_dtype(FloatDType::F64) {
        types.push((DType::F64, 1e-6));
    }
    types
}

fn value(loss: &Tensor<1>) -> f64 {
    loss.clone().into_scalar::<f64>()
}

#[test]
fn the_table_is_complete() {
    let mut names: Vec<&str> = cases().iter().map(|case| case.name).collect();
    let mut known: Vec<&str> = METHODS.iter().map(|method| method.name).collect();
    names.sort_unstable();
    known.sort_unstable();
    assert_eq!(names, known);
    for info in METHODS.iter().filter(|info| info.provenance == Provenance::Ours && info.source != "ours") {
        assert!(info.source.ends_with("style"), "{}: what we define is called X-style", info.name);
    }
}

#[test]
fn every_method_gives_its_oracle() {
    let mut wrong = vec![];
    for (device_name, device) in rcml_kernels::device::test_devices() {
        for (dtype, tolerance) in types(&device) {
            for case in cases() {
                let info = rcml_losses::method(case.name).unwrap();
                let inputs = Inputs::new(&fixture(), 3, case.temperature, dtype, &device);
                let got = value(&(case.loss)(&inputs));
                if (got - info.oracle).abs() > tolerance * info.oracle.abs().max(1.0) {
                    wrong.push(format!("{} on {device_name} {dtype:?}: {got}, expected {}", case.name, info.oracle));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_method_meets_its_limit() {
    let mut wrong = vec![];
    for (device_name, device) in rcml_kernels::device::test_devices() {
        for (dtype, tolerance) in types(&device) {
            for case in cases() {
                let temperature =
                    if matches!(case.limit, Limit::Clip(..) | Limit::OneWay(_)) { case.temperature } else { 0.5 };
                let inputs = Inputs::new(&fixture(), 3, temperature, dtype, &device);
                let contest = Contest::own(inputs.a.clone(), inputs.b.clone());
                let (got, expected) = match case.limit {
                    Limit::Clip(times, loss) => {
                        let clip = contest.both_ways(|side| side.cross_entropy(&inputs.logits));
                        (value(&loss(&inputs)), times * value(&clip))
                    }
                    Limit::OneWay(loss) => (value(&loss(&inputs)), value(&contest.cross_entropy(&inputs.logits))),
                    Limit::Value(expected, loss) => (value(&loss(&inputs)), expected),
                    Limit::Equal(a, b) => (value(&a(&inputs)), value(&b(&inputs))),
                };
                if (got - expected).abs() > 2.0 * tolerance * expected.abs().max(1.0) {
                    wrong.push(format!("{} on {device_name} {dtype:?}: {got}, expected {expected}", case.name));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Also of CLIP's paper values themselves, by the independent form.
#[test]
fn clip_by_its_authors_pseudocode() {
    for (name, device) in rcml_kernels::device::test_devices() {
        let inputs = Inputs::new(&fixture(), 3, 0.5, DType::F32, &device);
        let clip = value(&rcml_losses::clip_loss(inputs.a, inputs.b, inputs.logits.scale));
        assert!((clip - 0.839_756_512).abs() < 1e-5, "{name}: {clip}");
    }
}

/// Token scorers do not see padding, nor the order of tokens, and one token each is the cosine.
#[test]
fn max_sim_is_blind_to_padding() {
    for (name, device) in rcml_kernels::device::test_devices() {
        let inputs = Inputs::new(&fixture(), 3, 0.5, DType::F32, &device);
        let tokens = |x: &Tensor<2>| x.clone().unsqueeze_dim::<3>(0);
        let (a, b) = (tokens(&inputs.a), tokens(&inputs.b));
        let one = |items: usize, count: usize| vec![true; items * count];
        let plain = MaxSim { anchor_tokens: one(1, 3), candidate_tokens: one(1, 3), items: [1, 1] };
        let score = plain.score(&[a.clone(), b.clone()], 0..1).into_scalar::<f32>();
        assert!((score - 0.780_033_3).abs() < 1e-5, "{name}: {score}");
        let swapped = plain.score(&[b.clone(), a.clone()], 0..1).into_scalar::<f32>();
        assert!((score - swapped).abs() < 1e-6, "{name}: symmetric");
        // Padding that looks like the best match of all.
        let padded = Tensor::cat(vec![b.clone(), a.clone().narrow(1, 0, 2)], 1);
        let real = vec![true, true, true, false, false];
        let masked = MaxSim { candidate_tokens: real, ..plain.clone() };
        let with_padding = masked.score(&[a.clone(), padded], 0..1).into_scalar::<f32>();
        assert_eq!(score, with_padding, "{name}");
        let single = MaxSim { anchor_tokens: one(3, 1), candidate_tokens: one(3, 1), items: [3, 3] };
        let all: Vec<f32> = single.score(&[a.clone(), b.clone()], 0..3).try_into_vec_as().unwrap();
        let cosine: Vec<f32> = Cosine.score(&[a, b], 0..3).try_into_vec_as().unwrap();
        assert!(all.iter().zip(&cosine).all(|(x, y)| (x - y).abs() < 1e-6), "{name}: {all:?} {cosine:?}");
    }
}
