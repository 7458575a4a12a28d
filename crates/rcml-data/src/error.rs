//! What can be wrong with data, in words that let a user mend it.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::list_problems;

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// One thing wrong with one place of the input: file, line, what was found, what was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// File, as the user can open it.
    pub file: PathBuf,
    /// Line, counted from 1, where the file has lines.
    pub line: Option<usize>,
    /// What was found and what was expected.
    pub message: String,
}

impl Problem {
    /// A problem at a line of a file.
    pub fn at(file: impl AsRef<Path>, line: usize, message: impl Into<String>) -> Self {
        Self { file: file.as_ref().to_path_buf(), line: Some(line), message: message.into() }
    }

    /// A problem of a whole file.
    pub fn of(file: impl AsRef<Path>, message: impl Into<String>) -> Self {
        Self { file: file.as_ref().to_path_buf(), line: None, message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file.display(), self.message),
            None => write!(f, "{}: {}", self.file.display(), self.message),
        }
    }
}

/// An error of this crate. [`Error::is_input`] tells bad input (which the user can mend) from failure at run time.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Error(#[from] Box<ErrorKind>);

#[derive(Debug, thiserror::Error)]
pub(crate) enum ErrorKind {
    #[error("{}", list_problems(problems))]
    Problems { problems: Vec<Problem> },
    #[error("{}", undecodable(problems))]
    Pictures { problems: Vec<Problem> },
    #[error("{0}")]
    Input(String),
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
}

/// The way out comes first: the list may be long.
fn undecodable(problems: &[Problem]) -> String {
    let way = r#"with image.on_corrupt = "skip" (`--skip-corrupt`)"#;
    match problems {
        [one] => format!("{one}; {way} it counts as missing"),
        many => {
            format!("{} pictures cannot be decoded; {way} they count as missing:\n{}", many.len(), list_problems(many))
        }
    }
}

impl Error {
    /// Bad input in known places; at least one.
    pub fn problems(problems: Vec<Problem>) -> Self {
        Self(Box::new(ErrorKind::Problems { problems }))
    }

    /// Pictures that cannot be decoded; at least one.
    pub(crate) fn pictures(problems: Vec<Problem>) -> Self {
        Self(Box::new(ErrorKind::Pictures { problems }))
    }

    /// Bad input that has no place in a file (an argument, a setting).
    pub fn input(message: impl Into<String>) -> Self {
        Self(Box::new(ErrorKind::Input(message.into())))
    }

    /// The file system refused.
    pub fn io(path: impl AsRef<Path>, source: std::io::Error) -> Self {
        Self(Box::new(ErrorKind::Io { path: path.as_ref().to_path_buf(), source }))
    }

    /// Whether the user's input is at fault, rather than the machine.
    pub fn is_input(&self) -> bool {
        match &*self.0 {
            ErrorKind::Problems { .. } | ErrorKind::Pictures { .. } | ErrorKind::Input(_) => true,
            ErrorKind::Io { source, .. } => source.kind() == std::io::ErrorKind::NotFound,
        }
    }

    /// The problems, one per place, where the error has places.
    pub fn list(&self) -> &[Problem] {
        match &*self.0 {
            ErrorKind::Problems { problems } | ErrorKind::Pictures { problems } => problems,
            _ => &[],
        }
    }
}
