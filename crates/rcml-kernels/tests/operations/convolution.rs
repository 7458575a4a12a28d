use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Tensor, TensorData};

use rcml_kernels::device::{parse, test_devices};
use rcml_kernels::{Window, convolution};

use crate::probe::{close, differences, probe, random, same_bits};

/// Pictures, height, width, channels in and out; and the window.
type Case = ([usize; 5], Window);

const fn window(side: usize, stride: usize, padding: usize) -> Window {
    Window { side, stride, padding }
}

const CASES: [Case; 8] = [
    ([2, 5, 6, 3, 4], window(3, 1, 1)),
    ([3, 8, 8, 4, 5], window(3, 2, 1)),
    ([1, 7, 5, 2, 3], window(3, 2, 1)),
    ([2, 6, 6, 3, 7], window(1, 1, 0)),
    ([2, 9, 9, 2, 2], window(3, 3, 0)),
    ([1, 1, 1, 1, 1], window(3, 1, 1)),
    ([40, 4, 4, 16, 24], window(3, 1, 1)),
    ([2, 6, 7, 2, 2], window(5, 2, 2)),
];

fn inputs(([n, height, width, input, output], window): Case) -> Vec<TensorData> {
    let filter = window.side * window.side * input;
    vec![random(n * height * width * input, 1), random(output * filter, 2), random(output, 3)]
}

fn ours(x: &[Tensor<1>], ([n, height, width, input, output], window): Case) -> Tensor<4> {
    let weight = x[1].clone().reshape([output, input, window.side, window.side]);
    convolution(x[0].clone().reshape([n, height, width, input]), weight, Some(x[2].clone()), window)
}

/// The same from Burn's convolution and its own gradients.
fn parts(x: &[Tensor<1>], ([n, height, width, input, output], window): Case) -> Tensor<4> {
    let pictures = x[0].clone().reshape([n, height, width, input]).permute([0, 3, 1, 2]);
    let weight = x[1].clone().reshape([output, input, window.side, window.side]);
    let options = ConvOptions::new([window.stride; 2], [window.padding; 2], [1, 1], 1);
    conv2d(pictures, weight, Some(x[2].clone()), options).permute([0, 2, 3, 1])
}

#[test]
fn equals_burns() {
    for (name, device) in test_devices() {
        for case in CASES {
            let inputs = inputs(case);
            let theirs = probe(&inputs, &device, |x| parts(x, case));
            close(&probe(&inputs, &device, |x| ours(x, case)), &theirs, &format!("{name} {case:?}"));
        }
    }
}

/// Pictures with their channels first are read where they lie, with and without a gradient.
#[test]
fn channels_first() {
    for (name, device) in test_devices() {
        let case @ ([n, height, width, input, _], _) = CASES[1];
        let moved = |x: &Tensor<1>| x.clone().reshape([n, input, height, width]).permute([0, 2, 3, 1]);
        let inputs = inputs(case);
        let run = |x: &[Tensor<1>], form: fn(&[Tensor<1>], Case) -> Tensor<4>| {
            let pictures = moved(&x[0]).reshape([n * height * width * input]);
            form(&[pictures, x[1].clone(), x[2].clone()], case)
        };
        let direct = |x: &[Tensor<1>]| {
            let ([.., input, output], window) = case;
            let weight = x[1].clone().reshape([output, input, window.side, window.side]);
            convolution(moved(&x[0]), weight, Some(x[2].clone()), window)
        };
        let theirs = probe(&inputs, &device, |x| run(x, parts));
        close(&probe(&inputs, &device, direct), &theirs, &name);
        let pixels = Tensor::<1>::from_data(inputs[0].clone(), &device);
        let frozen = probe(&inputs[1..], &device, |x| direct(&[pixels.clone(), x[0].clone(), x[1].clone()]));
        close(&frozen, &[theirs[0].clone(), theirs[2].clone(), theirs[3].clone()], &name);
    }
}

#[test]
fn gradients_equal_differences() {
    for (name, device) in test_devices() {
        for case in [([1, 3, 4, 2, 2], window(3, 1, 1)), ([2, 4, 3, 1, 2], window(3, 2, 1))] {
            differences(&inputs(case), &device, &format!("{name} {case:?}"), |x| ours(x, case));
        }
    }
}

#[test]
fn bits_do_not_depend_on_threads() {
    let device = parse("cpu").unwrap();
    let case = ([40, 12, 12, 8, 16], window(3, 1, 1));
    let inputs = inputs(case);
    same_bits("convolution", || probe(&inputs, &device, |x| ours(x, case)));
}
