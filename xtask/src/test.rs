//! `cargo xtask test`.

use clap::Args;

use crate::backend::{BackendArgs, KeptLock, feature_args};
use crate::command::{cargo, run as run_command};
use crate::failure::Result;

#[derive(Args)]
#[command(after_help = "Examples:
  cargo xtask test
  cargo xtask test --device wgpu               # numeric tests on a GPU (docs/getting-started.md)
  cargo xtask test -- --package rcml-losses    # one crate; cargo may compile Burn again for it
  cargo xtask test -- -- folding               # tests with \"folding\" in their names")]
pub(crate) struct TestArgs {
    #[command(flatten)]
    pub(crate) backend: BackendArgs,
    /// Further arguments of `cargo test`
    #[arg(last = true, value_name = "ARGS")]
    pub(crate) cargo: Vec<String>,
}

pub(crate) fn run(args: &TestArgs) -> Result<()> {
    let features = args.backend.features()?;
    let _kept = KeptLock::for_build(&features)?;
    let mut test = cargo(["test", "--release", "--workspace", "--no-fail-fast"]);
    test.args(feature_args(&features));
    if !features.is_empty() {
        test.env("RCML_TEST_DEVICES", &args.backend.device);
    }
    run_command(test.args(&args.cargo))
}
