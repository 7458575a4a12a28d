//! Other programs: cargo, and whatever it built.

use std::ffi::OsStr;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::failure::{Failure, Result};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Lets Ctrl-C reach the running program alone: it writes its checkpoint and ends, then the command stops.
pub(crate) fn watch_interrupts() -> Result<()> {
    ctrlc::set_handler(|| INTERRUPTED.store(true, Ordering::SeqCst)).map_err(|error| Failure::new(error.to_string()))
}

pub(crate) fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// The cargo that runs this, as if it were called from a shell: what `cargo run` says of this package would make build scripts
/// that ask for it (ring's) run again, and everything that depends on them compile again, each time the two take turns.
pub(crate) fn cargo<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (key, _) in std::env::vars_os() {
        if key.to_str().is_some_and(|key| key.starts_with("CARGO_PKG_") || key.starts_with("CARGO_MANIFEST_")) {
            command.env_remove(key);
        }
    }
    command.args(args);
    command
}

/// Prints a command, runs it to its end and expects success.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    println!("$ {}", line(command));
    let status = command.status().map_err(|error| Failure::new(format!("{}: {error}", line(command))))?;
    if interrupted() {
        return Err(Failure::interrupted());
    }
    if status.success() { Ok(()) } else { Err(Failure::new(format!("`{}` failed ({status})", line(command)))) }
}

/// A command as one would type it.
pub(crate) fn line(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program()).file_stem().unwrap_or_default();
    let environment = command.get_envs().filter_map(|(key, value)| Some((key, value?)));
    let mut words: Vec<String> =
        environment.map(|(key, value)| format!("{}={}", key.display(), quoted(value))).collect();
    words.push(program.display().to_string());
    words.extend(command.get_args().map(quoted));
    words.join(" ")
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    if word.is_empty() || word.contains(char::is_whitespace) { format!("{word:?}") } else { word.into_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_read_as_typed() {
        let mut command = Command::new("/opt/rust/bin/cargo");
        command.args(["test", "a b", ""]).env("RUSTDOCFLAGS", "-D warnings");
        assert_eq!(line(&command), "RUSTDOCFLAGS=\"-D warnings\" cargo test \"a b\" \"\"");
    }

    #[test]
    fn a_failing_command_is_named() {
        let failure = run(&mut cargo(["no-such-command"])).unwrap_err().to_string();
        assert!(failure.contains("cargo no-such-command"), "{failure}");
    }
}
