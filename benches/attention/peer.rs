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
    /// Starts it on its `device` with as many threads as this side has.
    pub fn start(python: &Path, threads: usize, clock: Clock, device: &str) -> Result<Self, String> {
        let mut peer = Peer::start(python, "attention/peer.py", [&threads.to_string(), clock.name(), device])?;
        let answer = peer.ask(&json!({"do": "version"}))?;
        let version = format!("PyTorch {}", answer["version"].as_str().unwrap_or("?"));
        Ok(Self { peer, version })
    }

    /// Makes the inputs of a shape.
    pub fn prepare(&mut self, shape: &Shape) -> Result<(), String> {
        let request = json!({"do": "prepare", "shape": [shape.n, shape.t, shape.d, shape.r, shape.h]});
        self.peer.ask(&request).map(|_| ())
    }

    /// Seconds of a run: the mean of `repeat` runs after which the device is waited for, and before which others for `warm` seconds
    /// do not count.
    pub fn time(
        &mut self,
        name: &str,
        compiled: bool,
        precision: &str,
        backward: bool,
        repeat: usize,
        warm: f64,
    ) -> Result<f64, String> {
        let how = json!({"name": name, "compiled": compiled, "precision": precision, "backward": backward});
        let mut request = json!({"do": "time", "repeat": repeat, "warm": warm});
        if let (Some(request), Some(how)) = (request.as_object_mut(), how.as_object()) {
            request.extend(how.clone());
        }
        self.peer.seconds(&request)?.first().copied().ok_or_else(|| "no seconds in the answer".into())
    }
}
