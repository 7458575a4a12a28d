//! How a command ends when it does not succeed.

use std::io;
use std::path::Path;
use std::process::ExitCode;

pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

/// Why a command stopped.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Bad input or usage: exit code 2.
    Input(String),
    /// Failure at run time: exit code 1.
    Runtime(String),
    /// Bad input that has been printed already: exit code 2.
    Reported,
    /// Whoever reads our output has seen enough: no failure at all.
    BrokenPipe,
}

/// Lines of a message that are shown; a folder may hold thousands of mistakes.
const LINES: usize = 20;

impl Failure {
    pub(crate) fn input(message: impl Into<String>) -> Self {
        Self::Input(message.into())
    }

    pub(crate) fn new(is_input: bool, message: impl ToString) -> Self {
        if is_input { Self::Input(message.to_string()) } else { Self::Runtime(message.to_string()) }
    }

    /// A file that cannot be read or written; the user's mistake where it is not there.
    pub(crate) fn file(path: &Path, error: &io::Error) -> Self {
        Self::new(error.kind() == io::ErrorKind::NotFound, format!("{}: {error}", path.display()))
    }

    /// Tells the user and gives the exit code.
    pub(crate) fn report(self) -> ExitCode {
        let (code, message) = match self {
            Self::Input(message) => (2, message),
            Self::Runtime(message) => (1, message),
            Self::Reported => return ExitCode::from(2),
            Self::BrokenPipe => return ExitCode::SUCCESS,
        };
        // Not `eprintln`, which panics where nobody listens.
        let _ = io::Write::write_all(&mut io::stderr(), format!("error: {}\n", shorten(&message)).as_bytes());
        ExitCode::from(code)
    }
}

fn shorten(message: &str) -> String {
    let lines: Vec<&str> = message.trim_end().lines().collect();
    if lines.len() <= LINES {
        return lines.join("\n");
    }
    let more = lines.len() - LINES;
    format!(
        "{}\n... and {more} more; `rcml data check` lists everything that is wrong with a folder",
        lines[..LINES].join("\n")
    )
}

macro_rules! from_crate_error {
    ($($error:ty),*) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::new(error.is_input(), error)
            }
        }
    )*};
}

from_crate_error!(rcml_data::Error, rcml_eval::Error, rcml_model::Error, rcml_train::Error);

impl From<rcml_kernels::device::DeviceError> for Failure {
    fn from(error: rcml_kernels::device::DeviceError) -> Self {
        Self::Input(error.to_string())
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::Runtime(format!("cannot write JSON: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_messages_are_cut() {
        assert_eq!(shorten("one\ntwo\n"), "one\ntwo");
        let long: String = (0..25).map(|i| format!("line {i}\n")).collect();
        let short = shorten(&long);
        assert!(short.contains("line 19\n... and 5 more") && !short.contains("line 20"), "{short}");
    }

    #[test]
    fn the_kind_follows_the_error() {
        assert!(matches!(Failure::from(rcml_data::Error::input("x")), Failure::Input(_)));
        let missing = io::Error::from(io::ErrorKind::NotFound);
        assert!(matches!(Failure::file(Path::new("x"), &missing), Failure::Input(message) if message.contains('x')));
        let full = io::Error::from(io::ErrorKind::StorageFull);
        assert!(matches!(Failure::file(Path::new("x"), &full), Failure::Runtime(_)));
    }
}
