//! `cargo xtask gpu`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use clap::Args;
use serde_json::Value;

use crate::backend::{BackendArgs, KeptLock, feature_args};
use crate::bench::{self, PeerName, Shapes};
use crate::command::{cargo, line};
use crate::failure::{Failure, Result};
use crate::program::Program;
use crate::software;
use crate::steps::Steps;
use crate::test::{self, TestArgs};

#[derive(Args)]
#[command(after_help = "Examples:
  cargo xtask gpu --device cuda --nvrtc --peer torch    # an NVIDIA GPU, beside PyTorch on it
  cargo xtask gpu --device wgpu --shapes quick          # any GPU, or a driver in software
  cargo xtask gpu --device cuda --nvrtc --in-software   # no GPU: the kernels' tests, as slow as that is

For a machine that has the GPU and no Rust:
  cargo xtask gpu --device cuda --nvrtc --pack gpu      # here: programs, and the script that runs them
  gpu/run.sh python3                                    # there: tests, then the bench beside that Python's PyTorch

Which drivers in software there are, and how one is named: docs/getting-started.md")]
pub(crate) struct GpuArgs {
    #[command(flatten)]
    backend: BackendArgs,
    /// Also measure this library, in turn with ours
    #[arg(long, conflicts_with = "pack")]
    peer: Option<PeerName>,
    /// Which shapes: all, those that targets are set for, those that fill a large GPU, or a few small ones
    #[arg(long, value_enum, default_value_t = Shapes::Full)]
    shapes: Shapes,
    /// Run only the kernels' tests, and on the processor: stand-ins for CUDA's driver and NVRTC run each thread of a
    /// block as a fiber (x86-64 Linux with a C++ compiler)
    #[arg(long, conflicts_with_all = ["peer", "pack"])]
    in_software: bool,
    /// Run nothing; write the programs and a script that runs them into this new folder
    #[arg(long, value_name = "DIR")]
    pack: Option<PathBuf>,
}

/// Every test, with the numeric ones on the device; then the bench of relation attention.
pub(crate) fn run(args: &GpuArgs) -> Result<()> {
    let features = args.backend.features()?;
    if features.is_empty() {
        return Err(Failure::input("--device: expected wgpu or cuda: `cargo xtask test` and `bench` do the rest"));
    }
    if args.in_software {
        return software::run(&args.backend.device, &features);
    }
    if let Some(folder) = &args.pack {
        return pack(args, &features, folder);
    }
    let mut steps = Steps::new(false);
    steps.run("tests", || test::run(&TestArgs { backend: args.backend.clone(), cargo: vec![] }));
    steps.run("bench", || bench::attention_on(&args.backend, args.peer, args.shapes));
    steps.finish()
}

/// The crates whose tests compute on a device.
const NUMERIC: [&str; 6] =
    ["rcml-kernels", "rcml-attention", "rcml-losses", "rcml-encoders", "rcml-model", "rcml-train"];
const BENCH: &str = "attention_peers";

/// Copies what another machine needs: the tests, the bench with its peer's script, and the program.
fn pack(args: &GpuArgs, features: &[String], folder: &Path) -> Result<()> {
    fs::create_dir_all(folder.join("tests")).map_err(|error| Failure::file(folder, error))?;
    let _kept = KeptLock::for_build(features)?;
    let tests = built(features, &["test", "--no-run", "--release", "--workspace"])?;
    let benches = built(features, &["bench", "--no-run", "--workspace", "--bench", BENCH])?;
    let program = Program::build(features)?;
    let copy = |from: &Path, to: &Path| {
        let to = folder.join(to);
        fs::copy(from, &to).map(|_| ()).map_err(|error| Failure::file(&to, error))
    };
    for test in tests.iter().filter(|test| NUMERIC.contains(&test.package.as_str())) {
        copy(&test.path, &Path::new("tests").join(format!("{}.{}", test.package, test.name)))?;
    }
    let bench = benches.iter().find(|bench| bench.name == BENCH);
    copy(&bench.ok_or_else(|| Failure::new(format!("cargo built no {BENCH}")))?.path, Path::new(BENCH))?;
    copy(program.path(), Path::new("rcml"))?;
    fs::create_dir_all(folder.join("attention")).map_err(|error| Failure::file(folder, error))?;
    copy(Path::new("benches/attention/peer.py"), Path::new("attention/peer.py"))?;
    let script = folder.join("run.sh");
    fs::write(&script, script_text(&args.backend.device, args.shapes))
        .map_err(|error| Failure::file(&script, error))?;
    executable(&script)?;
    println!("{}", script.display());
    Ok(())
}

/// A program that cargo built.
pub(crate) struct Built {
    pub(crate) package: String,
    name: String,
    pub(crate) path: PathBuf,
}

/// Runs a command of cargo that builds, and gives the programs that it names.
pub(crate) fn built(features: &[String], command: &[&str]) -> Result<Vec<Built>> {
    let mut cargo = cargo(command);
    cargo.arg("--message-format=json-render-diagnostics").args(feature_args(features));
    println!("$ {}", line(&cargo));
    let output = cargo.stderr(Stdio::inherit()).output().map_err(|error| Failure::new(error.to_string()))?;
    if !output.status.success() {
        return Err(Failure::new(format!("`{}` failed ({})", line(&cargo), output.status)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).lines().filter_map(program_of).collect())
}

/// The program of a line of cargo's, if it is of one: `package_id` is `path+file:///…/crates/rcml-kernels#0.1.0`.
fn program_of(line: &str) -> Option<Built> {
    let message: Value = serde_json::from_str(line).ok()?;
    // Not the examples, which `cargo test` builds as well.
    if message["profile"]["test"] != true && message["target"]["kind"] != serde_json::json!(["bench"]) {
        return None;
    }
    let path = PathBuf::from(message["executable"].as_str()?);
    let folder = message["package_id"].as_str()?.split('#').next()?;
    let package = folder.rsplit('/').next()?.to_string();
    Some(Built { package, name: message["target"]["name"].as_str()?.to_string(), path })
}

fn script_text(device: &str, shapes: Shapes) -> String {
    let shapes = shapes.name();
    let each = device.replace(',', " ");
    format!(
        "#!/bin/sh
# Written by `cargo xtask gpu --pack`: the numeric tests on {device}, then the bench of relation attention, with a Python that
# has PyTorch also beside that. What tests read of the sources they look for where those lay when they were built.
here=$(cd \"$(dirname \"$0\")\" && pwd)
failed=0
for test in \"$here\"/tests/*; do
    RCML_TEST_DEVICES={device} \"$test\" --quiet || {{ echo \"FAILED $test\"; failed=1; }}
done
set -- --shapes {shapes} ${{1:+--peer \"$1\" --compiled}}
for device in {each}; do
    out=$here/attention-$device
    CARGO_MANIFEST_DIR=$here \"$here/{BENCH}\" --device \"$device\" \"$@\" \\
        --markdown \"$out.md\" --json \"$out.json\" --png \"$out.png\" || failed=1
done
exit $failed
"
    )
}

#[cfg(unix)]
fn executable(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).map_err(|error| Failure::file(path, error))
}

#[cfg(not(unix))]
fn executable(_path: &Path) -> Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_read_from_what_cargo_says() {
        let line = r#"{"reason":"compiler-artifact","package_id":"path+file:///home/x/crates/rcml-kernels#0.1.0",
            "target":{"kind":["test"],"name":"relation_pool"},"profile":{"test":true},"executable":"/t/release/deps/relation_pool-1"}"#;
        let built = program_of(line).unwrap();
        assert_eq!((built.package.as_str(), built.name.as_str()), ("rcml-kernels", "relation_pool"));
        assert!(NUMERIC.contains(&built.package.as_str()) && built.path.ends_with("relation_pool-1"));
        assert!(program_of(r#"{"reason":"compiler-artifact","executable":null}"#).is_none());
        assert!(program_of(&line.replace("true", "false")).is_none());
        assert!(program_of("warning: no JSON").is_none());
    }

    #[test]
    fn the_script_names_device_and_shapes() {
        let text = script_text("cuda:1,wgpu", Shapes::Large);
        assert!(text.contains("RCML_TEST_DEVICES=cuda:1,wgpu "), "{text}");
        assert!(text.contains("in cuda:1 wgpu; do") && text.contains("--shapes large"), "{text}");
    }
}
