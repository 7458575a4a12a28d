use burn::tensor::{Device, Tensor, TensorData, activation};

use rcml_kernels::device::{parse, test_devices};
use rcml_kernels::{Activation, linear};

use crate::probe::{close, differences, probe, random, same_bits};

const ALL: [Activation; 3] = [Activation::Identity, Activation::Gelu, Activation::QuickGelu];

fn inputs([n, t, input, output]: [usize; 4]) -> Vec<TensorData> {
    vec![random(n * t * input, 1), random(input * output, 2), random(output, 3)]
}

fn ours(x: &[Tensor<1>], [n, t, input, output]: [usize; 4], activation: Activation) -> Tensor<3> {
    let (rows, weight) = (x[0].clone().reshape([n, t, input]), x[1].clone().reshape([input, output]));
    linear(rows, weight, Some(x[2].clone()), activation)
}

/// The same from Burn's operations and their own gradients.
fn parts(x: &[Tensor<1>], [n, t, input, output]: [usize; 4], activation: Activation) -> Tensor<3> {
    let (rows, weight) = (x[0].clone().reshape([n * t, input]), x[1].clone().reshape([input, output]));
    let sum = rows.matmul(weight) + x[2].clone().reshape([1, output]);
    let y = match activation {
        Activation::Identity => sum,
        // Burn's GELU differentiates an approximation.
        Activation::Gelu => {
            let cdf = (sum.clone() * std::f64::consts::FRAC_1_SQRT_2).erf().add_scalar(1.0).mul_scalar(0.5);
            sum * cdf
        }
        Activation::QuickGelu => sum.clone() * activation::sigmoid(sum * 1.702),
    };
    y.reshape([n, t, output])
}

#[test]
fn equals_its_parts() {
    for (name, device) in test_devices() {
        for shape in [[2, 3, 4, 5], [1, 1, 1, 1], [3, 100, 17, 33], [5, 200, 8, 3], [1, 7, 65, 130]] {
            for activation in ALL {
                let inputs = inputs(shape);
                let theirs = probe(&inputs, &device, |x| parts(x, shape, activation));
                let ours = probe(&inputs, &device, |x| ours(x, shape, activation));
                close(&ours, &theirs, &format!("{name} {shape:?} {activation:?}"));
            }
        }
    }
}

#[test]
fn gradients_equal_differences() {
    for (name, device) in test_devices() {
        let shape = [2, 3, 4, 3];
        for activation in ALL {
            differences(&inputs(shape), &device, &format!("{name} {activation:?}"), |x| ours(x, shape, activation));
        }
    }
}

/// Large values saturate the activations and stay finite.
#[test]
fn extreme_values() {
    for (name, device) in test_devices() {
        for activation in ALL {
            let x = TensorData::new(vec![-1e4f32, -50.0, -1e-30, 0.0, 1e-30, 50.0, 1e4], [7]);
            let one = TensorData::new(vec![1.0f32], [1]);
            let zero = TensorData::new(vec![0.0f32], [1]);
            let values = probe(&[x, one, zero], &device, |x| ours(x, [1, 7, 1, 1], activation));
            let y: Vec<f32> = values[0].iter().collect();
            let low = if activation == Activation::Identity { -1e4 } else { 0.0 };
            assert!((y[0] - low).abs() < 1e-6 && y[6] == 1e4, "{name} {activation:?}: {y:?}");
            assert!(values.iter().flat_map(|v| v.iter::<f32>()).all(f32::is_finite), "{name} {activation:?}");
        }
    }
}

#[test]
fn bits_do_not_depend_on_threads() {
    let device: Device = parse("cpu").unwrap();
    let shape = [20, 50, 64, 96];
    let inputs = inputs(shape);
    same_bits("linear", || probe(&inputs, &device, |x| ours(x, shape, Activation::Gelu)));
}

/// What is frozen gets no gradient, and the rest the same one.
#[test]
fn frozen_weights() {
    for (name, device) in test_devices() {
        let shape = [2, 5, 4, 6];
        let all = inputs(shape);
        let constants: Vec<Tensor<1>> = all[1..].iter().map(|data| Tensor::from_data(data.clone(), &device)).collect();
        let frozen = probe(&all[..1], &device, |x| {
            ours(&[x[0].clone(), constants[0].clone(), constants[1].clone()], shape, Activation::Gelu)
        });
        let full = probe(&all, &device, |x| ours(x, shape, Activation::Gelu));
        close(&frozen, &full[..2], &name);
    }
}
