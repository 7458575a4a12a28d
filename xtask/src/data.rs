//! `cargo xtask data`, and data sets that other commands need.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use clap::Args;

use crate::command::run as run_command;
use crate::failure::{Failure, Result};
use crate::program::Program;

#[derive(Args)]
#[command(after_help = "Examples:
  cargo xtask data emoji
  cargo xtask data synthetic -- --items 5000 --seed 1")]
pub(crate) struct DataArgs {
    /// Name of a recipe; `rcml data build --help` lists them
    name: String,
    /// Further arguments of `rcml data build`
    #[arg(last = true, value_name = "ARGS")]
    rcml: Vec<String>,
}

pub(crate) fn run(args: &DataArgs) -> Result<()> {
    let program = Program::build(&[])?;
    build(&program, &args.name, &args.rcml)
}

/// The folder of a built data set.
pub(crate) fn folder(name: &str) -> PathBuf {
    ["datasets", name, "built"].iter().collect()
}

/// The name of the data set in a folder: `datasets/emoji/built` is emoji.
pub(crate) fn name(folder: &Path) -> Result<String> {
    let named = if folder.ends_with("built") { folder.parent().unwrap_or(folder) } else { folder };
    let name = named.file_name().and_then(|name| name.to_str());
    name.map(String::from).ok_or_else(|| Failure::input(format!("{}: expected a folder with a name", folder.display())))
}

/// Builds a data set unless it is there, complete.
pub(crate) fn build_if_missing(program: &Program, name: &str) -> Result<()> {
    let folder = folder(name);
    // The writer of a data set puts dataset.toml last.
    let complete = folder.join("dataset.toml").is_file() && {
        let mut check = program.call(["data", "check"]);
        check.arg(&folder).stdout(Stdio::null()).stderr(Stdio::null());
        check.status().is_ok_and(|status| status.success())
    };
    if complete {
        println!("{}: built already", folder.display());
        return Ok(());
    }
    build(program, name, &[])
}

fn build(program: &Program, name: &str, rcml: &[String]) -> Result<()> {
    run_command(program.call(["data", "build", name, "--out"]).arg(folder(name)).args(rcml))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_folders() {
        assert_eq!(name(&folder("emoji")).unwrap(), "emoji");
        assert_eq!(name(Path::new("/home/me/furniture/")).unwrap(), "furniture");
        assert_eq!(name(Path::new("/")).unwrap_err().code(), 2);
    }
}
