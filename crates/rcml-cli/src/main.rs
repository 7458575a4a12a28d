//! The `rcml` program: one match over its subcommands.

mod arguments;
mod array_file;
mod data;
mod embed;
mod eval;
mod failure;
mod output;
mod progress;
mod relation;
mod run;
mod search;
mod train;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Command, DataCommand, Rcml};

/// Training allocates and frees large tensors all the time; the system allocator gives their pages back to the kernel and
/// has them zeroed again on every step.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let result = match Rcml::parse().command {
        Command::Data(DataCommand::Check(arguments)) => data::check::run(&arguments),
        Command::Data(DataCommand::Stats(arguments)) => data::stats::run(&arguments),
        Command::Data(DataCommand::Build(arguments)) => data::build::run(&arguments),
        Command::Train(arguments) => train::run(&arguments),
        Command::Eval(arguments) => eval::run(&arguments),
        Command::Embed(arguments) => embed::run(&arguments),
        Command::Search(arguments) => search::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
