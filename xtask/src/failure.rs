//! Why a command stopped.

use std::fmt;

/// The result of a command.
pub(crate) type Result<T> = std::result::Result<T, Failure>;

/// A message and an exit code: 1 for a failure at run time, 2 for bad input, 130 for Ctrl-C.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    code: u8,
}

impl Failure {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 1 }
    }

    pub(crate) fn input(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 2 }
    }

    pub(crate) fn interrupted() -> Self {
        Self { message: "interrupted".into(), code: 130 }
    }

    /// A file that could not be read or written.
    pub(crate) fn file(path: &std::path::Path, error: impl fmt::Display) -> Self {
        Self::new(format!("{}: {error}", path.display()))
    }

    pub(crate) fn code(&self) -> u8 {
        self.code
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
