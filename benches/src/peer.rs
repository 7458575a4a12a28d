//! Another program, measured in turn with ours.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

/// A Python script that answers each line of JSON with another: `{"error": ...}` where it could not do what was asked.
#[derive(Debug)]
pub struct Peer {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Peer {
    /// Starts `script`, a path relative to the folder of the benches: where cargo says that it is when it runs one, otherwise
    /// where it was when this was built.
    ///
    /// # Errors
    /// The Python that cannot be started.
    pub fn start<S: AsRef<OsStr>>(
        python: &Path,
        script: &str,
        arguments: impl IntoIterator<Item = S>,
    ) -> Result<Self, String> {
        let mut command = Command::new(python);
        let folder = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        command.arg(Path::new(&folder).join(script)).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("{}: {error}", python.display()))?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(requests), Some(answers)) => Ok(Self { child, requests, answers: BufReader::new(answers) }),
            _ => Err("no pipe to the peer".into()),
        }
    }

    /// Sends one request and waits for its answer.
    ///
    /// # Errors
    /// What the script said, or that it ended.
    pub fn ask(&mut self, request: &Value) -> Result<Value, String> {
        writeln!(self.requests, "{request}").and_then(|()| self.requests.flush()).map_err(|error| error.to_string())?;
        let mut line = String::new();
        self.answers.read_line(&mut line).map_err(|error| error.to_string())?;
        let answer: Value = serde_json::from_str(&line).map_err(|_| "the peer ended".to_string())?;
        match answer["error"].as_str() {
            Some(error) => Err(error.into()),
            None => Ok(answer),
        }
    }

    /// Sends one request and gives the list `seconds` of its answer.
    ///
    /// # Errors
    /// As [`ask`](Self::ask); an answer without such a list.
    pub fn seconds(&mut self, request: &Value) -> Result<Vec<f64>, String> {
        let answer = self.ask(request)?;
        let seconds = answer["seconds"].as_array().ok_or("no seconds in the answer")?;
        Ok(seconds.iter().filter_map(Value::as_f64).collect())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
