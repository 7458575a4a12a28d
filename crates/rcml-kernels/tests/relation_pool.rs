//! Relation pooling against its definition, by every algorithm on every device.

#![allow(missing_docs, clippy::unwrap_used)]

use burn::tensor::{Device, Distribution, Tensor, TensorData, activation};
use rcml_kernels::device::{test_devices, test_slack};
use rcml_kernels::{Algorithm, PairList, relation_pool, relation_pool_lse, relation_pool_pairs, relation_pool_with};

const ALGORITHMS: [Algorithm; 6] = [
    Algorithm::Auto,
    Algorithm::Composed,
    Algorithm::Streamed,
    Algorithm::Resident,
    Algorithm::Packed,
    Algorithm::MultiplyAdds,
];

/// What the inputs look like.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Case {
    Random,
    /// Every third token is masked.
    Masked,
    AllButOneMasked,
    AllMasked,
    /// Minus infinity instead of a large number.
    Infinite,
    /// Minus infinity for every token: pooled evenly, as where the number is large.
    AllInfinite,
    /// Logits around 1e6.
    Huge,
    /// Logits around 1e-6.
    Tiny,
}

const CASES: [Case; 8] = [
    Case::Random,
    Case::Masked,
    Case::AllButOneMasked,
    Case::AllMasked,
    Case::Infinite,
    Case::AllInfinite,
    Case::Huge,
    Case::Tiny,
];

/// N, T, D, R, H: each way through blocks, tiles and their remainders.
const SHAPES: [[usize; 5]; 8] = [
    [3, 5, 8, 2, 1],
    [2, 1, 4, 3, 2],
    [4, 50, 33, 1, 1],
    [2, 77, 64, 11, 1],
    [2, 19, 70, 4, 8],
    [3, 9, 1, 1, 3],
    [1, 300, 512, 2, 1],
    [5, 8, 24, 64, 1],
];

#[derive(Clone)]
struct Inputs {
    x: Vec<f32>,
    b: Vec<f32>,
    u: Vec<f32>,
}

fn normal(count: usize, scale: f64, device: &Device) -> Vec<f32> {
    Tensor::<1>::random([count], Distribution::Normal(0.0, scale), device).try_into_vec_as().unwrap()
}

fn inputs(case: Case, [n, t, d, r, h]: [usize; 5]) -> Inputs {
    let device = rcml_kernels::device::parse("cpu").unwrap();
    device.seed((n * 31 + t * 7 + d + r) as u64);
    let logits = match case {
        Case::Huge => 1e6,
        Case::Tiny => 1e-6,
        _ => 2.0,
    };
    let x = normal(n * t * d, 1.0, &device);
    let u = normal(r * h * d, logits / (d as f64).sqrt(), &device);
    let mut b = normal(n * t, 1.0, &device);
    for (i, b) in b.iter_mut().enumerate() {
        let (item, token) = (i / t, i % t);
        match case {
            Case::Masked if token % 3 == 2 => *b = -1e9,
            Case::AllButOneMasked if token != item % t => *b = -1e9,
            Case::Infinite if token != item % t => *b = f32::NEG_INFINITY,
            Case::AllMasked => *b = -1e9,
            Case::AllInfinite => *b = f32::NEG_INFINITY,
            _ => {}
        }
    }
    Inputs { x, b, u }
}

/// P and the log-sum-exp from the definition, one scalar at a time in f64. Masked logits are rounded to f32 and not below its
/// lowest value, since f32 arithmetic cannot tell them apart.
fn definition(inputs: &Inputs, [n, t, d, r, h]: [usize; 5]) -> (Vec<f32>, Vec<f32>) {
    let (mut pooled, mut lse) = (vec![], vec![]);
    for i in 0..n {
        for q in 0..r * h {
            let logit = |k: usize| -> f64 {
                let dot: f64 =
                    (0..d).map(|c| f64::from(inputs.x[(i * t + k) * d + c]) * f64::from(inputs.u[q * d + c])).sum();
                let bias = inputs.b[i * t + k];
                let logit = dot + f64::from(bias);
                if bias < -1e8 { f64::from((logit as f32).max(f32::MIN)) } else { logit }
            };
            let logits: Vec<f64> = (0..t).map(logit).collect();
            let max = logits.iter().copied().fold(f64::MIN, f64::max);
            let sum: f64 = logits.iter().map(|l| (l - max).exp()).sum();
            lse.push((max + sum.ln()) as f32);
            for c in 0..d {
                let value = (0..t).map(|k| (logits[k] - max).exp() / sum * f64::from(inputs.x[(i * t + k) * d + c]));
                pooled.push(value.sum::<f64>() as f32);
            }
        }
    }
    (pooled, lse)
}

fn tensor<const D: usize>(values: &[f32], shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), device)
}

/// Where what is expected is computed: a device that multiplies matrices in f32.
fn exact() -> Device {
    rcml_kernels::device::parse("cpu").unwrap()
}

/// Our kernels are exact everywhere; Burn's products are what the device makes of them.
fn slack(algorithm: Algorithm) -> f32 {
    if algorithm == Algorithm::Composed { test_slack() } else { 0.0 }
}

fn worst(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    assert!(found.iter().all(|x| x.is_finite()), "{found:?}");
    found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn equals_the_definition() {
    for (name, device) in test_devices() {
        for shape in SHAPES {
            let [n, t, d, r, h] = shape;
            // Rounding moves logits of 1e6 by more than a softmax forgives; their own test is below.
            for case in CASES.into_iter().filter(|case| *case != Case::Huge) {
                let inputs = inputs(case, shape);
                let (pooled, lse) = definition(&inputs, shape);
                for algorithm in ALGORITHMS {
                    let (found, found_lse) = relation_pool_lse(
                        algorithm,
                        tensor(&inputs.x, [n, t, d], &device),
                        Some(tensor(&inputs.b, [n, t], &device)),
                        tensor(&inputs.u, [r, h, d], &device),
                    );
                    assert_eq!(found.dims(), [n, r, h, d]);
                    let found: Vec<f32> = found.try_into_vec_as().unwrap();
                    let error = worst(&found, &pooled);
                    assert!(error < 2e-5 + slack(algorithm), "{name} {shape:?} {case:?} {algorithm:?}: off by {error}");
                    // Of minus infinity everywhere the log-sum-exp is whatever stands for it.
                    if !matches!(case, Case::AllMasked | Case::AllInfinite) {
                        let error = worst(&found_lse.try_into_vec_as::<f32>().unwrap(), &lse);
                        let tolerance = 1e-4 + 4.0 * slack(algorithm);
                        assert!(
                            error < tolerance,
                            "{name} {shape:?} {case:?} {algorithm:?}: log-sum-exp off by {error}"
                        );
                    }
                }
            }
        }
    }
}

/// The textbook by Burn's own operations, whose gradients Burn derives.
fn textbook(x: Tensor<3>, b: Tensor<2>, u: Tensor<3>) -> Tensor<4> {
    let ([n, t, d], [r, h, _]) = (x.dims(), u.dims());
    let logits = x.clone().matmul(u.reshape([1, r * h, d]).swap_dims(1, 2).repeat_dim(0, n)).swap_dims(1, 2);
    let weights = activation::softmax(logits + b.reshape([n, 1, t]), 2);
    weights.matmul(x).reshape([n, r, h, d])
}

/// Gradients of sum(weights * f(x, b, u)).
fn gradients<const D: usize>(
    inputs: &Inputs,
    [n, t, d, r, h]: [usize; 5],
    device: &Device,
    f: impl Fn(Tensor<3>, Tensor<2>, Tensor<3>) -> Tensor<D>,
) -> [Vec<f32>; 3] {
    let device = device.clone().autodiff();
    let x = tensor(&inputs.x, [n, t, d], &device).require_grad();
    let b = tensor(&inputs.b, [n, t], &device).require_grad();
    let u = tensor(&inputs.u, [r, h, d], &device).require_grad();
    let pooled = f(x.clone(), b.clone(), u.clone());
    let count = pooled.shape().num_elements();
    let weights: Vec<f32> = (0..count).map(|i| ((i * 37 + 11) % 19) as f32 / 9.0 - 1.0).collect();
    let loss = (pooled.reshape([count]) * tensor(&weights, [count], &device)).sum();
    let all = loss.backward();
    [
        x.grad(&all).unwrap().try_into_vec_as().unwrap(),
        b.grad(&all).unwrap().try_into_vec_as().unwrap(),
        u.grad(&all).unwrap().try_into_vec_as().unwrap(),
    ]
}

#[test]
fn gradients_equal_the_textbooks() {
    for (name, device) in test_devices() {
        for shape in SHAPES {
            for case in
                [Case::Random, Case::Masked, Case::AllButOneMasked, Case::AllMasked, Case::AllInfinite, Case::Tiny]
            {
                let inputs = inputs(case, shape);
                // The textbook divides zero by zero where every logit is minus infinity; at -1e9 it pools evenly.
                let even =
                    if case == Case::AllInfinite { self::inputs(Case::AllMasked, shape) } else { inputs.clone() };
                let expected = gradients(&even, shape, &exact(), textbook);
                for algorithm in ALGORITHMS {
                    let found =
                        gradients(&inputs, shape, &device, |x, b, u| relation_pool_with(algorithm, x, Some(b), u));
                    for (which, (found, expected)) in
                        ["tokens", "bias", "queries"].iter().zip(found.iter().zip(&expected))
                    {
                        let scale = expected.iter().fold(1.0f32, |scale, x| scale.max(x.abs()));
                        let error = worst(found, expected) / scale;
                        let tolerance = 2e-5 + 4.0 * slack(algorithm);
                        assert!(error < tolerance, "{name} {shape:?} {case:?} {algorithm:?} {which}: off by {error}");
                    }
                }
            }
        }
    }
}

/// Weights rebuilt for the backward pass add up to 1 however large the logits. With dP = 1 everywhere and queries that are
/// frozen at a single direction of zero width, each channel of sum_t dx[t] is the number of queries.
#[test]
fn huge_logits_keep_their_weights() {
    for (name, device) in test_devices() {
        for shape in SHAPES {
            let [n, t, d, r, h] = shape;
            let mut inputs = inputs(Case::Huge, shape);
            // Logits of about 1e6 from the bias alone, a few of them close together: the key path has no part in dx.
            inputs.u.fill(0.0);
            inputs.b.iter_mut().enumerate().for_each(|(i, b)| *b = 1e6 + (i % 4) as f32 * 0.25);
            let device = device.clone().autodiff();
            for algorithm in ALGORITHMS {
                let x = tensor(&inputs.x, [n, t, d], &device).require_grad();
                let bias = tensor(&inputs.b, [n, t], &device);
                let pooled =
                    relation_pool_with(algorithm, x.clone(), Some(bias), tensor(&inputs.u, [r, h, d], &device));
                let dx = x.grad(&pooled.sum().backward()).unwrap().sum_dim(1);
                let worst = (dx - (r * h) as f32).abs().max().into_scalar::<f32>();
                let tolerance = (1e-4 + slack(algorithm)) * (r * h) as f32;
                assert!(worst < tolerance, "{name} {shape:?} {algorithm:?}: off by {worst}");
            }
            // Huge logits of the usual kind, where rounding decides who wins: finite, and inside the tokens' range.
            let inputs = self::inputs(Case::Huge, shape);
            for algorithm in ALGORITHMS {
                let found = gradients(&inputs, shape, &device, |x, b, u| relation_pool_with(algorithm, x, Some(b), u));
                assert!(found.iter().flatten().all(|g| g.is_finite()), "{name} {shape:?} {algorithm:?}");
            }
        }
    }
}

#[test]
fn empty_inputs() {
    for (name, device) in test_devices() {
        for [n, t, d, r, h] in [[0, 3, 4, 2, 1], [2, 3, 4, 0, 1], [0, 3, 4, 0, 2]] {
            for algorithm in ALGORITHMS {
                let x = Tensor::<3>::zeros([n, t, d], &device);
                let b = Tensor::<2>::zeros([n, t], &device);
                let u = Tensor::<3>::zeros([r, h, d], &device);
                let (pooled, lse) = relation_pool_lse(algorithm, x, Some(b), u);
                assert_eq!((pooled.dims(), lse.dims()), ([n, r, h, d], [n, r, h]), "{name} {algorithm:?}");
            }
        }
    }
}

#[test]
fn a_list_of_pairs_is_a_choice_of_all_pairs() {
    for (name, device) in test_devices() {
        for shape in [[4, 7, 16, 3, 1], [3, 20, 33, 5, 4]] {
            let [n, t, d, r, h] = shape;
            let inputs = inputs(Case::Masked, shape);
            let lists = [
                vec![(2, 1), (0, 0), (2, 0), (2, 1), (1, 2)],
                vec![(0, 2)],
                (0..n as u32).flat_map(|i| (0..r as u32).map(move |r| (i, r))).collect(),
            ];
            for list in lists {
                let pairs = PairList::new(list.clone(), n, r).unwrap();
                let flat: Vec<i32> = list.iter().map(|(i, q)| (*i as usize * r + *q as usize) as i32).collect();
                let chosen = |x: Tensor<3>, b: Tensor<2>, u: Tensor<3>| {
                    let index = Tensor::from_data(TensorData::new(flat.clone(), [flat.len()]), &x.device());
                    textbook(x, b, u).reshape([n * r, h, d]).select(0, index)
                };
                let expected = gradients(&inputs, shape, &exact(), chosen);
                let pooled: Vec<f32> = chosen(
                    tensor(&inputs.x, [n, t, d], &exact()),
                    tensor(&inputs.b, [n, t], &exact()),
                    tensor(&inputs.u, [r, h, d], &exact()),
                )
                .try_into_vec_as()
                .unwrap();
                let (x, b, u) = (
                    tensor(&inputs.x, [n, t, d], &device),
                    tensor(&inputs.b, [n, t], &device),
                    tensor(&inputs.u, [r, h, d], &device),
                );
                for algorithm in ALGORITHMS {
                    let ours = relation_pool_pairs(algorithm, x.clone(), Some(b.clone()), u.clone(), &pairs);
                    let error = worst(&ours.try_into_vec_as::<f32>().unwrap(), &pooled);
                    assert!(error < 2e-5 + slack(algorithm), "{name} {algorithm:?} {list:?}: off by {error}");
                    let found = gradients(&inputs, shape, &device, |x, b, u| {
                        relation_pool_pairs(algorithm, x, Some(b), u, &pairs)
                    });
                    for (found, expected) in found.iter().zip(&expected) {
                        let error = worst(found, expected);
                        let tolerance = 1e-4 + 4.0 * slack(algorithm);
                        assert!(error < tolerance, "{name} {algorithm:?} {list:?}: gradient off by {error}");
                    }
                }
            }
            let none = PairList::new(vec![], n, r).unwrap();
            let x = tensor(&inputs.x, [n, t, d], &device);
            let u = tensor(&inputs.u, [r, h, d], &device);
            assert_eq!(relation_pool_pairs(Algorithm::Auto, x, None, u, &none).dims(), [0, h, d]);
        }
    }
}

/// What is frozen asks for no gradient, and a missing bias is a bias of zero.
#[test]
fn frozen_tokens_and_no_bias() {
    for (name, device) in test_devices() {
        let shape = [3, 11, 20, 2, 2];
        let [n, t, d, r, h] = shape;
        let mut inputs = inputs(Case::Random, shape);
        inputs.b.fill(0.0);
        let expected = gradients(&inputs, shape, &exact(), textbook);
        let device = device.autodiff();
        let u = tensor(&inputs.u, [r, h, d], &device).require_grad();
        let pooled = relation_pool(tensor(&inputs.x, [n, t, d], &device), None, u.clone());
        let weights: Vec<f32> = (0..n * r * h * d).map(|i| ((i * 37 + 11) % 19) as f32 / 9.0 - 1.0).collect();
        let all = (pooled * tensor(&weights, [n, r, h, d], &device)).sum().backward();
        let found: Vec<f32> = u.grad(&all).unwrap().try_into_vec_as().unwrap();
        assert!(worst(&found, &expected[2]) < 1e-4, "{name}");
    }
}
