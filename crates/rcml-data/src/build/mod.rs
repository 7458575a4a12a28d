//! Builders of datasets in the neutral format.

#[cfg(feature = "emoji")]
mod emoji;

#[cfg(feature = "emoji")]
pub use emoji::{EmojiOptions, build_emoji};
