//! Project commands. `cargo xtask --help` lists them; each has its own `--help` with an example.
//!
//! Everything that compiles Burn is called with `--release --workspace`: another profile or another choice of packages
//! has other features, and then Burn's CPU backend is compiled again, which takes minutes
//! (docs/decisions/0001-one-build-profile.md).

mod audit;
mod backend;
mod bench;
mod build;
mod ci;
mod command;
mod data;
mod failure;
mod fuzz;
mod gpu;
mod package;
mod parity;
mod peer;
mod plan;
mod program;
mod readme;
mod reproduce;
mod smoke;
mod software;
mod steps;
mod test;
mod train;
mod weights;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use failure::{Failure, Result};

/// Project commands of RCML.
#[derive(Parser)]
#[command(name = "xtask", bin_name = "cargo xtask", after_help = "Example: cargo xtask train")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build the program and the data, train, and show results on held-out items
    Train(train::TrainArgs),
    /// Build the program for a kind of device
    Build(build::BuildArgs),
    /// Build a data set under datasets/NAME/built
    Data(data::DataArgs),
    /// Fetch the weights of a pretrained encoder into weights/NAME
    Weights(weights::WeightsArgs),
    /// Compare pretrained encoders with their originals in Python
    Parity(parity::ParityArgs),
    /// Train and evaluate every method and ablation, several seeds each, and write the tables
    Reproduce(reproduce::ReproduceArgs),
    /// Run all tests on the default features
    Test(test::TestArgs),
    /// Measure what something costs, and print one table
    Bench(bench::BenchArgs),
    /// Run all tests and the bench of relation attention on a GPU
    Gpu(gpu::GpuArgs),
    /// Run every check that a change must pass, cheapest first
    Ci(ci::CiArgs),
    /// Give the readers of files random input, with cargo-fuzz
    Fuzz(fuzz::FuzzArgs),
    /// Check licences, bans and sources of all dependencies with cargo-deny
    Audit(audit::AuditArgs),
    /// Check that every crate can be published, and that one can be used alone
    Package(package::PackageArgs),
}

fn main() -> ExitCode {
    // Paths of the command line are relative to where the user is; they are made absolute while parsing.
    let cli = Cli::parse();
    let result = std::env::set_current_dir(root())
        .map_err(|error| Failure::new(format!("{}: {error}", root().display())))
        .and_then(|()| command::watch_interrupts())
        .and_then(|()| run(cli.command));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::from(failure.code())
        }
    }
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::Train(args) => train::run(args),
        Command::Build(args) => build::run(&args),
        Command::Data(args) => data::run(&args),
        Command::Weights(args) => weights::run(&args),
        Command::Parity(args) => parity::run(&args),
        Command::Reproduce(args) => reproduce::run(&args),
        Command::Test(args) => test::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Gpu(args) => gpu::run(&args),
        Command::Ci(args) => ci::run(&args),
        Command::Fuzz(args) => fuzz::run(&args),
        Command::Audit(args) => audit::run(&args),
        Command::Package(args) => package::run(&args),
    }
}

/// The workspace's folder.
fn root() -> PathBuf {
    let xtask = std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    xtask.parent().map_or_else(|| xtask.clone(), PathBuf::from)
}
