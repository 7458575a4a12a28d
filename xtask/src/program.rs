//! The `rcml` program: how it is built and called.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::backend::{KeptLock, feature_args};
use crate::command::{cargo, run};
use crate::failure::{Failure, Result};

/// The program that cargo built.
pub(crate) struct Program {
    path: PathBuf,
}

impl Program {
    /// Builds it with features of the crate `rcml-cli`.
    pub(crate) fn build(features: &[String]) -> Result<Self> {
        let _kept = KeptLock::for_build(features)?;
        run(cargo(["build", "--release", "--workspace", "--bin", "rcml"]).args(feature_args(features)))?;
        let program = Self { path: target_folder()?.join(format!("rcml{}", std::env::consts::EXE_SUFFIX)) };
        if program.path.is_file() {
            Ok(program)
        } else {
            Err(Failure::file(&program.path, "cargo did not put the program here"))
        }
    }

    /// A call of it.
    pub(crate) fn call<S: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(&self.path);
        command.args(args);
        command
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Where cargo puts programs: beside this one, wherever the target folder is.
pub(crate) fn target_folder() -> Result<PathBuf> {
    let own = std::env::current_exe().map_err(|error| Failure::new(format!("where is this program: {error}")))?;
    own.parent().map(PathBuf::from).ok_or_else(|| Failure::file(&own, "this program is in no folder"))
}
