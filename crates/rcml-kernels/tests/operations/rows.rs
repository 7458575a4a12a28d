use burn::tensor::{Int, Tensor, TensorData};
use rcml_kernels::device::{parse, test_devices};
use rcml_kernels::{RowIds, add_layer_norm, l2_normalize, layer_norm, pick_rows, row_logsumexp, squared_norm};

use crate::probe::{close, differences, probe, random, same_bits};

/// 1 for two columns of three, and a row of zeros for each sixth.
fn included(rows: usize, columns: usize) -> TensorData {
    let inside = |i: usize| f32::from(i % 3 != 1 && i / columns % 6 != 5);
    TensorData::new((0..rows * columns).map(inside).collect(), [rows, columns])
}

/// Ids that repeat, in no order, and leave rows out.
fn ids(count: usize, rows: usize) -> RowIds {
    RowIds::new((0..count).map(|i| ((i * i * 7 + 3) % rows / 2 * 2) as u32).collect::<Vec<_>>())
}

#[test]
fn unit_rows_equal_their_parts() {
    for (name, device) in test_devices() {
        for [n, w] in [[2, 3], [700, 33], [5, 1], [1, 4000]] {
            let inputs = [random(n * w, 2)];
            let ours = probe(&inputs, &device, |x| l2_normalize(x[0].clone().reshape([n, w])));
            let parts = probe(&inputs, &device, |x| {
                let x = x[0].clone().reshape([n, w]);
                x.clone() / x.square().sum_dim(1).clamp_min(1e-12).sqrt()
            });
            close(&ours, &parts, &format!("{name} {n} {w}"));
        }
        // Far below the least length: a constant scale, and no gradient through it.
        let tiny = [TensorData::from([1e-9f32, -2e-9, 0.0])];
        let ours = probe(&tiny, &device, |x| l2_normalize(x[0].clone().reshape([1, 3])));
        let parts = probe(&tiny, &device, |x| x[0].clone().reshape([1, 3]).mul_scalar(1e6));
        close(&ours, &parts, &format!("{name}, below the least length"));
    }
}

#[test]
fn log_sum_exp_equals_its_parts() {
    for (name, device) in test_devices() {
        for [n, c] in [[6, 3], [40, 700], [7, 1], [1, 17]] {
            for size in [1.0, 60.0] {
                let inputs = [random(n * c, 2)];
                let mask = || Tensor::<2>::from_data(included(n, c), &device);
                let ours =
                    probe(&inputs, &device, |x| row_logsumexp(x[0].clone().reshape([n, c]).mul_scalar(size), mask()));
                let parts = probe(&inputs, &device, |x| {
                    let logits = x[0].clone().reshape([n, c]).mul_scalar(size) + (mask() - 1.0) * 1e9;
                    let max = logits.clone().detach().max_dim(1);
                    let sums = (logits - max.clone()).exp().sum_dim(1).log() + max;
                    // No gradient goes through a row that no column takes part in.
                    let (used, constant) = (mask().max_dim(1), sums.clone().detach());
                    sums * used.clone() + constant * (used.neg() + 1.0)
                });
                close(&ours, &parts, &format!("{name} {n} {c} {size}"));
            }
        }
    }
}

#[test]
fn picked_rows_equal_a_selection() {
    for (name, device) in test_devices() {
        for [rows, w, count] in [[5, 3, 11], [3000, 20, 700], [1, 7, 2], [9, 4, 1]] {
            let (inputs, ids) = ([random(rows * w, 2)], ids(count, rows));
            let ours = probe(&inputs, &device, |x| pick_rows(x[0].clone().reshape([rows, w]), &ids));
            let numbers: Vec<i32> = ids.ids().iter().map(|id| *id as i32).collect();
            let theirs = probe(&inputs, &device, |x| {
                let index = Tensor::<1, Int>::from_data(TensorData::new(numbers.clone(), [count]), &device);
                x[0].clone().reshape([rows, w]).select(0, index)
            });
            close(&ours, &theirs, &format!("{name} {rows} {w} {count}"));
        }
    }
}

#[test]
fn a_sum_and_its_norm_equal_their_parts() {
    for (name, device) in test_devices() {
        for [n, t, w] in [[2, 3, 8], [1, 700, 20], [5, 1, 3]] {
            let inputs = [random(n * t * w, 2), random(n * t * w, 5), random(w, 3), random(w, 4)];
            let rows = |x: &Tensor<1>| x.clone().reshape([n, t, w]);
            let ours = probe(&inputs, &device, |x| {
                let (sum, normal) = add_layer_norm(rows(&x[0]), rows(&x[1]), x[2].clone(), x[3].clone(), 1e-5);
                Tensor::cat(vec![sum, normal], 0)
            });
            let parts = probe(&inputs, &device, |x| {
                let sum = rows(&x[0]) + rows(&x[1]);
                let normal = layer_norm(sum.clone(), x[2].clone(), x[3].clone(), 1e-5);
                Tensor::cat(vec![sum, normal], 0)
            });
            close(&ours, &parts, &format!("{name} {n} {t} {w}"));
        }
    }
}

#[test]
fn squares_add_up() {
    for (name, device) in test_devices() {
        for count in [1, 5, 100_000] {
            let data = random(count, 2);
            let expected: f64 = data.iter::<f64>().map(|x| x * x).sum();
            let got: f32 = squared_norm(Tensor::<1>::from_data(data, &device)).into_scalar();
            assert!((f64::from(got) - expected).abs() <= 1e-5 * expected, "{name} {count}: {got} for {expected}");
        }
    }
}

#[test]
fn gradients_equal_differences() {
    for (name, device) in test_devices() {
        let inputs = [random(24, 2), random(24, 5), random(4, 3), random(4, 4)];
        differences(&inputs[..1], &device, &format!("{name} unit rows"), |x| {
            l2_normalize(x[0].clone().reshape([6, 4]))
        });
        differences(&inputs[..1], &device, &format!("{name} log sum exp"), |x| {
            let ones = Tensor::ones([6, 4], (&x[0].device().inner(), x[0].dtype()));
            row_logsumexp(x[0].clone().reshape([6, 4]), ones)
        });
        differences(&inputs[..1], &device, &format!("{name} picked rows"), |x| {
            pick_rows(x[0].clone().reshape([6, 4]), &ids(9, 6))
        });
        differences(&inputs, &device, &format!("{name} sum and norm"), |x| {
            let rows = |x: &Tensor<1>| x.clone().reshape([2, 3, 4]);
            let (sum, normal) = add_layer_norm(rows(&x[0]), rows(&x[1]), x[2].clone(), x[3].clone(), 1e-5);
            Tensor::cat(vec![sum, normal], 0)
        });
    }
}

#[test]
fn bits_do_not_depend_on_threads() {
    let device = parse("cpu").unwrap();
    let inputs = [random(200_000, 2), random(200_000, 5), random(20, 3), random(20, 4)];
    let ids = ids(3000, 10_000);
    same_bits("rows", || {
        let rows = |x: &Tensor<1>| x.clone().reshape([10_000, 20]);
        let unit = probe(&inputs[..1], &device, |x| l2_normalize(rows(&x[0])));
        let sums = probe(&inputs[..1], &device, |x| row_logsumexp(rows(&x[0]), rows(&x[0]).detach().ones_like()));
        let picked = probe(&inputs[..1], &device, |x| pick_rows(rows(&x[0]), &ids));
        let normal = probe(&inputs, &device, |x| {
            let rows = |x: &Tensor<1>| x.clone().reshape([100, 100, 20]);
            add_layer_norm(rows(&x[0]), rows(&x[1]), x[2].clone(), x[3].clone(), 1e-5).1
        });
        let norm = squared_norm(Tensor::<1>::from_data(inputs[0].clone(), &device)).into_data();
        [unit, sums, picked, normal, vec![norm]].concat()
    });
}
