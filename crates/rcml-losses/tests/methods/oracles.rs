//! Every method gives its known value, on every device.

use burn::tensor::{DType, Device, Tensor, TensorData};
use rcml_losses::contrast::{Bilinear, Contest, Cosine, HingeOver, Matching, MaxSim, Scorer, Volume};
use rcml_losses::methods::{Views, bpr, cwcl_half, gram, hcl, mv_dhel, mv_info_nce, one_to_k, sdm, slerp};
use rcml_losses::{METHODS, Provenance};

use crate::cases::{Limit, Loss, cases};
use crate::fixture::{Inputs, fixture};
use crate::parts::{antisymmetric, both, hinge, interleaved, views};

/// The types that a device computes in, and how near a value must be.
pub(crate) fn types(device: &Device) -> Vec<(DType, f64)> {
    // A product's error is multiplied by 1 / temperature.
    let mut types = vec![(DType::F32, 1e-5 + 20.0 * slack())];
    if rcml_kernels::device::test_doubles(device) {
        types.push((DType::F64, 1e-6));
    }
    types
}

/// What the device's matrix products are off by.
pub(crate) fn slack() -> f64 {
    f64::from(rcml_kernels::device::test_slack())
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

/// Forms and halves of methods beside those of the table.
#[test]
fn other_forms_give_their_oracles() {
    let others: [(&str, f64, f64, Loss); 10] = [
        ("InfoNCE, B to A", 0.5, 0.857_412_867, |i| i.contest().reversed().cross_entropy(&i.logits)),
        ("several positives, both ways", 0.5, 1.311_161_033, |i| {
            i.labelled(&[0, 0, 1]).both_ways(|side| side.cross_entropy(&i.logits))
        }),
        ("cwcl, one half", 0.5, 1.156_388_811, |i| cwcl_half(&i.contest(), &i.frozen[0], &i.logits)),
        ("one-to-k, released", 0.5, 1.079_866_746, |i| one_to_k(i.a.clone(), interleaved(i), true, &i.logits)),
        ("sdm, tau = .02", 0.02, 24.486_787_803, |i| {
            i.contest().both_ways(|side| sdm(side, &i.logits)).mul_scalar(2.0)
        }),
        ("hcl, tau+ = 0", 0.5, 0.914_396_039, |i| hcl(&i.contest(), &i.own(), 1.0, 0.0, &i.logits)),
        ("bpr of scores .9 and .4", 1.0, 0.474_076_984, |i| {
            let rows =
                |values: [[f64; 2]; 2]| Tensor::<2>::from_data(TensorData::from(values), (&i.a.device(), i.a.dtype()));
            let contest = Contest::own(rows([[1.0, 0.0], [0.0, 1.0]]), rows([[0.9, 0.4], [0.4, 0.9]]));
            bpr(&contest, &Matching::own(2), &i.logits)
        }),
        ("vse++", 0.5, 0.462_894_305, |i| hinge(i, 0.2, HingeOver::Hardest)),
        ("mv-info-nce of two", 0.5, 1.225_533_109, |i| mv_info_nce(&both(i), &i.logits).unwrap()),
        ("mv-dhel of two", 0.5, 1.482_173_510, |i| mv_dhel(&both(i), &i.logits).unwrap()),
    ];
    for (device_name, device) in rcml_kernels::device::test_devices() {
        for (dtype, tolerance) in types(&device) {
            for (name, temperature, expected, loss) in &others {
                let inputs = Inputs::new(&fixture(), 3, *temperature, dtype, &device);
                let got = value(&loss(&inputs));
                let near = (got - expected).abs() <= tolerance * expected.max(1.0);
                assert!(near, "{name} on {device_name} {dtype:?}: {got}, expected {expected}");
            }
            let inputs = Inputs::new(&fixture(), 3, 0.5, dtype, &device);
            let entries = |scores: Tensor<3>| -> Vec<f64> { scores.into_data().iter().collect() };
            let group = |x: &Tensor<2>| x.clone().unsqueeze_dim::<3>(0);
            let tuple: Vec<Tensor<3>> = views(&inputs).iter().map(group).collect();
            let volumes = entries(Volume::default().score(&tuple, 0..3));
            let turned = antisymmetric(&inputs);
            let bilinear = entries(Bilinear.score(&[group(&inputs.a), group(&inputs.b), turned.clone()], 0..3));
            let back = entries(Bilinear.score(&[group(&inputs.b), group(&inputs.a), turned], 0..3));
            let mixed = entries(group(&slerp(inputs.a.clone(), inputs.b.clone(), 0.3)));
            for (name, got, expected) in [
                ("volume of row 0", -volumes[0], 0.5),
                ("volume of row 2", -volumes[8], 2.0 / 3.0),
                ("antisymmetric W", bilinear[8], 1.0),
                ("antisymmetric W, turned", back[8], -1.0),
                ("slerp, first", mixed[0], 0.852_640_164),
                ("slerp, third", mixed[2], 0.522_498_565),
            ] {
                assert!((got - expected).abs() <= tolerance, "{name} on {device_name} {dtype:?}: {got}");
            }
        }
    }
}

/// A vector and its negative span the same volume with others: GRAM cannot tell them, and its gradient stays finite at volume 0.
#[test]
fn volumes_are_blind_to_signs_and_smooth_at_zero() {
    for (name, device) in rcml_kernels::device::test_devices() {
        let device = device.autodiff();
        let inputs = Inputs::new(&fixture(), 3, 0.07, DType::F32, &device);
        let signs = |sign: f64| Views::new(vec![inputs.a.clone(), inputs.b.clone().mul_scalar(sign), inputs.c.clone()]);
        let of = |sign: f64| value(&gram(&signs(sign), 0.0, &inputs.logits).unwrap());
        assert!((of(1.0) - of(-1.0)).abs() < 1e-5 + slack(), "{name}");
        let flat = Views::new(vec![inputs.a.clone(), inputs.a.clone(), inputs.c.clone()]);
        let flat = gram(&flat, 0.0, &inputs.logits).unwrap();
        let gradient: Vec<f32> = inputs.a.grad(&flat.backward()).unwrap().into_data().iter().collect();
        assert!(gradient.iter().all(|g| g.is_finite()), "{name}: {gradient:?}");
    }
}

/// Also of CLIP's paper values themselves, by the independent form.
#[test]
fn clip_by_its_authors_pseudocode() {
    for (name, device) in rcml_kernels::device::test_devices() {
        let inputs = Inputs::new(&fixture(), 3, 0.5, DType::F32, &device);
        let clip = value(&rcml_losses::clip_loss(inputs.a, inputs.b, inputs.logits.scale));
        assert!((clip - 0.839_756_512).abs() < 1e-5 + slack(), "{name}: {clip}");
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
        assert!((score - 0.780_033_3).abs() < 1e-5 + slack() as f32, "{name}: {score}");
        let swapped = plain.score(&[b.clone(), a.clone()], 0..1).into_scalar::<f32>();
        assert!((score - swapped).abs() < 1e-6 + slack() as f32, "{name}: symmetric");
        // Padding that looks like the best match of all.
        let padded = Tensor::cat(vec![b.clone(), a.clone().narrow(1, 0, 2)], 1);
        let real = vec![true, true, true, false, false];
        let masked = MaxSim { candidate_tokens: real, ..plain.clone() };
        let with_padding = masked.score(&[a.clone(), padded], 0..1).into_scalar::<f32>();
        assert_eq!(score, with_padding, "{name}");
        let single = MaxSim { anchor_tokens: one(3, 1), candidate_tokens: one(3, 1), items: [3, 3] };
        let all: Vec<f32> = single.score(&[a.clone(), b.clone()], 0..3).try_into_vec_as().unwrap();
        let cosine: Vec<f32> = Cosine.score(&[a, b], 0..3).try_into_vec_as().unwrap();
        assert!(
            all.iter().zip(&cosine).all(|(x, y)| (x - y).abs() < 1e-6 + slack() as f32),
            "{name}: {all:?} {cosine:?}"
        );
    }
}
