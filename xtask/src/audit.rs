//! `cargo xtask audit`.

use clap::Args;

use crate::command::{cargo, run as run_command};
use crate::failure::{Failure, Result};

#[derive(Args)]
#[command(after_help = "Example: cargo xtask audit    # the rules are in deny.toml")]
pub(crate) struct AuditArgs {}

pub(crate) fn run(_: &AuditArgs) -> Result<()> {
    let found = cargo(["deny", "--version"]).output().is_ok_and(|output| output.status.success());
    if !found {
        return Err(Failure::new("cargo-deny is not installed; `cargo install cargo-deny --locked` installs it"));
    }
    run_command(&mut cargo(["deny", "--workspace", "--all-features", "check", "licenses", "bans", "sources"]))
}
