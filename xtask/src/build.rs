//! `cargo xtask build`.

use clap::Args;

use crate::backend::BackendArgs;
use crate::failure::Result;
use crate::program::Program;

#[derive(Args)]
#[command(after_help = "Examples:
  cargo xtask build                          # the program for the CPU
  cargo xtask build --device wgpu            # and for GPUs through Vulkan, Metal or DirectX
  cargo xtask build --device cuda            # and for NVIDIA GPUs; downloads a prebuilt LLVM once
  cargo xtask build --device cuda --nvrtc    # the same without LLVM")]
pub(crate) struct BuildArgs {
    #[command(flatten)]
    backend: BackendArgs,
}

pub(crate) fn run(args: &BuildArgs) -> Result<()> {
    let program = Program::build(&args.backend.features()?)?;
    println!("{}", program.path().display());
    Ok(())
}
