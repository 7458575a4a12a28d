//! What can go wrong while evaluating.

use std::path::{Path, PathBuf};

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of this crate. [`Error::is_input`] tells bad input (which the user can mend) from failure at run time.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Error(#[from] Box<ErrorKind>);

#[derive(Debug, thiserror::Error)]
pub(crate) enum ErrorKind {
    #[error(transparent)]
    Data(rcml_data::Error),
    #[error(transparent)]
    Model(rcml_model::Error),
    #[error("{0}")]
    Input(String),
    #[error("scorer `{scorer}`: {source}")]
    Scorer { scorer: String, source: Box<dyn std::error::Error + Send + Sync> },
    #[error(
        "scorer `{scorer}`, view {view}: returned {found} scores, expected {expected} ({queries} queries x {candidates} candidates)"
    )]
    Shape { scorer: String, view: String, found: usize, expected: usize, queries: usize, candidates: usize },
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("curve `{figure}`: {message}")]
    Draw { figure: String, message: String },
    #[error("cannot write JSON: {0}")]
    Json(serde_json::Error),
}

impl Error {
    /// Bad input: an argument or setting that cannot be used.
    pub fn input(message: impl Into<String>) -> Self {
        ErrorKind::Input(message.into()).into()
    }

    /// A scorer failed for a reason of its own.
    pub fn scorer(name: &str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        ErrorKind::Scorer { scorer: name.into(), source: source.into() }.into()
    }

    /// The file system refused.
    pub fn io(path: impl AsRef<Path>, source: std::io::Error) -> Self {
        ErrorKind::Io { path: path.as_ref().to_path_buf(), source }.into()
    }

    /// Whether the user's input is at fault, rather than the machine or a scorer.
    pub fn is_input(&self) -> bool {
        match &*self.0 {
            ErrorKind::Data(error) => error.is_input(),
            ErrorKind::Model(error) => error.is_input(),
            ErrorKind::Input(_) => true,
            ErrorKind::Io { source, .. } => source.kind() == std::io::ErrorKind::NotFound,
            _ => false,
        }
    }
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self(Box::new(kind))
    }
}

impl From<rcml_data::Error> for Error {
    fn from(error: rcml_data::Error) -> Self {
        ErrorKind::Data(error).into()
    }
}

impl From<rcml_model::Error> for Error {
    fn from(error: rcml_model::Error) -> Self {
        ErrorKind::Model(error).into()
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        ErrorKind::Json(error).into()
    }
}
