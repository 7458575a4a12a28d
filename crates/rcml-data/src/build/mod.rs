//! Builders of datasets in the neutral format.

#[cfg(feature = "emoji")]
mod emoji;
mod synthetic;

#[cfg(feature = "emoji")]
pub use emoji::{EmojiOptions, build_emoji};
pub use synthetic::{Factors, PlantedTruth, SyntheticCounts, SyntheticOptions, build_synthetic, planted_truth};
