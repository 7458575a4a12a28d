//! The one place where a device's name becomes a device.

use burn::tensor::Device;

/// A device name that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("device {name:?}: {reason}; this program knows {}", known().join(", "))]
pub struct DeviceError {
    name: String,
    reason: String,
}

/// Names that this build accepts.
pub fn known() -> Vec<&'static str> {
    let mut names = vec!["auto", "cpu", "flex"];
    if cfg!(feature = "ndarray") {
        names.push("ndarray");
    }
    if cfg!(feature = "wgpu") {
        names.push("wgpu");
    }
    if cfg!(feature = "cuda") {
        names.extend(["cuda", "cuda:N"]);
    }
    names
}

/// A device by name: `auto` (the best this build has hardware for), `cpu` / `flex`, `ndarray`, `wgpu`, `cuda`, `cuda:1`.
///
/// # Errors
/// A name that is unknown, or whose backend this build leaves out, or (`cuda:9`) that the machine does not have.
pub fn parse(name: &str) -> Result<Device, DeviceError> {
    let fail = |reason: &str| DeviceError { name: name.into(), reason: reason.into() };
    match name {
        "auto" => Ok(auto()),
        "cpu" | "flex" => Ok(Device::flex()),
        "ndarray" => ndarray().ok_or_else(|| fail("this build leaves the feature `ndarray` out")),
        "wgpu" => wgpu(true).ok_or_else(|| fail("this build leaves the feature `wgpu` out, or no adapter was found")),
        _ => match name.strip_prefix("cuda") {
            Some(rest) => {
                let index = match rest.strip_prefix(':') {
                    Some(number) => number.parse().map_err(|_| fail("expected a number after `cuda:`"))?,
                    None if rest.is_empty() => 0,
                    None => return Err(fail("unknown name")),
                };
                cuda(index).ok_or_else(|| fail("this build leaves the feature `cuda` out, or there is no such GPU"))
            }
            None => Err(fail("unknown name")),
        },
    }
}

/// Names the CPU to Burn as the place for what it makes without being told a device, the state of an optimiser that is read
/// from a file for one, where the first backend of this build has no hardware: it would end the program. Does nothing where
/// `BURN_DEVICE` says something already.
///
/// # Safety
/// It changes the environment: call it before the program starts a thread.
#[allow(unsafe_code, reason = "the environment is all that Burn asks")]
pub unsafe fn settle_default() {
    let absent =
        if cfg!(feature = "cuda") { cuda(0).is_none() } else { cfg!(feature = "wgpu") && wgpu(true).is_none() };
    if absent && std::env::var_os("BURN_DEVICE").is_none() {
        // SAFETY: no other thread runs, by this function's own contract.
        unsafe { std::env::set_var("BURN_DEVICE", "flex") };
    }
}

/// What the driver calls a device; `None` for the backends of the CPU.
#[cfg(feature = "cube")]
pub fn adapter(device: &Device) -> Option<String> {
    device.identity().map(|identity| identity.name)
}

/// What the driver calls a device; `None` for the backends of the CPU.
#[cfg(not(feature = "cube"))]
pub fn adapter(_device: &Device) -> Option<String> {
    None
}

/// The devices that tests run on: `RCML_TEST_DEVICES=flex,ndarray,wgpu`, or every CPU backend of this build.
///
/// # Panics
/// If the variable names a device that this build or machine lacks: a test that was asked for must not be skipped.
#[doc(hidden)]
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
#[doc(hidden)]
#[allow(clippy::unwrap_used, reason = "for tests only")]
pub fn test_slack() -> f32 {
    const SIDE: usize = 64;
    static SLACK: std::sync::OnceLock<f32> = std::sync::OnceLock::new();
    let error = |device: &Device| {
        let values = |step: f64| (0..SIDE * SIDE).map(|i| (step * i as f64).sin() as f32).collect::<Vec<_>>();
        let (a, b) = (values(0.7), values(1.3));
        let tensor = |values: &Vec<f32>| {
            burn::tensor::Tensor::<2>::from_data(burn::tensor::TensorData::new(values.clone(), [SIDE, SIDE]), device)
        };
        let found: Vec<f32> = tensor(&a).matmul(tensor(&b)).try_into_vec_as().unwrap();
        let exact = |i: usize| -> f64 {
            let (row, column) = (i / SIDE, i % SIDE);
            (0..SIDE).map(|k| f64::from(a[row * SIDE + k]) * f64::from(b[k * SIDE + column])).sum()
        };
        let apart = |(i, found): (usize, &f32)| ((exact(i) - f64::from(*found)).abs(), exact(i).abs());
        let largest = |x: (f64, f64), y: (f64, f64)| (x.0.max(y.0), x.1.max(y.1));
        let (apart, size) = found.iter().enumerate().map(apart).fold((0.0, 0.0), largest);
        let arguments: Vec<f32> = (0..1000).map(|i| -0.02 * i as f32).collect();
        let found = burn::tensor::Tensor::<1>::from_data(
            burn::tensor::TensorData::new(arguments.clone(), [arguments.len()]),
            device,
        );
        let found: Vec<f32> = found.exp().try_into_vec_as().unwrap();
        let relative = |(x, found): (&f32, &f32)| (f64::from(*found) / f64::from(*x).exp() - 1.0).abs();
        let error = arguments.iter().zip(&found).map(relative).fold(apart / size, f64::max) as f32;
        if error < 1e-6 { 0.0 } else { 10.0 * error }
    };
    *SLACK.get_or_init(|| test_devices().iter().map(|(_, device)| error(device)).fold(0.0, f32::max))
}

/// Whether a device's f64 are doubles: some say that they have them and compute with less, or with nothing.
#[doc(hidden)]
pub fn test_doubles(device: &Device) -> bool {
    use burn::tensor::{DType, FloatDType, Tensor, TensorData};
    let exact = [0.5f64.exp(), 2.0f64.exp()];
    device.supports_dtype(FloatDType::F64) && {
        let x = Tensor::<1>::from_data(TensorData::from([0.5f64, 2.0]), (device, DType::F64));
        let found = x.exp().try_into_vec_as::<f64>().unwrap_or_default();
        found.len() == 2 && found.iter().zip(exact).all(|(found, exact)| (found - exact).abs() < 1e-12)
    }
}

fn auto() -> Device {
    cuda(0).or_else(|| wgpu(false)).unwrap_or_else(Device::flex)
}

#[cfg(feature = "ndarray")]
#[allow(deprecated, reason = "kept as an independent CPU implementation to test against")]
fn ndarray() -> Option<Device> {
    Some(Device::ndarray())
}
#[cfg(not(feature = "ndarray"))]
fn ndarray() -> Option<Device> {
    None
}

/// The best adapter; one that is a program on the processor (lavapipe, WARP) only if `software` will do, as the CPU's own
/// backend is many times faster.
#[cfg(feature = "wgpu")]
fn wgpu(software: bool) -> Option<Device> {
    use burn::tensor::{DeviceKind, DeviceType};
    let adapters = Device::enumerate(DeviceType::Wgpu).into_vec();
    let found = adapters.iter().any(|adapter| software || *adapter != Device::wgpu(DeviceKind::Cpu));
    found.then(|| Device::wgpu(DeviceKind::DefaultDevice))
}
#[cfg(not(feature = "wgpu"))]
fn wgpu(_software: bool) -> Option<Device> {
    None
}

#[cfg(feature = "cuda")]
fn cuda(index: usize) -> Option<Device> {
    use burn::tensor::DeviceType;
    // Without a driver an operation on a CUDA device panics; listing the devices does not.
    let found = Device::enumerate(DeviceType::Cuda).into_vec().len();
    (index < found).then(|| Device::cuda(index))
}
#[cfg(not(feature = "cuda"))]
fn cuda(_index: usize) -> Option<Device> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert!(parse("cpu").is_ok() && parse("auto").is_ok());
        for bad in ["gpu", "cuda:x", "cudax", ""] {
            let message = parse(bad).unwrap_err().to_string();
            assert!(message.contains(&format!("{bad:?}")) && message.contains("cpu"), "{message}");
        }
    }
}
