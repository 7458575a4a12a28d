//! `cargo xtask gpu`.

use clap::Args;

use crate::backend::BackendArgs;
use crate::bench::{self, PeerName, Shapes};
use crate::failure::{Failure, Result};
use crate::steps::Steps;
use crate::test::{self, TestArgs};

#[derive(Args)]
#[command(after_help = "Examples:
  cargo xtask gpu --device cuda --nvrtc --peer torch    # an NVIDIA GPU, beside PyTorch on it
  cargo xtask gpu --device wgpu --shapes quick          # any GPU, or a driver in software

Which drivers in software there are, and how one is named: docs/getting-started.md")]
pub(crate) struct GpuArgs {
    #[command(flatten)]
    backend: BackendArgs,
    /// Also measure this library, in turn with ours
    #[arg(long)]
    peer: Option<PeerName>,
    /// Which shapes: all, those that targets are set for, or a few small ones
    #[arg(long, value_enum, default_value_t = Shapes::Full)]
    shapes: Shapes,
}

/// Every test, with the numeric ones on the device; then the bench of relation attention.
pub(crate) fn run(args: &GpuArgs) -> Result<()> {
    if args.backend.features()?.is_empty() {
        return Err(Failure::input("--device: expected wgpu or cuda: `cargo xtask test` and `bench` do the rest"));
    }
    let mut steps = Steps::new(false);
    steps.run("tests", || test::run(&TestArgs { backend: args.backend.clone(), cargo: vec![] }));
    steps.run("bench", || bench::attention_on(&args.backend, args.peer, args.shapes));
    steps.finish()
}
