//! `cargo xtask fuzz`.

use std::path::Path;
use std::process::{Command, Stdio};

use clap::Args;

use crate::command::run as run_command;
use crate::failure::{Failure, Result};

#[derive(Args)]
#[command(after_help = "Examples:
  cargo xtask fuzz                      # every target for five minutes
  cargo xtask fuzz csv --seconds 60

Needs cargo-fuzz:  cargo install cargo-fuzz
Nightly Rust is used where it is installed; without it, stable Rust is told to take nightly's options.
What is found is kept in fuzz/artifacts; fuzz/corpus grows from run to run, and begins with fuzz/seeds.")]
pub(crate) struct FuzzArgs {
    /// Targets [default: all]
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
    /// Seconds for each target
    #[arg(long, value_name = "S", default_value_t = 300)]
    seconds: u32,
}

pub(crate) fn run(args: &FuzzArgs) -> Result<()> {
    let known = known()?;
    if let Some(unknown) = args.targets.iter().find(|target| !known.contains(target)) {
        return Err(Failure::new(format!("no target {unknown:?}; there are {}", known.join(", "))));
    }
    let targets = if args.targets.is_empty() { &known } else { &args.targets };
    let compiler = Compiler::installed();
    for target in targets {
        let corpus = Path::new("fuzz/corpus").join(target);
        std::fs::create_dir_all(&corpus).map_err(|error| Failure::file(&corpus, error))?;
        let mut cargo = compiler.command();
        cargo.args(["fuzz", "run", target]);
        cargo.arg(&corpus);
        let seeds = Path::new("fuzz/seeds").join(target);
        if seeds.is_dir() {
            cargo.arg(seeds);
        }
        cargo.args(["--", &format!("-max_total_time={}", args.seconds), "-max_len=4096", "-timeout=30"]);
        run_command(&mut cargo)?;
    }
    Ok(())
}

/// What compiles the targets: sanitizers are options that only nightly Rust takes by itself.
enum Compiler {
    Nightly,
    /// The toolchain at hand, with `RUSTC_BOOTSTRAP`.
    Stable,
}

impl Compiler {
    fn installed() -> Self {
        let mut ask = Self::Nightly.command();
        let answer = ask.arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        if answer.is_ok_and(|status| status.success()) { Self::Nightly } else { Self::Stable }
    }

    /// Cargo, in the environment of the user: not of the cargo that runs this, which belongs to the stable toolchain.
    /// `+nightly` is understood by rustup's alone.
    fn command(&self) -> Command {
        let mut cargo = Command::new("cargo");
        for name in ["CARGO", "RUSTUP_TOOLCHAIN", "RUSTC", "RUSTDOC"] {
            cargo.env_remove(name);
        }
        // A folder of its own: other flags, so nothing could be shared.
        cargo.env("CARGO_TARGET_DIR", "target/fuzz");
        match self {
            Self::Nightly => cargo.arg("+nightly"),
            Self::Stable => cargo.env("RUSTC_BOOTSTRAP", "1"),
        };
        cargo
    }
}

/// The targets that `fuzz/fuzz_targets` has: every file with a `fuzz_target!`.
fn known() -> Result<Vec<String>> {
    let folder = Path::new("fuzz/fuzz_targets");
    let entries = std::fs::read_dir(folder).map_err(|error| Failure::file(folder, error))?;
    let is_target = |path: &Path| std::fs::read_to_string(path).is_ok_and(|text| text.contains("fuzz_target!"));
    let mut names: Vec<String> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| is_target(path))
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_string()))
        .collect();
    names.sort();
    Ok(names)
}
