//! `cargo xtask parity`.

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;

use crate::command::{cargo, run as run_command};
use crate::failure::{Failure, Result};
use crate::weights;

#[derive(Args)]
#[command(after_help = "Examples:
  cargo xtask parity
  cargo xtask parity --python my-environment/bin/python

Makes CLIP ViT-B/32 at its real size with transformers, and compares it, the small models that are kept in the repository,
MiniLM and EfficientNet-Lite0 with what this program computes. Without --python an environment with PyTorch and transformers
is made in target/parity, which downloads some gigabytes.")]
pub(crate) struct ParityArgs {
    /// A Python that has torch and transformers
    #[arg(long, value_name = "PATH", value_parser = absolute)]
    python: Option<PathBuf>,
}

fn absolute(path: &str) -> std::io::Result<PathBuf> {
    std::path::absolute(path)
}

/// What the fixtures in the repository were made with.
const PACKAGES: [&str; 3] = ["torch==2.15.0", "transformers==5.23.0", "pillow==13.0.0"];

pub(crate) fn run(args: &ParityArgs) -> Result<()> {
    let folder = Path::new("target").join("parity");
    std::fs::create_dir_all(&folder).map_err(|error| Failure::file(&folder, error))?;
    let python = match &args.python {
        Some(python) => python.clone(),
        None => environment(&folder.join("environment"))?,
    };
    weights::fetch_if_missing("minilm+efficientnet-lite0")?;
    let made = folder.join("full");
    run_command(Command::new(python).arg("crates/rcml-encoders/fixtures/make.py").arg(&made).arg("--full"))?;
    let made = std::path::absolute(&made).map_err(|error| Failure::file(&made, error))?;
    let mut test = cargo(["test", "--release", "--workspace", "--test", "parity", "--test", "pretrained"]);
    run_command(test.args(["--", "--nocapture"]).env("RCML_PARITY", made))
}

/// A Python environment with what the originals need.
fn environment(folder: &Path) -> Result<PathBuf> {
    let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    if !python.is_file() {
        run_command(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
    }
    run_command(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(PACKAGES))?;
    std::path::absolute(&python).map_err(|error| Failure::file(&python, error))
}
