//! `cargo xtask reproduce`: builds the program of the experiments and calls it.

use std::ffi::OsString;

use clap::Args;

use crate::command::{cargo, run as run_command};
use crate::failure::Result;
use crate::program::target_folder;
use crate::weights;

#[derive(Args)]
#[command(disable_help_flag = true)]
pub(crate) struct ReproduceArgs {
    /// Arguments of the program: `cargo xtask reproduce --help` prints its own help
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    args: Vec<OsString>,
}

pub(crate) fn run(args: &ReproduceArgs) -> Result<()> {
    run_command(&mut cargo(["build", "--release", "--workspace", "--bin", "rcml", "--bin", "experiments"]))?;
    if let Some(encoders) = encoders(&args.args) {
        weights::fetch_if_missing(&encoders)?;
    }
    let program = target_folder()?.join(format!("experiments{}", std::env::consts::EXE_SUFFIX));
    run_command(std::process::Command::new(program).args(&args.args))
}

/// The pretrained encoders that a call needs; none where it only tells or writes.
fn encoders(args: &[OsString]) -> Option<String> {
    let words: Vec<String> = args.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let has = |name: &str| words.iter().any(|word| word == name);
    if ["--help", "-h", "--plan", "--report"].iter().any(|name| has(name)) {
        return None;
    }
    let named = words.iter().position(|word| word == "--encoders").and_then(|at| words.get(at + 1).cloned());
    let named = named.or_else(|| words.iter().find_map(|word| word.strip_prefix("--encoders=").map(String::from)));
    named.or_else(|| has("--quick").then(|| "minilm+efficientnet-lite0".to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoders_are_those_that_will_be_asked_for() {
        let of = |words: &[&str]| encoders(&words.iter().map(OsString::from).collect::<Vec<_>>());
        assert_eq!(of(&["--quick"]).as_deref(), Some("minilm+efficientnet-lite0"));
        assert_eq!(of(&["--quick", "--encoders", "scratch"]).as_deref(), Some("scratch"));
        assert_eq!(of(&["--encoders=minilm"]).as_deref(), Some("minilm"));
        assert_eq!((of(&[]), of(&["--quick", "--plan"])), (None, None));
    }
}
