//! `cargo xtask ci`: the one gate.

use std::path::Path;
use std::process::Command;

use clap::Args;

use crate::backend::feature_args;
use crate::command::{cargo, run as run_command};
use crate::failure::{Failure, Result};
use crate::program::Program;
use crate::smoke;
use crate::steps::Steps;

#[derive(Args)]
#[command(after_help = "Examples:
  cargo xtask ci
  RCML_CONTRACT=path/to/check.py cargo xtask ci    # also an external check: python3 check.py PATH-TO-rcml")]
pub(crate) struct CiArgs {
    /// Stop at the first step that fails
    #[arg(long)]
    fail_fast: bool,
}

pub(crate) fn run(args: &CiArgs) -> Result<()> {
    let mut steps = Steps::new(args.fail_fast);
    // The backend that tests run on beside the default one.
    let features = ["ndarray".to_string()];
    let workspace = |command: &str| {
        let mut cargo = cargo([command, "--release", "--workspace"]);
        cargo.args(feature_args(&features));
        cargo
    };
    steps.run("format", || run_command(&mut cargo(["fmt", "--all", "--check"])));
    steps.run("clippy", || run_command(workspace("clippy").args(["--all-targets", "--", "-D", "warnings"])));
    steps.run("default features", || run_command(&mut cargo(["check", "--release", "--workspace"])));
    steps.run("docs", || run_command(workspace("doc").arg("--no-deps").env("RUSTDOCFLAGS", "-D warnings")));
    steps
        .run("tests", || run_command(workspace("test").arg("--no-fail-fast").env("RCML_TEST_DEVICES", "flex,ndarray")));
    let contract = std::env::var_os("RCML_CONTRACT").filter(|path| !path.is_empty());
    match steps.run("program", || Program::build(&features)) {
        Some(program) => {
            steps.run("smoke run", || smoke::run(&program));
            if let Some(path) = contract {
                steps.run("external contract", || external(Path::new(&path), &program));
            }
        }
        None => {
            steps.skip("smoke run");
            if contract.is_some() {
                steps.skip("external contract");
            }
        }
    }
    steps.finish()
}

fn external(script: &Path, program: &Program) -> Result<()> {
    if !script.is_file() {
        return Err(Failure::file(script, "RCML_CONTRACT: no such file"));
    }
    run_command(Command::new("python3").arg(script).arg(program.path()))
}
