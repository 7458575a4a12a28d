//! The objective kernel: four sockets that nearly every contrastive loss is a composition of.
//!
//! ```text
//! loss = Divergence( Targets, Scorer(X, Y) over Candidates / tau )
//! ```

mod candidates;
mod contest;
mod distribution;
mod divergence;
mod evaluation;
mod log_sum;
mod scorer;
mod several;
mod streamed;
mod targets;

use std::ops::Range;

use burn::tensor::{Element, Tensor, TensorData};

pub use candidates::Candidates;
pub use contest::{Contest, Logits};
pub use distribution::Distribution;
pub use divergence::{
    Block, CrossEntropy, Denominators, Divergence, HardNegatives, Hinge, HingeOver, Kl, LogSum, Ranking, ReverseKl,
    Separate, Sigmoid,
};
pub use evaluation::Evaluation;
pub(crate) use evaluation::{MOST_AT_ONCE, by_rows};
pub use log_sum::log_sum_exp;
pub(crate) use log_sum::log_sum_of;
pub use scorer::{Bilinear, Cosine, MaxSim, OwnPartner, Scorer};
pub use several::{Volume, tuples};
pub use targets::{Matching, Positives, Targets};

/// A constant on the device and of the type of another tensor.
pub(crate) fn constant<E: Element, const D: usize, const L: usize>(
    values: Vec<E>,
    shape: [usize; D],
    like: &Tensor<L>,
) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values, shape), (&like.device(), like.dtype()))
}

/// Some rows of every group.
pub(crate) fn anchor_rows(anchors: &Tensor<3>, rows: &Range<usize>) -> Tensor<3> {
    if rows.len() == anchors.dims()[1] { anchors.clone() } else { anchors.clone().narrow(1, rows.start, rows.len()) }
}
