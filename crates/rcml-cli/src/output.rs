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

/// Refuses a file that could not be written, before the work whose result it is to hold.
pub(crate) fn check_file(option: &str, path: &Path) -> Result<()> {
    if path.is_dir() {
        return Err(Failure::input(format!("{option} {}: expected a file, found a folder", path.display())));
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    check_folder(option, parent)
}

/// The same of a folder, which need not be there yet.
pub(crate) fn check_folder(option: &str, folder: &Path) -> Result<()> {
    let there = folder.ancestors().find(|folder| folder.exists()).filter(|folder| !folder.as_os_str().is_empty());
    let there = there.unwrap_or_else(|| Path::new("."));
    if !there.is_dir() {
        return Err(Failure::input(format!("{option}: expected a folder, found the file {}", there.display())));
    }
    // Permissions are many things; to try is the one sure way to know.
    let trial = there.join(format!(".rcml-{}", std::process::id()));
    let written = std::fs::OpenOptions::new().write(true).create_new(true).open(&trial);
    written.map_err(|error| Failure::input(format!("{option}: {} cannot be written to: {error}", there.display())))?;
    let _ = std::fs::remove_file(&trial);
    Ok(())
}

/// The path with something added to its file name.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_written_is_refused_beforehand() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "x").unwrap();
        let message = |checked: Result<()>| match checked {
            Ok(()) => String::new(),
            Err(Failure::Input(message)) => message,
            Err(other) => format!("{other:?}"),
        };
        assert_eq!(message(check_file("--json", &folder.path().join("new/deep/out.json"))), "");
        assert_eq!(message(check_file("--json", &file)), "", "a file is replaced");
        assert_eq!(message(check_folder("--report", &folder.path().join("report"))), "");
        assert!(message(check_file("--json", folder.path())).contains("--json"));
        assert!(message(check_file("--json", &file.join("out.json"))).contains("found the file"));
        assert!(message(check_folder("--report", &file)).contains("found the file"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left behind");
    }
}
