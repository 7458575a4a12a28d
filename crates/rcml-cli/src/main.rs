//! The `rcml` program: one match over its subcommands.

mod arguments;
mod array_file;
mod corpus;
mod data;
mod embed;
mod eval;
mod failure;
mod index;
mod output;
mod progress;
mod run;
mod search;
mod train;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Command, DataCommand, Rcml};

fn main() -> ExitCode {
    rcml_kernels::memory::keep_freed();
    let command = Rcml::parse().command;
    if let Command::Train(_) = command {
        // SAFETY: no thread has been started.
        #[allow(unsafe_code, reason = "Burn's default device is chosen by the environment")]
        unsafe {
            rcml_kernels::device::settle_default();
        }
    }
    let result = match command {
        Command::Data(DataCommand::Check(arguments)) => data::check::run(&arguments),
        Command::Data(DataCommand::Stats(arguments)) => data::stats::run(&arguments),
        Command::Data(DataCommand::Duplicates(arguments)) => data::duplicates::run(&arguments),
        Command::Data(DataCommand::Build(arguments)) => data::build::run(&arguments),
        Command::Data(DataCommand::Convert(arguments)) => data::convert::run(&arguments),
        Command::Data(DataCommand::Graph(arguments)) => data::graph::run(&arguments),
        Command::Data(DataCommand::Split(arguments)) => data::split::run(&arguments),
        Command::Train(arguments) => train::run(&arguments),
        Command::Eval(arguments) => eval::run(&arguments),
        Command::Embed(arguments) => embed::run(&arguments),
        Command::Index(arguments) => index::run(&arguments),
        Command::Search(arguments) => search::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
