//! What a device asks of a build: features, and what stands in for LLVM.

use std::fs;
use std::path::Path;

use clap::Args;

use crate::failure::{Failure, Result};

/// The feature of `rcml-cli` that needs no LLVM.
const NVRTC: &str = "cuda-nvrtc";
/// Takes the place of the crate whose build script downloads LLVM.
const STAND_IN: &str = "patch.crates-io.cubecl-llvm.path=\"vendor/cubecl-llvm-stub\"";

/// Which backend is built.
#[derive(Args, Clone)]
pub(crate) struct BackendArgs {
    /// Kind of device: cpu, ndarray, wgpu or cuda (cuda:1 for the second); several with commas between them
    #[arg(long, default_value = "cpu")]
    pub(crate) device: String,
    /// Compile CUDA kernels with NVIDIA's NVRTC alone, so that the build downloads no LLVM
    #[arg(long)]
    nvrtc: bool,
}

impl BackendArgs {
    /// The devices, one by one.
    pub(crate) fn devices(&self) -> impl Iterator<Item = &str> {
        self.device.split(',')
    }

    /// Features of `rcml-cli` that this needs.
    pub(crate) fn features(&self) -> Result<Vec<String>> {
        let found = &self.device;
        let mut features: Vec<String> = vec![];
        for device in self.devices() {
            let feature = match device.split(':').next().unwrap_or_default() {
                "cuda" if self.nvrtc => NVRTC,
                "cpu" | "flex" => continue,
                kind @ ("ndarray" | "wgpu" | "cuda") => kind,
                _ => {
                    let expected = "expected cpu, ndarray, wgpu or cuda";
                    return Err(Failure::input(format!("--device: {expected}, found {found:?}")));
                }
            };
            features.push(feature.into());
        }
        if self.nvrtc && !needs_no_llvm(&features) {
            return Err(Failure::input(format!("--nvrtc: expected --device cuda, found {found:?}")));
        }
        Ok(features)
    }
}

/// Features of `rcml-cli` for a call of cargo on the whole workspace: they reach the other crates through it.
pub(crate) fn feature_args(features: &[String]) -> Vec<String> {
    let mut args: Vec<String> =
        features.iter().flat_map(|name| ["--features".to_string(), format!("rcml-cli/{name}")]).collect();
    if needs_no_llvm(features) {
        args.extend(["--config".to_string(), STAND_IN.to_string()]);
    }
    args
}

fn needs_no_llvm(features: &[String]) -> bool {
    features.iter().any(|feature| feature == NVRTC)
}

/// Keeps Cargo.lock as it is: with the stand-in cargo writes one without LLVM's crates, which is nobody's change.
pub(crate) struct KeptLock(Option<Vec<u8>>);

impl KeptLock {
    const PATH: &str = "Cargo.lock";

    /// Reads the file if a build with these features would change it.
    pub(crate) fn for_build(features: &[String]) -> Result<Self> {
        let path = Path::new(Self::PATH);
        let read = || fs::read(path).map_err(|error| Failure::file(path, error));
        needs_no_llvm(features).then(read).transpose().map(Self)
    }
}

impl Drop for KeptLock {
    fn drop(&mut self) {
        let Some(kept) = &self.0 else { return };
        if fs::read(Self::PATH).is_ok_and(|now| now == *kept) {
            return;
        }
        if let Err(error) = fs::write(Self::PATH, kept) {
            eprintln!("{}: could not be restored: {error}", Self::PATH);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn features(device: &str, nvrtc: bool) -> Result<Vec<String>> {
        BackendArgs { device: device.into(), nvrtc }.features()
    }

    #[test]
    fn devices_to_features() {
        assert_eq!(features("cpu", false).unwrap(), [""; 0]);
        assert_eq!(features("wgpu", false).unwrap(), ["wgpu"]);
        assert_eq!(features("cuda:1", false).unwrap(), ["cuda"]);
        assert_eq!(features("cuda", true).unwrap(), ["cuda-nvrtc"]);
        assert_eq!(features("cpu,cuda:1,wgpu", true).unwrap(), ["cuda-nvrtc", "wgpu"]);
        for (device, nvrtc) in [("wgpu", true), ("cpu,tpu", false)] {
            let failure = features(device, nvrtc).unwrap_err();
            assert!(failure.code() == 2 && failure.to_string().contains(device), "{failure}");
        }
    }

    #[test]
    fn the_stand_in_is_named_where_it_is_needed() {
        assert_eq!(feature_args(&["wgpu".into()]), ["--features", "rcml-cli/wgpu"]);
        assert_eq!(feature_args(&[NVRTC.into()]), ["--features", "rcml-cli/cuda-nvrtc", "--config", STAND_IN]);
        assert!(KeptLock::for_build(&["cuda".into()]).unwrap().0.is_none());
    }
}
