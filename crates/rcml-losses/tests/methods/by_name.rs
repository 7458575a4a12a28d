//! What a run's configuration can name, an objective computes.

use burn::tensor::{Device, Tensor, TensorData};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rcml_kernels::{SparseRows, l2_normalize};
use rcml_losses::methods::Queue;
use rcml_losses::{
    AnchorRow, Average, ConditionedModality, Followed, Generated, METHODS, Objective, ObjectiveConfig, Over,
    PairTargets, Place, TermConfig,
};

use crate::fixture::fixture;

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
    queue.push(earlier, &(0..b as u32).collect::<Vec<_>>());
    let none = SparseRows::empty(b);
    ConditionedModality {
        everyone,
        momentum: Some(Followed { rows: momentum.without_autodiff(), queue, known: none.clone() }),
        generated: Some(Generated { rows: generated, right: none }),
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

fn scalar(terms: &[rcml_losses::Term]) -> f32 {
    Objective::sum(terms).unwrap().into_scalar::<f32>()
}

/// Every method that a run can use gives terms named after it, with finite values and gradients that reach anchors and candidates
/// (which are others where anchors alone are conditioned), whatever stands in the rows of an item that lacks a modality.
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
                let answers = views[0].candidates.clone().detach().require_grad();
                views[0].candidates = answers.clone();
                if let Some((everyone, _)) = &mut views[0].everyone {
                    *everyone = leaf.clone().mean_dim(1) + everyone.clone();
                }
                let terms = match over {
                    Over::Related => objective.related(&views, &targets, &scale),
                    Over::Items => objective.same_item(&views, &targets, &scale),
                };
                assert!(!terms.is_empty() && terms.iter().all(|term| term.name.starts_with(info.name)), "{name}");
                ([leaf, answers], Objective::sum(&terms).unwrap())
            };
            let (leaves, value) = loss(0.0);
            let gradients = value.backward();
            // A momentum encoder answers in place of the candidates.
            for leaf in leaves.iter().take(if info.name == "tcl" { 1 } else { 2 }) {
                let gradient = leaf.grad(&gradients).expect("a gradient");
                let gradient: Vec<f32> = gradient.try_into_vec_as().unwrap();
                assert!(
                    gradient.iter().all(|g| g.is_finite()) && gradient.iter().any(|g| *g != 0.0),
                    "{name}: {gradient:?}"
                );
            }
            let (value, noisy) = (value.into_scalar::<f32>(), loss(7.0).1.into_scalar::<f32>());
            assert!(value.is_finite() && value == noisy, "{name}: {value}, with noise where nothing is {noisy}");
        }
    }
}

/// `rcml` by name over related pairs is RCML's own part, and `rcml`, `info-nce` and `pairwise` over items are its same-item part: whether
/// candidates are conditioned as anchors are, or not at all.
#[test]
fn the_named_form_equals_the_built_in_one() {
    for (name, device) in rcml_kernels::device::test_devices() {
        let scale = Tensor::from_floats([10.0], &device);
        for (over, method) in
            [(Over::Related, "rcml"), (Over::Items, "rcml"), (Over::Items, "info-nce"), (Over::Items, "pairwise")]
        {
            let targets = targets(over);
            for conditioned_alike in [true, false] {
                let views = ["text", "image", "sounds"].map(|name| {
                    let modality = modality(name, &device, targets.shape(), vec![]);
                    match over {
                        Over::Items if conditioned_alike => {
                            ConditionedModality { candidates: modality.anchors.clone(), ..modality }
                        }
                        _ => modality,
                    }
                });
                let none =
                    ObjectiveConfig { related: 0.0, intra: 0.0, fused: 0.0, same_item: 0.0, ..Default::default() };
                let built_in = match over {
                    Over::Related => ObjectiveConfig { related: 1.0, ..none },
                    Over::Items => ObjectiveConfig { same_item: 1.0, ..none },
                };
                let value = |objective: Objective| match over {
                    Over::Related => scalar(&objective.related(&views, &targets, &scale)),
                    Over::Items => scalar(&objective.same_item(&views, &targets, &scale)),
                };
                let named = TermConfig { over: Some(over), ..TermConfig::new(method) };
                let (theirs, ours) = (value(Objective::new(built_in)), value(objective(named)));
                assert!((theirs - ours).abs() < 1e-5 * theirs.abs(), "{name} {method}: {theirs} against {ours}");
            }
        }
    }
}

/// Items 1 and 3 cannot be told apart. In a direction of their own that nothing else has, item 3's embedding of one modality meets
/// item 1 or does not: no method may notice.
#[test]
fn what_is_excluded_does_not_reach_the_loss() {
    const D: usize = 9;
    const PAIRLESS: [&str; 4] = ["align", "barlow", "orthogonality", "rafa"];
    let mut wrong = vec![];
    for (device_name, device) in rcml_kernels::device::test_devices() {
        let scale = Tensor::from_floats([5.0], &device);
        // Channel 6 is that of item 1. Item 3 has 7, or where it meets, 6; in other modalities 8.
        let rows = |seed: u64, of_3: usize| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let mut values = vec![0.0f32; 5 * D];
            for (item, row) in values.chunks_mut(D).enumerate() {
                row[..6].fill_with(|| rng.random_range(-1.0..1.0));
                let length = row.iter().map(|x| x * x).sum::<f32>().sqrt();
                row.iter_mut().for_each(|x| *x *= 0.5f32.sqrt() / length);
                match item {
                    1 => row[6] = 0.5f32.sqrt(),
                    3 => row[of_3] = 0.5f32.sqrt(),
                    _ => {}
                }
            }
            Tensor::<1>::from_floats(values.as_slice(), &device).reshape([5, D])
        };
        let alike = SparseRows::new([vec![], vec![1, 3], vec![], vec![1, 3], vec![]]);
        let views = |of_3: usize, known: &SparseRows| {
            ["text", "image", "sounds"].map(|name| {
                let seed = name.len() as u64;
                let of_3 = if name == "image" { of_3 } else { 8 };
                let of = |part: u64| rows(100 * part + seed, of_3);
                let mut queue = Queue::new(5);
                queue.push(of(2), &[0, 1, 2, 3, 4]);
                ConditionedModality {
                    momentum: Some(Followed { rows: of(1), queue, known: known.clone() }),
                    generated: Some(Generated { rows: of(3), right: known.clone() }),
                    ..ConditionedModality::new(name, of(0).unsqueeze_dim(0), of(0).unsqueeze_dim(0), vec![])
                }
            })
        };
        let own: Vec<[u32; 1]> = (0..5).map(|row| [row]).collect();
        let targets = |excluding: bool| {
            let others = |row: u32| match row {
                1 if excluding => &[3][..],
                3 if excluding => &[1][..],
                _ => &[],
            };
            let anchors = own.iter().map(|own| AnchorRow { row: own[0], positives: own, excluded: others(own[0]) });
            PairTargets::new(5, &[anchors.collect()]).with_seed(9)
        };
        let methods = METHODS.iter().filter(|info| !matches!(info.place, Place::Library(_)));
        for info in methods.filter(|info| info.name != "relation-contrast" && !PAIRLESS.contains(&info.name)) {
            let mut term = TermConfig { over: Some(Over::Items), ..TermConfig::new(info.name) };
            if info.name == "siglip" {
                // At the default no pair of so few says much.
                term.parameters.insert("bias".into(), 0.0);
            }
            let objective = objective(term);
            let value = |excluding: bool, of_3: usize| {
                let known = if excluding { alike.clone() } else { SparseRows::empty(5) };
                scalar(&objective.same_item(&views(of_3, &known), &targets(excluding), &scale))
            };
            let [(apart, met), (seen_apart, seen_met)] = [true, false].map(|out| (value(out, 7), value(out, 6)));
            if (apart - met).abs() > 1e-5 * apart.abs().max(1.0) + crate::oracles::slack() as f32 {
                wrong.push(format!("{} on {device_name}: {apart}, where the two meet {met}", info.name));
            }
            if (seen_apart - seen_met).abs() < 1e-4 {
                wrong.push(format!("{} on {device_name} would not notice: {seen_apart}", info.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The fixture as two modalities of three items, rows 0 and 1 of one label: what a run computes is what the catalogue says.
#[test]
fn labels_give_a_run_the_published_values() {
    for (name, device) in rcml_kernels::device::test_devices() {
        let [a, b, _] = fixture();
        let view = |name: &str, values: &[f64]| {
            let values: Vec<f32> = values.iter().map(|value| *value as f32).collect();
            let rows = Tensor::<3>::from_data(TensorData::new(values, [1, 3, 4]), &device);
            ConditionedModality::new(name, rows.clone(), rows, vec![])
        };
        let views = [view("text", &a), view("image", &b)];
        let same: [&[u32]; 3] = [&[0, 1], &[0, 1], &[2]];
        let anchors = same.iter().zip(0..).map(|(positives, row)| AnchorRow { row, positives, excluded: &[] });
        let targets = PairTargets::new(3, &[anchors.collect()]);
        let scale = Tensor::from_floats([2.0], &device);
        for method in ["sup-con", "sdm"] {
            let terms = objective(TermConfig::new(method)).related(&views, &targets, &scale);
            let (value, expected) = (f64::from(scalar(&terms)), rcml_losses::method(method).unwrap().oracle);
            let near = (value - expected).abs() < (2e-5 + 20.0 * crate::oracles::slack()) * expected;
            assert!(near, "{name} {method}: {value}, expected {expected}");
        }
        // Over the modalities of one item the item is the label.
        let items = objective(TermConfig { over: Some(Over::Items), ..TermConfig::new("sup-con") });
        let value = f64::from(scalar(&items.same_item(&views, &PairTargets::same_item(3), &scale)));
        assert!((value - 1.221_475_495).abs() < 2e-5 + 20.0 * crate::oracles::slack(), "{name}: NT-Xent is {value}");
    }
}

/// An anchor with two positives counts twice where pairs count.
#[test]
fn pairs_can_count_in_every_method_over_related_pairs() {
    for (name, device) in rcml_kernels::device::test_devices() {
        let anchor = |row, positives| AnchorRow { row, positives, excluded: &[] };
        let (one, two) = (anchor(0, &[1]), anchor(2, &[3, 4]));
        // Anchors at the same place, so that the parts are those of the whole.
        let views = |of: &[usize]| {
            let modality = modality("text", &device, [1, 2, 5], vec![]);
            let rows = of.iter().map(|row| modality.anchors.clone().narrow(1, *row, 1)).collect();
            ConditionedModality { anchors: Tensor::cat(rows, 1), ..modality }
        };
        let scale = Tensor::from_floats([10.0], &device);
        for info in METHODS.iter().filter(|info| info.place == Place::Pairs && info.name != "relation-contrast") {
            let term = TermConfig { between: rcml_losses::Between::Intra, ..TermConfig::new(info.name) };
            let value = |average: Average, anchors: Vec<AnchorRow<'_>>, of: &[usize]| {
                let config = ObjectiveConfig { average, ..objective(term.clone()).config().clone() };
                let targets = PairTargets::new(5, &[anchors]);
                scalar(&Objective::new(config).related(&[views(of)], &targets, &scale))
            };
            let [first, second] = [(one, 0), (two, 1)].map(|(row, place)| value(Average::Anchors, vec![row], &[place]));
            for (average, expected) in
                [(Average::Anchors, (first + second) / 2.0), (Average::Pairs, (first + 2.0 * second) / 3.0)]
            {
                let got = value(average, vec![one, two], &[0, 1]);
                let near = (got - expected).abs() < 1e-4 * expected.abs().max(1.0);
                assert!(near, "{name} {} {average:?}: {got}, expected {expected}", info.name);
            }
        }
    }
}

/// A modality that is named teaches, whatever its place in a pair; one that is not there leaves the choice to the method.
#[test]
fn a_teacher_is_named_or_chosen() {
    for (name, device) in rcml_kernels::device::test_devices() {
        let targets = targets(Over::Items);
        let views = ["text", "image"].map(|name| modality(name, &device, targets.shape(), vec![]));
        let scale = Tensor::from_floats([10.0], &device);
        let value = |method: &str, teacher: Option<&str>| {
            let term = TermConfig { teacher: teacher.map(Into::into), ..TermConfig::new(method) };
            scalar(&objective(term).same_item(&views, &targets, &scale))
        };
        for (method, own, other) in [("cwcl", "text", "image"), ("soft-clip", "image", "text")] {
            let chosen = value(method, None);
            assert_eq!(chosen, value(method, Some(own)), "{name} {method}");
            assert_eq!(chosen, value(method, Some("sounds")), "{name} {method}");
            assert!((chosen - value(method, Some(other))).abs() > 1e-3, "{name} {method}");
        }
    }
}
