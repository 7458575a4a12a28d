//! What can go wrong with a model.

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
    Encoders(#[from] rcml_encoders::Error),
    #[error("{}: {message}", path.display())]
    File { path: PathBuf, message: String },
    #[error("{0}")]
    Input(String),
    #[error("the device failed: {0}")]
    Device(String),
}

impl<E: Into<ErrorKind>> From<E> for Error {
    fn from(kind: E) -> Self {
        Self(Box::new(kind.into()))
    }
}

impl Error {
    /// Bad input that has no place in a file.
    pub fn input(message: impl Into<String>) -> Self {
        ErrorKind::Input(message.into()).into()
    }

    pub(crate) fn file(path: &Path, message: impl ToString) -> Self {
        ErrorKind::File { path: path.to_path_buf(), message: message.to_string() }.into()
    }

    /// The device did not hand values over.
    pub(crate) fn device(error: impl std::fmt::Debug) -> Self {
        ErrorKind::Device(format!("{error:?}")).into()
    }

    /// Whether the user's input is at fault, rather than the machine.
    pub fn is_input(&self) -> bool {
        match &*self.0 {
            ErrorKind::Data(error) => error.is_input(),
            ErrorKind::Device(_) => false,
            ErrorKind::Encoders(_) | ErrorKind::File { .. } | ErrorKind::Input(_) => true,
        }
    }
}
