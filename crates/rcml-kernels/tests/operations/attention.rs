use burn::tensor::{Bool, Tensor, TensorData, activation};

use rcml_kernels::device::{parse, test_devices};
use rcml_kernels::{Heads, attention};

use crate::probe::{close, differences, probe, random, same_bits};

/// Items, queries, keys, width, heads.
type Case = [usize; 5];

fn inputs([n, t, s, width, _]: Case) -> Vec<TensorData> {
    vec![random(n * t * width, 1), random(n * s * width, 2), random(n * s * width, 3)]
}

/// A bias for each item, one for all, or none; some keys are masked, the first never.
fn bias(kind: usize, [n, _, s, _, _]: Case, like: &Tensor<1>) -> Option<Tensor<2>> {
    let rows = [n, 1, 0][kind];
    let value = |i: usize| if !i.is_multiple_of(s) && (i * 7) % 3 == 1 { -1e9 } else { 0.1 * (i % 5) as f64 };
    let values: Vec<f64> = (0..rows * s).map(value).collect();
    let options = (&like.device().inner(), like.dtype());
    (rows > 0).then(|| Tensor::from_data(TensorData::new(values, [rows, s]), options))
}

fn ours(x: &[Tensor<1>], case: Case, kind: usize, causal: bool) -> Tensor<3> {
    let [n, t, s, width, count] = case;
    let (q, k) = (x[0].clone().reshape([n, t, width]), x[1].clone().reshape([n, s, width]));
    let v = x[2].clone().reshape([n, s, width]);
    attention(q, k, v, bias(kind, case, &x[0]), Heads { count, causal })
}

/// The same from Burn's operations and their own gradients.
fn parts(x: &[Tensor<1>], case: Case, kind: usize, causal: bool) -> Tensor<3> {
    let [n, t, s, width, count] = case;
    let d = width / count;
    let split = |x: &Tensor<1>, rows: usize| x.clone().reshape([n, rows, count, d]).swap_dims(1, 2);
    let (q, k, v) = (split(&x[0], t), split(&x[1], s), split(&x[2], s));
    let mut logits = q.matmul(k.swap_dims(2, 3)) / (d as f64).sqrt();
    if let Some(bias) = bias(kind, case, &x[0]) {
        let rows = bias.dims()[0];
        logits = logits + bias.reshape([rows, 1, 1, s]);
    }
    if causal {
        let later: Tensor<4, Bool> = Tensor::<2, Bool>::tril_mask([t, s], 0, &v.device().inner()).unsqueeze();
        logits = logits.mask_fill(later, -1e9);
    }
    activation::softmax(logits, 3).matmul(v).swap_dims(1, 2).reshape([n, t, width])
}

/// The first keep their softmax for the gradient, the long one makes it again.
const CASES: [Case; 6] =
    [[2, 3, 3, 8, 2], [1, 1, 1, 1, 1], [3, 17, 17, 15, 3], [5, 4, 9, 32, 4], [2, 40, 40, 12, 3], [70, 16, 16, 8, 2]];

#[test]
fn equals_its_parts() {
    for (name, device) in test_devices() {
        for case in CASES {
            for (kind, causal) in [(0, false), (1, false), (2, false), (2, true), (0, true)] {
                if causal && case[1] != case[2] {
                    continue;
                }
                let inputs = inputs(case);
                let theirs = probe(&inputs, &device, |x| parts(x, case, kind, causal));
                let ours = probe(&inputs, &device, |x| ours(x, case, kind, causal));
                close(&ours, &theirs, &format!("{name} {case:?} bias {kind} causal {causal}"));
            }
        }
    }
}

#[test]
fn gradients_equal_differences() {
    for (name, device) in test_devices() {
        for (case, causal) in [([2, 3, 4, 4, 2], false), ([1, 5, 5, 2, 2], true)] {
            differences(&inputs(case), &device, &format!("{name} {case:?}"), |x| ours(x, case, 0, causal));
        }
    }
}

/// Logits of some thousands pick one key and stay finite.
#[test]
fn extreme_logits() {
    for (name, device) in test_devices() {
        let case = [1, 2, 3, 2, 1];
        let q = TensorData::new(vec![100.0f32, 0.0, 0.0, 100.0], [4]);
        let k = TensorData::new(vec![100.0f32, 0.0, 0.0, 100.0, -100.0, -100.0], [6]);
        let v = TensorData::new(vec![1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0], [6]);
        let values = probe(&[q, k, v], &device, |x| ours(x, case, 2, false));
        assert_eq!(values[0].iter::<f32>().collect::<Vec<_>>(), [1.0, 2.0, 3.0, 4.0], "{name}");
        assert!(values.iter().flat_map(|v| v.iter::<f32>()).all(f32::is_finite), "{name}");
    }
}

#[test]
fn bits_do_not_depend_on_threads() {
    let device = parse("cpu").unwrap();
    for case in [[50, 20, 20, 32, 4], [4, 90, 90, 24, 3]] {
        let inputs = inputs(case);
        same_bits("attention", || probe(&inputs, &device, |x| ours(x, case, 0, true)));
    }
}
