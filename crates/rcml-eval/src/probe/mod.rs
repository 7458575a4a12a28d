//! Probes: small classifiers on frozen vectors, for what can be read off an embedding.

mod lbfgs;
mod network;
mod platt;

pub use network::{Probe, ProbeConfig};
pub use platt::Platt;
