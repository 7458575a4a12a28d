//! The one place where a device's name becomes a device.

mod testing;

use burn::tensor::Device;

#[doc(hidden)]
pub use self::testing::{test_devices, test_doubles, test_slack};

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

/// Whether a device is none of the CPU's own backends; an adapter that is a program on the processor counts as a GPU.
pub fn is_gpu(device: &Device) -> bool {
    let device = device.clone().without_autodiff();
    device != Device::flex() && ndarray().is_none_or(|own| device != own)
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

    /// Nothing is forgiven where everything is computed in f32: tolerances of the CPU's tests are what they say.
    #[test]
    fn the_processor_has_no_slack() {
        if test_devices().iter().all(|(_, device)| adapter(device).is_none()) {
            assert_eq!(test_slack(), 0.0);
            assert!(test_devices().iter().all(|(_, device)| test_doubles(device)));
        }
    }

    #[test]
    fn names() {
        assert!(parse("cpu").is_ok() && parse("auto").is_ok());
        for bad in ["gpu", "cuda:x", "cudax", ""] {
            let message = parse(bad).unwrap_err().to_string();
            assert!(message.contains(&format!("{bad:?}")) && message.contains("cpu"), "{message}");
        }
    }
}
