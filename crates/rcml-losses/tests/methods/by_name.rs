//! What a run's configuration can name, an objective computes.

use burn::tensor::{Device, Tensor, TensorData};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rcml_kernels::l2_normalize;
use rcml_losses::methods::Queue;
use rcml_losses::{
    AnchorRow, ConditionedModality, METHODS, Objective, ObjectiveConfig, Over, PairTargets, Place, TermConfig,
};

/// The same values at every call with the same name. (Burn's own random numbers come from a stream that all tests share.)
fn modality(name: &str, device: &Device, [u, a, b]: [usize; 3], present: Vec<bool>) -> ConditionedModality {
    let mut rng = ChaCha8Rng::seed_from_u64(name.len() as u64);
    let mut random = |shape: [usize; 3]| {
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| rng.random_range(-1.0..1.0)).collect();
        l2_normalize(Tensor::<3>::from_data(TensorData::new(values, shape), device))
    };
    let (anchors, candidates) = (random([u, a, 6]), random([u, b, 6]));
    let everyone = Some((random([u, b, 6]), None));
    let [momentum, earlier, generated] = [(); 3].map(|()| random([1, b, 6]).squeeze_dim::<2>(0));
    let mut queue = Queue::new(2 * b);
    queue.push(earlier);
    ConditionedModality {
        everyone,
        momentum: Some((momentum.without_autodiff(), queue)),
        generated: Some(generated),
        ..ConditionedModality::new(name, anchors, candidates, present)
    }
}

fn targets(over: Over) -> PairTargets {
    let anchor = |row, positives| AnchorRow { row, positives, excluded: &[] };
    match over {
        Over::Items => PairTargets::same_item(5).with_seed(9),
        Over::Related => {
            PairTargets::new(5, &[vec![anchor(0, &[1]), anchor(2, &[3, 4])], vec![anchor(1, &[3]), anchor(0, &[1, 4])]])
        }
    }
}

fn objective(term: TermConfig) -> Objective {
    let none = ObjectiveConfig { related: 0.0, same_item: 0.0, fused: 0.0, ..ObjectiveConfig::default() };
    let config = ObjectiveConfig { terms: vec![term], ..none };
    config.validate().unwrap();
    Objective::new(config)
}

/// Every method that a run can use gives terms named after it, with finite values and gradients that reach the anchors, whatever
/// stands in the rows of an item that lacks a modality.
#[test]
fn every_method_runs_by_name() {
    for (device_name, device) in rcml_kernels::device::test_devices() {
        let device = device.autodiff();
        let scale = Tensor::from_floats([10.0], &device);
        for info in METHODS.iter().filter(|info| !matches!(info.place, Place::Library(_))) {
            let term = TermConfig::new(info.name);
            let (over, name) = (term.compares(), format!("{device_name} {}", info.name));
            let (objective, targets) = (objective(term), targets(over));
            let loss = |noise: f32| {
                // Names of different lengths: their values are different.
                let mut views =
                    ["text", "image", "sounds"].map(|name| modality(name, &device, targets.shape(), vec![]));
                views[1].present = vec![true, true, false, true, true];
                let missing = Tensor::<1>::from_floats([0.0, 0.0, noise, 0.0, 0.0], &device).reshape([1, 5, 1]);
                views[1].candidates = views[1].candidates.clone() + missing.clone();
                if over == Over::Items {
                    views[1].anchors = views[1].anchors.clone() + missing;
                }
                let leaf = views[0].anchors.clone().detach().require_grad();
                views[0].anchors = leaf.clone();
                if let Some((everyone, _)) = &mut views[0].everyone {
                    *everyone = leaf.clone().mean_dim(1) + everyone.clone();
                }
                let terms = match over {
                    Over::Related => objective.related(&views, &targets, &scale),
                    Over::Items => objective.same_item(&views, &targets, &scale),
                };
                assert!(!terms.is_empty() && terms.iter().all(|term| term.name.starts_with(info.name)), "{name}");
                (leaf, Objective::sum(&terms).unwrap())
            };
            let (leaf, value) = loss(0.0);
            let gradient = leaf.grad(&value.backward()).expect("a gradient");
            let gradient: Vec<f32> = gradient.try_into_vec_as().unwrap();
            assert!(
                gradient.iter().all(|g| g.is_finite()) && gradient.iter().any(|g| *g != 0.0),
                "{name}: {gradient:?}"
            );
            let (value, noisy) = (value.into_scalar::<f32>(), loss(7.0).1.into_scalar::<f32>());
            assert!(value.is_finite() && value == noisy, "{name}: {value}, with noise where nothing is {noisy}");
        }
    }
}

/// `info-nce` and `rcml` by name over items are what RCML's own same-item part is.
#[test]
fn the_named_form_equals_the_built_in_one() {
    for (name, device) in rcml_kernels::device::test_devices() {
        let targets = targets(Over::Related);
        let views = ["text", "image"].map(|name| modality(name, &device, targets.shape(), vec![]));
        let scale = Tensor::from_floats([10.0], &device);
        let built_in = ObjectiveConfig { intra: 0.0, fused: 0.0, same_item: 0.0, ..ObjectiveConfig::default() };
        let value = |objective: Objective| {
            Objective::sum(&objective.related(&views, &targets, &scale)).unwrap().into_scalar::<f32>()
        };
        let (theirs, ours) = (value(Objective::new(built_in)), value(objective(TermConfig::new("rcml"))));
        assert!((theirs - ours).abs() < 1e-5 * theirs.abs(), "{name}: {theirs} against {ours}");
    }
}
