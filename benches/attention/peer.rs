//! PyTorch in a process of its own, asked line by line.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::clock::Clock;
use crate::shape::Shape;

/// The other side.
pub struct Peer {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
    pub version: String,
}

impl Peer {
    /// Starts it with as many threads as this side has.
    pub fn start(python: &Path, threads: usize, clock: Clock) -> Result<Self, String> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("attention/peer.py");
        let mut command = Command::new(python);
        command.arg(script).arg(threads.to_string()).arg(clock.name()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("{}: {error}", python.display()))?;
        let (Some(requests), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("no pipe to the peer".into());
        };
        let mut peer = Self { child, requests, answers: BufReader::new(answers), version: String::new() };
        let answer = peer.ask(&json!({"do": "version"}))?;
        peer.version = format!("PyTorch {}", answer["version"].as_str().unwrap_or("?"));
        Ok(peer)
    }

    /// Makes the inputs of a shape.
    pub fn prepare(&mut self, shape: &Shape) -> Result<(), String> {
        self.ask(&json!({"do": "prepare", "shape": [shape.n, shape.t, shape.d, shape.r, shape.h]})).map(|_| ())
    }

    /// Seconds of `count` runs.
    pub fn time(&mut self, name: &str, compiled: bool, backward: bool, count: usize) -> Result<Vec<f64>, String> {
        let request = json!({"do": "time", "name": name, "compiled": compiled, "backward": backward, "count": count});
        let answer = self.ask(&request)?;
        let seconds = answer["seconds"].as_array().ok_or("no seconds in the answer")?;
        Ok(seconds.iter().filter_map(Value::as_f64).collect())
    }

    fn ask(&mut self, request: &Value) -> Result<Value, String> {
        writeln!(self.requests, "{request}").and_then(|()| self.requests.flush()).map_err(|error| error.to_string())?;
        let mut line = String::new();
        self.answers.read_line(&mut line).map_err(|error| error.to_string())?;
        let answer: Value = serde_json::from_str(&line).map_err(|_| "the peer ended".to_string())?;
        match answer["error"].as_str() {
            Some(error) => Err(error.into()),
            None => Ok(answer),
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
