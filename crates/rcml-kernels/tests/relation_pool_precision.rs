//! Gradients in double precision, stored tokens, and thread counts.

#![allow(missing_docs, clippy::unwrap_used)]

use burn::tensor::{DType, Device, Distribution, FloatDType, Tensor, TensorData};
use half::{bf16, f16};
use rcml_kernels::device::{parse, test_devices};
use rcml_kernels::{Algorithm, TokenView, pool_slices, quantize_tokens, relation_pool, relation_pool_with};

const NATIVE: [Algorithm; 5] =
    [Algorithm::Auto, Algorithm::Streamed, Algorithm::Resident, Algorithm::Packed, Algorithm::MultiplyAdds];

fn normal(count: usize, seed: u64) -> Vec<f32> {
    let device = parse("cpu").unwrap();
    device.seed(seed);
    Tensor::<1>::random([count], Distribution::Normal(0.0, 1.0), &device).try_into_vec_as().unwrap()
}

/// The composed form in f64: its gradients against central differences of its values.
#[test]
fn gradients_equal_finite_differences() {
    let device = parse("cpu").unwrap().autodiff();
    let [n, t, d, r, h] = [2, 5, 3, 2, 2];
    let wide = |count, seed| normal(count, seed).into_iter().map(f64::from).collect::<Vec<f64>>();
    let mut inputs = [wide(n * t * d, 1), wide(n * t, 2), wide(r * h * d, 3)];
    inputs[1][3] = -1e9;
    let weights = wide(n * r * h * d, 4);
    let of = |values: &[f64], device: &Device| {
        Tensor::<1>::from_data(TensorData::new(values.to_vec(), [values.len()]), (device, DType::F64))
    };
    let loss = |inputs: &[Tensor<1>; 3]| {
        let [x, b, u] = inputs.clone();
        let pooled = relation_pool(x.reshape([n, t, d]), Some(b.reshape([n, t])), u.reshape([r, h, d]));
        (pooled.reshape([n * r * h * d]) * of(&weights, &device)).sum()
    };
    let tensors = inputs.clone().map(|values| of(&values, &device).require_grad());
    let all = loss(&tensors).backward();
    for which in 0..3 {
        let gradient: Vec<f64> = tensors[which].grad(&all).unwrap().try_into_vec_as().unwrap();
        for i in 0..inputs[which].len() {
            let step = 1e-5;
            let mut at = |offset: f64| {
                let value = inputs[which][i];
                inputs[which][i] = value + offset;
                let loss = loss(&inputs.clone().map(|values| of(&values, &device))).into_scalar::<f64>();
                inputs[which][i] = value;
                loss
            };
            let difference = (at(step) - at(-step)) / (2.0 * step);
            let error = (gradient[i] - difference).abs();
            assert!(error < 1e-7 * (1.0 + difference.abs()), "{which}[{i}]: {} against {difference}", gradient[i]);
        }
    }
}

/// The kernels in f32 against the composed form in f64.
#[test]
fn kernels_equal_double_precision() {
    let [n, t, d, r, h] = [3, 50, 96, 5, 2];
    let inputs = [normal(n * t * d, 1), normal(n * t, 2), normal(r * h * d, 3)];
    let weights = normal(n * r * h * d, 4);
    let run = |device: &Device, dtype: DType, algorithm| {
        let device = device.clone().autodiff();
        let of = |values: &[f32]| {
            let data = TensorData::new(values.to_vec(), [values.len()]).convert_dtype(dtype);
            Tensor::<1>::from_data(data, (&device, dtype))
        };
        let tensors = inputs.clone().map(|values| of(&values).require_grad());
        let [x, b, u] = tensors.clone();
        let (x, b, u) = (x.reshape([n, t, d]), b.reshape([n, t]), u.reshape([r, h, d]));
        let pooled = relation_pool_with(algorithm, x, Some(b), u).reshape([n * r * h * d]);
        let all = (pooled.clone() * of(&weights)).sum().backward();
        let mut values: Vec<Vec<f64>> = vec![pooled.try_into_vec_as().unwrap()];
        values.extend(tensors.iter().map(|tensor| tensor.grad(&all).unwrap().try_into_vec_as::<f64>().unwrap()));
        values
    };
    let exact = run(&parse("cpu").unwrap(), DType::F64, Algorithm::Composed);
    for (name, device) in test_devices() {
        for algorithm in NATIVE {
            for (which, (found, exact)) in run(&device, DType::F32, algorithm).iter().zip(&exact).enumerate() {
                let worst = found.iter().zip(exact).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                let scale = exact.iter().fold(1.0f64, |scale, x| scale.max(x.abs()));
                assert!(worst / scale < 5e-6, "{name} {algorithm:?} output {which}: off by {worst} of {scale}");
            }
        }
    }
}

/// Rounded tokens give what their rounded values give in f32.
#[test]
fn stored_tokens_are_summed_in_f32() {
    let [n, t, d, q] = [4, 21, 40, 3];
    let (x, bias, u) = (normal(n * t * d, 5), normal(n * t, 6), normal(q * d, 7));
    let halves: Vec<f16> = x.iter().map(|x| f16::from_f32(*x)).collect();
    let brains: Vec<bf16> = x.iter().map(|x| bf16::from_f32(*x)).collect();
    let (bytes, scales) = quantize_tokens(&x, d);
    let widened: [Vec<f32>; 3] = [
        halves.iter().map(|x| x.to_f32()).collect(),
        brains.iter().map(|x| x.to_f32()).collect(),
        bytes.iter().enumerate().map(|(i, x)| f32::from(*x) * scales[i / d]).collect(),
    ];
    let views =
        [TokenView::F16(&halves), TokenView::Bf16(&brains), TokenView::Int8 { values: &bytes, scales: &scales }];
    for algorithm in NATIVE {
        let pool = |view| {
            let mut pooled = vec![f32::NAN; n * q * d];
            pool_slices(algorithm, view, [n, t, d], Some(&bias), &u, &mut pooled).unwrap();
            pooled
        };
        for (view, widened) in views.into_iter().zip(&widened) {
            assert_eq!(pool(view), pool(TokenView::F32(widened)), "{algorithm:?} {view:?}");
        }
        let (exact, rounded) = (pool(TokenView::F32(&x)), pool(views[2]));
        let worst = exact.iter().zip(&rounded).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 0.1, "int8 keeps two digits: {worst}");
    }
    let mut short = vec![0.0; 3];
    let error = pool_slices(Algorithm::Auto, views[0], [n, t, d], None, &u, &mut short).unwrap_err();
    assert_eq!(error.to_string(), "pooled: expected 480 values, found 3");
    assert!(pool_slices(Algorithm::Auto, views[0], [n, t + 1, d], None, &u, &mut short).is_err());
}

/// f16 tensors are read as they are; queries and results stay f32. On every device that has them.
#[test]
fn half_tensors() {
    let [n, t, d, r, h] = [2, 9, 16, 2, 1];
    for (name, device) in test_devices() {
        let x = Tensor::<1>::from_floats(normal(n * t * d, 8).as_slice(), &device).reshape([n, t, d]);
        let u = Tensor::<1>::from_floats(normal(r * d, 9).as_slice(), &device).reshape([r, h, d]);
        for half in [FloatDType::F16, FloatDType::BF16] {
            if !device.supports_dtype(half) {
                assert_ne!(name, "flex");
                continue;
            }
            let stored = x.clone().cast(half);
            let expected = relation_pool(stored.clone().cast(FloatDType::F32), None, u.clone());
            for algorithm in NATIVE.into_iter().chain([Algorithm::Composed]) {
                let found = relation_pool_with(algorithm, stored.clone(), None, u.clone());
                assert_eq!(found.dtype(), DType::F32);
                let apart = (found - expected.clone()).abs().max().into_scalar::<f32>();
                let slack = if algorithm == Algorithm::Composed { rcml_kernels::device::test_slack() } else { 0.0 };
                assert!(apart < 1e-5 + slack, "{name} {half:?} {algorithm:?}: {apart}");
            }
        }
    }
}

/// The same bits with one thread, two and three.
#[test]
fn threads_change_nothing() {
    let [n, t, d, r, h] = [97, 13, 40, 3, 2];
    let (x, u) = (normal(n * t * d, 10), normal(r * h * d, 11));
    for algorithm in NATIVE {
        let run = || {
            let device = parse("cpu").unwrap().autodiff();
            let x = Tensor::<1>::from_floats(x.as_slice(), &device).reshape([n, t, d]).require_grad();
            let u = Tensor::<1>::from_floats(u.as_slice(), &device).reshape([r, h, d]).require_grad();
            let pooled = relation_pool_with(algorithm, x.clone(), None, u.clone());
            let all = pooled.clone().square().sum().backward();
            let bits = |data: TensorData| data.try_to_vec::<f32>().unwrap().into_iter().map(f32::to_bits);
            let parts = [pooled.into_data(), x.grad(&all).unwrap().into_data(), u.grad(&all).unwrap().into_data()];
            parts.into_iter().flat_map(bits).collect::<Vec<u32>>()
        };
        let with = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(run);
        let one = with(1);
        assert!(one == with(2) && one == with(3), "{algorithm:?}");
    }
}
