//! `cargo xtask fuzz`.

use clap::Args;

use crate::command::run as run_command;
use crate::failure::{Failure, Result};
use crate::steps::Steps;

#[derive(Args)]
#[command(after_help = "Examples:
  cargo xtask fuzz
  cargo xtask fuzz rgraph --seconds 300

Needs a nightly compiler (rustup toolchain install nightly) and cargo-fuzz (cargo install cargo-fuzz). An input that breaks
something is kept under fuzz/artifacts, with the command that repeats it.")]
pub(crate) struct FuzzArgs {
    /// Targets (fuzz/fuzz_targets/NAME.rs); all where none is named
    targets: Vec<String>,
    /// Seconds for each target
    #[arg(long, value_name = "N", default_value_t = 300)]
    seconds: u32,
}

pub(crate) fn run(args: &FuzzArgs) -> Result<()> {
    let known = targets()?;
    if let Some(unknown) = args.targets.iter().find(|name| !known.contains(name)) {
        return Err(Failure::input(format!("there is no fuzz target {unknown:?}, only {}", known.join(", "))));
    }
    let mut steps = Steps::new(false);
    for target in if args.targets.is_empty() { &known } else { &args.targets } {
        steps.run(target, || {
            // The toolchain that runs this has set its own; cargo-fuzz needs the nightly one.
            let mut fuzz = std::process::Command::new("cargo");
            fuzz.args(["+nightly", "fuzz", "run", "--release", target, "--"]);
            fuzz.arg(format!("-max_total_time={}", args.seconds)).env_remove("CARGO").env_remove("RUSTUP_TOOLCHAIN");
            run_command(&mut fuzz)
        });
    }
    steps.finish()
}

/// The names of the files of targets.
fn targets() -> Result<Vec<String>> {
    let folder = std::path::Path::new("fuzz/fuzz_targets");
    let entries = std::fs::read_dir(folder).map_err(|error| Failure::file(folder, error))?;
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        Some(entry.ok()?.file_name().to_str()?.strip_suffix(".rs")?.to_string())
    };
    let mut names: Vec<String> = entries.filter_map(name).collect();
    names.sort();
    Ok(names)
}
