//! `cargo xtask test`.

use clap::Args;

use crate::command::{cargo, run as run_command};
use crate::failure::Result;

#[derive(Args)]
#[command(after_help = "Examples:
  cargo xtask test
  cargo xtask test -- --package rcml-losses    # one crate; cargo may compile Burn again for it
  cargo xtask test -- -- folding               # tests with \"folding\" in their names")]
pub(crate) struct TestArgs {
    /// Further arguments of `cargo test`
    #[arg(last = true, value_name = "ARGS")]
    cargo: Vec<String>,
}

pub(crate) fn run(args: &TestArgs) -> Result<()> {
    run_command(cargo(["test", "--release", "--workspace", "--no-fail-fast"]).args(&args.cargo))
}
