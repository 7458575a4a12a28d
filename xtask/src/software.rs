//! CUDA without a GPU: `cargo xtask gpu --device cuda --nvrtc --in-software`.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::backend::KeptLock;
use crate::command::run as run_command;
use crate::failure::{Failure, Result};
use crate::gpu::built;

const SOURCES: &str = "vendor/cuda-in-software";
const TARGET: &str = "target/cuda-in-software";
/// The crates whose kernels these are.
const PACKAGES: [&str; 2] = ["rcml-kernels", "rcml-attention"];

/// Builds the stand-ins, and runs the kernels' tests with them.
pub(crate) fn run(device: &str, features: &[String]) -> Result<()> {
    if !features.iter().all(|feature| feature == "cuda-nvrtc") {
        return Err(Failure::input("--in-software: expected --device cuda --nvrtc"));
    }
    let folder = stand_ins()?;
    let _kept = KeptLock::for_build(features)?;
    let tests = built(features, &["test", "--no-run", "--release", "--workspace"])?;
    let mut failed = vec![];
    for test in tests.iter().filter(|test| PACKAGES.contains(&test.package.as_str())) {
        let mut command = Command::new(&test.path);
        command.env("RCML_TEST_DEVICES", device).env("LD_LIBRARY_PATH", &folder).env("CUDA_PATH", &folder);
        if let Err(failure) = run_command(&mut command) {
            failed.push(failure.to_string());
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(Failure::new(failed.join("\n"))) }
}

/// Compiles the stand-ins for CUDA's driver and NVRTC; gives the folder that they are in.
fn stand_ins() -> Result<PathBuf> {
    // cubecl looks for CUDA's headers there, which no kernel needs.
    fs::create_dir_all(Path::new(TARGET).join("include")).map_err(|error| Failure::file(Path::new(TARGET), error))?;
    let sources = Path::new(SOURCES);
    let absolute = fs::canonicalize(sources).map_err(|error| Failure::file(sources, error))?;
    let compile = |library: &str, files: &[&str]| {
        let mut compiler = Command::new(env::var_os("CXX").unwrap_or_else(|| "c++".into()));
        compiler.args(["-std=c++17", "-O2", "-shared", "-fPIC", "-mf16c"]);
        compiler.arg(format!("-DSOURCES=\"{}\"", absolute.display()));
        compiler.arg("-o").arg(Path::new(TARGET).join(library));
        compiler.args(files.iter().map(|file| sources.join(file))).args(["-ldl", "-lpthread"]);
        run_command(&mut compiler)
    };
    compile("libcuda.so.1", &["driver.cpp", "block.cpp"])?;
    compile("libnvrtc.so.13", &["nvrtc.cpp"])?;
    for (name, library) in [("libcuda.so", "libcuda.so.1"), ("libnvrtc.so", "libnvrtc.so.13")] {
        let (from, to) = (Path::new(TARGET).join(library), Path::new(TARGET).join(name));
        fs::copy(&from, &to).map_err(|error| Failure::file(&to, error))?;
    }
    fs::canonicalize(TARGET).map_err(|error| Failure::file(Path::new(TARGET), error))
}
