//! The `rcml` program: how it is called.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::failure::{Failure, Result};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Lets Ctrl-C reach the running programs alone: a training writes its checkpoint and ends, then the grid stops.
pub(crate) fn watch_interrupts() -> Result<()> {
    ctrlc::set_handler(|| INTERRUPTED.store(true, Ordering::SeqCst))
        .map_err(|error| Failure::Runtime(error.to_string()))
}

pub(crate) fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// The program that cargo built beside this one.
pub(crate) struct Program {
    path: PathBuf,
    /// Threads of each call.
    threads: usize,
}

impl Program {
    pub(crate) fn beside_this(threads: usize) -> Result<Self> {
        let own = std::env::current_exe().map_err(|error| Failure::Runtime(error.to_string()))?;
        let path = own.with_file_name(format!("rcml{}", std::env::consts::EXE_SUFFIX));
        if path.is_file() {
            Ok(Self { path, threads })
        } else {
            Err(Failure::file(&path, "there is no such program; `cargo xtask reproduce` builds it"))
        }
    }

    pub(crate) fn call<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(&self.path);
        command.args(args).env("RAYON_NUM_THREADS", self.threads.to_string());
        command
    }

    /// Runs a call to its end; what it says goes to a file, whose last lines tell why it failed.
    pub(crate) fn run(&self, command: &mut Command, log: Option<&Path>) -> Result<()> {
        if let Some(log) = log {
            let file = File::create(log).map_err(|error| Failure::file(log, error))?;
            let second = file.try_clone().map_err(|error| Failure::file(log, error))?;
            command.stdout(second).stderr(file);
        }
        let line: Vec<String> = command.get_args().map(|word| word.to_string_lossy().into_owned()).collect();
        let line = format!("rcml {}", line.join(" "));
        let status = command.status().map_err(|error| Failure::Runtime(format!("{line}: {error}")))?;
        if interrupted() {
            return Err(Failure::Runtime("interrupted; the same command continues".into()));
        }
        if status.success() {
            return Ok(());
        }
        let said = log.and_then(|log| std::fs::read_to_string(log).ok()).unwrap_or_default();
        let last: Vec<&str> = said.lines().rev().take(5).collect();
        let last: Vec<&str> = last.into_iter().rev().collect();
        Err(Failure::Runtime(format!("`{line}` failed ({status})\n{}", last.join("\n"))))
    }
}
