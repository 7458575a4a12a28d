//! What tests need of a device: which there are, and how exact they are.

use std::sync::OnceLock;

use burn::tensor::{DType, Device, FloatDType, Tensor, TensorData};

use super::parse;

/// The devices that tests run on: `RCML_TEST_DEVICES=flex,ndarray,wgpu`, or every CPU backend of this build.
///
/// # Panics
/// If the variable names a device that this build or machine lacks: a test that was asked for must not be skipped.
#[allow(clippy::panic, reason = "for tests only")]
pub fn test_devices() -> Vec<(String, Device)> {
    let names = std::env::var("RCML_TEST_DEVICES")
        .unwrap_or_else(|_| if cfg!(feature = "ndarray") { "flex,ndarray".into() } else { "flex".into() });
    let device = |name: &str| parse(name).unwrap_or_else(|error| panic!("RCML_TEST_DEVICES: {error}"));
    names.split(',').map(|name| (name.to_string(), device(name))).collect()
}

/// What tests allow beside rounding, as a share of the largest value: nothing where all test devices multiply matrices in f32 and
/// have exponentials of its digits, some times the error where one does not. (Burn's products on CUDA are of tf32, which keeps
/// three digits; drivers in software have exponentials of five.)
#[allow(clippy::unwrap_used, reason = "for tests only")]
pub fn test_slack() -> f32 {
    const SIDE: usize = 64;
    static SLACK: OnceLock<f32> = OnceLock::new();
    let error = |device: &Device| {
        let values = |step: f64| (0..SIDE * SIDE).map(|i| (step * i as f64).sin() as f32).collect::<Vec<_>>();
        let (a, b) = (values(0.7), values(1.3));
        let tensor = |values: &Vec<f32>| Tensor::<2>::from_data(TensorData::new(values.clone(), [SIDE, SIDE]), device);
        let found: Vec<f32> = tensor(&a).matmul(tensor(&b)).try_into_vec_as().unwrap();
        let exact = |i: usize| -> f64 {
            let (row, column) = (i / SIDE, i % SIDE);
            (0..SIDE).map(|k| f64::from(a[row * SIDE + k]) * f64::from(b[k * SIDE + column])).sum()
        };
        let apart = |(i, found): (usize, &f32)| ((exact(i) - f64::from(*found)).abs(), exact(i).abs());
        let largest = |x: (f64, f64), y: (f64, f64)| (x.0.max(y.0), x.1.max(y.1));
        let (apart, size) = found.iter().enumerate().map(apart).fold((0.0, 0.0), largest);
        let arguments: Vec<f32> = (0..1000).map(|i| -0.02 * i as f32).collect();
        let found = Tensor::<1>::from_data(TensorData::new(arguments.clone(), [arguments.len()]), device);
        let found: Vec<f32> = found.exp().try_into_vec_as().unwrap();
        let relative = |(x, found): (&f32, &f32)| (f64::from(*found) / f64::from(*x).exp() - 1.0).abs();
        let error = arguments.iter().zip(&found).map(relative).fold(apart / size, f64::max) as f32;
        if error < 1e-6 { 0.0 } else { 10.0 * error }
    };
    *SLACK.get_or_init(|| test_devices().iter().map(|(_, device)| error(device)).fold(0.0, f32::max))
}

/// Whether a device's f64 are doubles: some say that they have them and compute with less, or with nothing.
pub fn test_doubles(device: &Device) -> bool {
    let exact = [0.5f64.exp(), 2.0f64.exp()];
    device.supports_dtype(FloatDType::F64) && {
        let x = Tensor::<1>::from_data(TensorData::from([0.5f64, 2.0]), (device, DType::F64));
        let found = x.exp().try_into_vec_as::<f64>().unwrap_or_default();
        found.len() == 2 && found.iter().zip(exact).all(|(found, exact)| (found - exact).abs() < 1e-12)
    }
}
