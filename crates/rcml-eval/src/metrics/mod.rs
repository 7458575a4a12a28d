//! Metrics as pure functions on slices. No other part of this crate, and no other crate, is needed to use them.
//!
//! Rankings break ties fairly: every number is the EXPECTED value over all orders of tied candidates, so a method that
//! gives everything one score gets exactly the chance level, and the order of the candidates never matters. NaN scores
//! rank last, tied with each other. Classifiers ([`auroc`], [`brier`], ...) refuse NaN scores with a [`MetricError`]. Sets of
//! vectors are measured in [`geometry`], a block at a time.

mod average;
mod average_precision;
mod binary;
mod calibration;
mod chance;
mod error;
mod gain;
pub mod geometry;
mod multiclass;
mod placement;
mod rank;

pub use average::{MeanStd, macro_average, mean, mean_std, median, micro_average};
pub use average_precision::{average_precision, expected_average_precision};
pub use binary::{auprc, auroc, binary_accuracy};
pub use calibration::{brier, expected_calibration_error};
pub use chance::{expected_hit, expected_macro_f1, expected_ndcg, expected_rank, expected_reciprocal};
pub use error::MetricError;
pub use gain::{ndcg, recall};
pub use multiclass::Confusion;
pub use placement::Placement;
pub(crate) use placement::PlacementCount;
pub use rank::Rank;
