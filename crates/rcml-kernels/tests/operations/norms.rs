use burn::tensor::Tensor;
use rcml_kernels::device::{parse, test_devices};
use rcml_kernels::{gelu, layer_norm, picture_norm};

use crate::probe::{close, differences, probe, random, same_bits};

#[test]
fn picture_norm_equals_its_parts() {
    for (name, device) in test_devices() {
        for [n, p, c] in [[2, 3, 8], [3, 49, 20], [40, 64, 16], [5, 7, 1]] {
            let inputs = [random(n * p * c, 2), random(c, 3), random(c, 4)];
            let ours = probe(&inputs, &device, |x| {
                picture_norm(x[0].clone().reshape([n, p, c]), x[1].clone(), x[2].clone(), 1e-5)
            });
            let parts = probe(&inputs, &device, |x| {
                let y = x[0].clone().reshape([n, p * c]);
                let y = y.clone() - y.mean_dim(1);
                let y = y.clone() / (y.square().mean_dim(1) + 1e-5).sqrt();
                let y = y.reshape([n, p, c]) * x[1].clone().reshape([1, 1, c]);
                gelu(y + x[2].clone().reshape([1, 1, c]))
            });
            close(&ours, &parts, &format!("{name} {n} {p} {c}"));
        }
    }
}

#[test]
fn layer_norm_equals_its_parts() {
    for (name, device) in test_devices() {
        for [n, t, w] in [[2, 3, 8], [1, 700, 20], [5, 1, 3]] {
            let inputs = [random(n * t * w, 2), random(w, 3), random(w, 4)];
            let ours = probe(&inputs, &device, |x| {
                layer_norm(x[0].clone().reshape([n, t, w]), x[1].clone(), x[2].clone(), 1e-5)
            });
            let parts = probe(&inputs, &device, |x| {
                let y = x[0].clone().reshape([n, t, w]);
                let y = y.clone() - y.mean_dim(2);
                let y = y.clone() / (y.square().mean_dim(2) + 1e-5).sqrt();
                y * x[1].clone().reshape([1, 1, w]) + x[2].clone().reshape([1, 1, w])
            });
            close(&ours, &parts, &format!("{name} {n} {t} {w}"));
        }
    }
}

#[test]
fn gradients_equal_differences() {
    for (name, device) in test_devices() {
        let inputs = [random(24, 2), random(4, 3), random(4, 4)];
        differences(&inputs, &device, &format!("{name} layer norm"), |x| {
            layer_norm(x[0].clone().reshape([2, 3, 4]), x[1].clone(), x[2].clone(), 1e-5)
        });
        differences(&inputs, &device, &format!("{name} picture norm"), |x| {
            picture_norm(x[0].clone().reshape([2, 3, 4]), x[1].clone(), x[2].clone(), 1e-5)
        });
        differences(&inputs[..1], &device, &format!("{name} gelu"), |x| gelu(x[0].clone()));
    }
}

#[test]
fn bits_do_not_depend_on_threads() {
    let device = parse("cpu").unwrap();
    let inputs = [random(200_000, 2), random(20, 3), random(20, 4)];
    same_bits("norms", || {
        let norm = |f: fn(Tensor<3>, Tensor<1>, Tensor<1>, f32) -> Tensor<3>| {
            probe(&inputs, &device, |x| f(x[0].clone().reshape([100, 100, 20]), x[1].clone(), x[2].clone(), 1e-5))
        };
        [norm(layer_norm), norm(picture_norm)].concat()
    });
}
