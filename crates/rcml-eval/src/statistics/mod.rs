//! Whether a difference between methods is more than luck: pure functions on the values of queries.

mod bootstrap;
mod effect;
mod holm;

pub use bootstrap::{Bootstrap, paired_bootstrap};
pub use effect::{Effect, effect};
pub use holm::holm;
