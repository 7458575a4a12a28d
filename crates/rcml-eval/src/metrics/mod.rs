//! Metrics as pure functions on slices. No other part of this crate, and no other crate, is needed to use them.
//!
//! Ties are broken fairly: every number is the EXPECTED value over all orders of tied candidates, so a method that
//! gives everything one score gets exactly the chance level, and the order of the candidates never matters. NaN scores
//! rank last, tied with each other.

mod average;
mod chance;
mod gain;
mod rank;

pub use average::{MeanStd, macro_average, mean, mean_std, median, micro_average};
pub use chance::{expected_hit, expected_ndcg, expected_rank, expected_reciprocal};
pub use gain::{ndcg, recall};
pub use rank::Rank;
