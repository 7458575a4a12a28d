//! What a bench was called with.

use std::fmt::Display;
use std::path::PathBuf;
use std::str::FromStr;

/// The command line of this process: `--name value`, and `--name` alone. What a bench does not know, such as the `--bench` that
/// cargo adds, it does not look at.
#[derive(Debug, Clone)]
pub struct Arguments(Vec<String>);

impl Arguments {
    /// Those of this process.
    pub fn of_this_process() -> Self {
        Self(std::env::args().skip(1).collect())
    }

    /// Whether a name is there.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|argument| argument == name)
    }

    /// What stands behind a name.
    pub fn value(&self, name: &str) -> Option<&str> {
        let at = self.0.iter().position(|argument| argument == name)?;
        self.0.get(at + 1).map(String::as_str)
    }

    /// The same as a path.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        self.value(name).map(PathBuf::from)
    }

    /// The same as a number; `default` where the name is not there.
    ///
    /// # Errors
    /// The name, and what stands behind it.
    pub fn number<T: FromStr>(&self, name: &str, default: T) -> Result<T, String> {
        match self.value(name) {
            Some(text) => text.parse().map_err(|_| format!("{name}: expected a number, found {text:?}")),
            None => Ok(default),
        }
    }

    /// The same as numbers with commas between them.
    ///
    /// # Errors
    /// The name, and what stands behind it.
    pub fn numbers<T: FromStr>(&self, name: &str, default: Vec<T>) -> Result<Vec<T>, String> {
        let Some(text) = self.value(name) else { return Ok(default) };
        let parsed: Option<Vec<T>> = text.split(',').map(|number| number.parse().ok()).collect();
        parsed.ok_or_else(|| format!("{name}: expected numbers with commas, found {text:?}"))
    }

    /// Writes a text to the file behind a name, if it is there.
    ///
    /// # Errors
    /// The file system's.
    pub fn write(&self, name: &str, text: &impl Display) -> Result<(), String> {
        let Some(path) = self.path(name) else { return Ok(()) };
        std::fs::write(&path, format!("{text}\n")).map_err(|error| format!("{}: {error}", path.display()))
    }
}
