//! PyTorch's side.

use std::path::Path;

use rcml_benches::{Clock, Peer};
use serde_json::json;

use crate::shape::Shape;

/// PyTorch in a process of its own.
pub struct Torch {
    peer: Peer,
    pub version: String,
}

impl Torch {
    /// Starts it with as many threads as this side has.
    pub fn start(python: &Path, threads: usize, clock: Clock) -> Result<Self, String> {
        let mut peer = Peer::start(python, "attention/peer.py", [threads.to_string().as_str(), clock.name()])?;
        let answer = peer.ask(&json!({"do": "version"}))?;
        let version = format!("PyTorch {}", answer["version"].as_str().unwrap_or("?"));
        Ok(Self { peer, version })
    }

    /// Makes the inputs of a shape.
    pub fn prepare(&mut self, shape: &Shape) -> Result<(), String> {
        let request = json!({"do": "prepare", "shape": [shape.n, shape.t, shape.d, shape.r, shape.h]});
        self.peer.ask(&request).map(|_| ())
    }

    /// Seconds of `count` runs.
    pub fn time(&mut self, name: &str, compiled: bool, backward: bool, count: usize) -> Result<Vec<f64>, String> {
        let request = json!({"do": "time", "name": name, "compiled": compiled, "backward": backward, "count": count});
        self.peer.seconds(&request)
    }
}
