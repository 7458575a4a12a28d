//! What must hold for every method: equivariance, gradients, no NaN, blocks equal to the whole.

use burn::tensor::{DType, Tensor};
use rcml_losses::contrast::Evaluation;

use crate::cases::{Case, cases};
use crate::fixture::{Inputs, Values, fixture, generic};
use crate::oracles::types;

/// Value and gradients with respect to A, B, C and the scale.
fn measure(case: &Case, inputs: &Inputs) -> (f64, [Vec<f64>; 4]) {
    let loss = (case.loss)(inputs);
    let value = loss.clone().into_scalar::<f64>();
    let gradients = if loss.is_autodiff() { Some(loss.backward()) } else { None };
    let of = |x: &Tensor<2>| -> Vec<f64> {
        let gradient = gradients.as_ref().and_then(|all| x.grad(all));
        gradient.map_or(vec![0.0; x.shape().num_elements()], |g| g.try_into_vec_as().unwrap())
    };
    let scale = gradients.as_ref().and_then(|all| inputs.logits.scale.grad(all));
    let scale = scale.map_or(vec![0.0], |g| g.try_into_vec_as().unwrap());
    (value, [of(&inputs.a), of(&inputs.b), of(&inputs.c), scale])
}

fn near(a: &(f64, [Vec<f64>; 4]), b: &(f64, [Vec<f64>; 4]), tolerance: f64) -> bool {
    let close = |x: f64, y: f64| (x - y).abs() <= tolerance * x.abs().max(1.0);
    close(a.0, b.0) && a.1.iter().zip(&b.1).all(|(x, y)| x.iter().zip(y).all(|(x, y)| close(*x, *y)))
}

#[test]
fn the_order_of_a_batch_does_not_matter() {
    let mut wrong = vec![];
    for (device_name, device) in rcml_kernels::device::test_devices() {
        let device = device.autodiff();
        for (dtype, tolerance) in types(&device) {
            for (n, d, values, order) in [(3, 4, fixture(), vec![2, 0, 1]), (5, 6, generic(5, 6), vec![3, 1, 4, 0, 2])]
            {
                let rows =
                    |values: &[f64]| order.iter().flat_map(|row| values[row * d..(row + 1) * d].to_vec()).collect();
                let permuted: Values = [rows(&values[0]), rows(&values[1]), rows(&values[2])];
                for case in cases() {
                    let before = measure(&case, &Inputs::new(&values, n, case.temperature, dtype, &device));
                    let inputs = Inputs::new(&permuted, n, case.temperature, dtype, &device);
                    let after = measure(&case, &Inputs { ids: order.clone(), ..inputs });
                    let [a, b, c, scale] = before.1;
                    let moved = (before.0, [rows(&a), rows(&b), rows(&c), scale]);
                    if !near(&moved, &after, 10.0 * tolerance) {
                        wrong.push(format!("{} on {device_name} {dtype:?}: {} and {}", case.name, moved.0, after.0));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn gradients_equal_finite_differences() {
    let mut wrong = vec![];
    for (device_name, device) in rcml_kernels::device::test_devices() {
        if !rcml_kernels::device::test_doubles(&device) {
            continue;
        }
        let device = device.autodiff();
        let (n, d) = (3, 4);
        let base = generic(n, d);
        for case in cases() {
            let case = Case { loss: case.smooth.unwrap_or(case.loss), ..case };
            let inputs = Inputs::new(&base, n, case.temperature, DType::F64, &device);
            let (_, gradients) = measure(&case, &inputs);
            let at = |which: usize, entry: usize, by: f64| {
                let (mut values, mut scale) = (base.clone(), 1.0 / case.temperature);
                match values.get_mut(which) {
                    Some(matrix) => matrix[entry] += by,
                    None => scale += by,
                }
                let moved = Inputs::new(&values, n, 1.0 / scale, DType::F64, &device);
                (case.loss)(&Inputs { frozen: inputs.frozen.clone(), ..moved }).into_scalar::<f64>()
            };
            for (which, gradient) in gradients.iter().enumerate() {
                for (entry, exact) in gradient.iter().enumerate() {
                    let numeric = (at(which, entry, 1e-6) - at(which, entry, -1e-6)) / 2e-6;
                    if (exact - numeric).abs() > 1e-4 * numeric.abs().max(1.0) {
                        let place = format!("{} of {}", entry, ["A", "B", "C", "scale"][which]);
                        wrong.push(format!("{} on {device_name}, {place}: {exact}, numerically {numeric}", case.name));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_nasty_gives_a_nan() {
    let mut wrong = vec![];
    for (device_name, device) in rcml_kernels::device::test_devices() {
        let device = device.autodiff();
        for (dtype, _) in types(&device) {
            let whole =
                |values: Values, n: usize, temperature: f64| Inputs::new(&values, n, temperature, dtype, &device);
            let mut equal = generic(4, 6);
            equal.iter_mut().for_each(|matrix| matrix.copy_within(0..6, 6));
            let all_equal = [equal[0].clone(), equal[0].clone(), equal[0].clone()];
            let mut zero = generic(4, 6);
            zero.iter_mut().for_each(|matrix| matrix[..6].fill(0.0));
            let mut antipodal = generic(4, 6);
            antipodal[1] = antipodal[0].iter().map(|x| -x).collect();
            let nasty = [
                ("tau = 0.01", whole(fixture(), 3, 0.01)),
                ("one row", whole(generic(1, 6), 1, 0.5)),
                ("two rows", whole(generic(2, 6), 2, 0.07)),
                ("a masked row", Inputs { masked: true, ..whole(fixture(), 3, 0.5) }),
                ("only a masked row", Inputs { masked: true, ..whole(generic(1, 6), 1, 0.5) }),
                ("equal rows", whole(equal, 4, 0.05)),
                ("equal modalities", whole(all_equal, 4, 0.05)),
                ("antipodal partners", whole(antipodal, 4, 0.01)),
                ("a zero vector", whole(zero, 4, 0.07)),
            ];
            for (what, inputs) in nasty {
                for case in cases() {
                    let (value, gradients) = measure(&case, &inputs);
                    if !value.is_finite() || gradients.iter().flatten().any(|g| !g.is_finite()) {
                        wrong.push(format!("{} on {device_name} {dtype:?}, {what}: {value} {gradients:?}", case.name));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn blocks_of_rows_equal_the_whole() {
    let mut wrong = vec![];
    for (device_name, device) in rcml_kernels::device::test_devices() {
        let device = device.autodiff();
        for (dtype, tolerance) in types(&device) {
            for case in cases() {
                let inputs = Inputs::new(&generic(7, 5), 7, case.temperature, dtype, &device);
                let whole = measure(&case, &inputs);
                for evaluation in [Evaluation::Rows(1), Evaluation::Rows(3), Evaluation::Kernel, Evaluation::Auto] {
                    let fresh = Inputs::new(&generic(7, 5), 7, case.temperature, dtype, &device);
                    let logits = fresh.logits.clone().evaluated(evaluation);
                    let blocks = measure(&case, &Inputs { logits, ..fresh });
                    if !near(&whole, &blocks, tolerance) {
                        wrong.push(format!(
                            "{} on {device_name} {dtype:?} {evaluation:?}: {} and {}",
                            case.name, whole.0, blocks.0
                        ));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
