//! What can go wrong in a run.

use std::path::{Path, PathBuf};

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of this crate. [`Error::is_input`] tells bad input from failure at run time.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Error(#[from] Box<ErrorKind>);

#[derive(Debug, thiserror::Error)]
pub(crate) enum ErrorKind {
    #[error(transparent)]
    Data(#[from] rcml_data::Error),
    #[error(transparent)]
    Model(#[from] rcml_model::Error),
    #[error(transparent)]
    Encoders(#[from] rcml_encoders::Error),
    #[error("{}: {message}", path.display())]
    File { path: PathBuf, message: String },
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{0}")]
    Input(String),
    #[error(
        "step {step}: {term} is {value}, so training stopped; the checkpoint before it is kept. \
         A lower optimizer.learning_rate or a higher objective.temperature.min usually helps"
    )]
    NotFinite { step: u64, term: String, value: f32 },
    #[error("the device failed: {0}")]
    Device(String),
}

impl<E: Into<ErrorKind>> From<E> for Error {
    fn from(kind: E) -> Self {
        Self(Box::new(kind.into()))
    }
}

impl Error {
    pub(crate) fn input(message: impl Into<String>) -> Self {
        ErrorKind::Input(message.into()).into()
    }

    pub(crate) fn file(path: &Path, message: impl ToString) -> Self {
        ErrorKind::File { path: path.to_path_buf(), message: message.to_string() }.into()
    }

    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        ErrorKind::Io { path: path.to_path_buf(), source }.into()
    }

    pub(crate) fn device(error: impl ToString) -> Self {
        ErrorKind::Device(error.to_string()).into()
    }

    /// Whether the user's input is at fault, rather than the machine or the training.
    pub fn is_input(&self) -> bool {
        match &*self.0 {
            ErrorKind::Data(error) => error.is_input(),
            ErrorKind::Model(error) => error.is_input(),
            ErrorKind::Encoders(_) | ErrorKind::File { .. } | ErrorKind::Input(_) => true,
            ErrorKind::Io { .. } | ErrorKind::NotFinite { .. } | ErrorKind::Device(_) => false,
        }
    }
}
