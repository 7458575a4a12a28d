//! Why something was not done.

use std::fmt;
use std::path::Path;

/// Bad input ends the program with 2, everything else with 1.
#[derive(Debug)]
pub(crate) enum Failure {
    Input(String),
    Runtime(String),
}

pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

impl Failure {
    pub(crate) fn file(path: &Path, error: impl fmt::Display) -> Self {
        Self::Runtime(format!("{}: {error}", path.display()))
    }

    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Input(_) => 2,
            Self::Runtime(_) => 1,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Input(message) | Self::Runtime(message)) = self;
        f.write_str(message)
    }
}

/// Errors of the crates that know whether the input was bad.
macro_rules! from_error {
    ($($error:ty),*) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                if error.is_input() { Self::Input(error.to_string()) } else { Self::Runtime(error.to_string()) }
            }
        }
    )*};
}

from_error!(rcml_data::Error, rcml_eval::Error, rcml_model::Error, rcml_train::Error);

impl From<rcml_kernels::device::DeviceError> for Failure {
    fn from(error: rcml_kernels::device::DeviceError) -> Self {
        Self::Input(error.to_string())
    }
}
