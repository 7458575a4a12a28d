//! Results go to standard output, everything else to standard error.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::failure::{Failure, Result};

/// Prints a result. `rcml ... | head` closes the pipe early, which is no failure.
pub(crate) fn print(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    let text = text.trim_end_matches('\n');
    writeln!(out, "{text}").and_then(|()| out.flush()).map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::BrokenPipe,
        _ => Failure::Runtime(format!("standard output: {error}")),
    })
}

/// Prints a result for programs.
pub(crate) fn print_json(value: &impl Serialize) -> Result<()> {
    print(&serde_json::to_string_pretty(value)?)
}

/// Tells the user something that is no result.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Writes a file that a user named.
pub(crate) fn write_whole(path: &Path, fill: impl FnOnce(&Path) -> io::Result<()>) -> Result<()> {
    rcml_data::write_whole(path, fill).map_err(|error| Failure::Runtime(format!("{}: {error}", path.display())))
}

/// The path with something added to its file name.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(suffix);
    name.into()
}
