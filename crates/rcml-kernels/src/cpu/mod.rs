//! Relation pooling on slices, for processors.
//!
//! [`Problem`] pools every item under every query, [`Pairs`] a list of pairs; `item` does one item in one pass over its
//! tokens, `tile` and `product` hold the arithmetic, `plan` picks the algorithm that fits a shape.

mod all;
mod item;
pub(crate) mod pages;
mod pairs;
mod plan;
mod product;
mod slices;
mod softmax;
mod tile;
mod view;
mod widen;

pub(crate) use all::Problem;
pub(crate) use pairs::Pairs;
pub use plan::Algorithm;
pub use slices::{LengthError, pool_slices};
pub(crate) use softmax::Stats;
pub use view::{TokenView, quantize_tokens};

/// Which gradients are asked for: what is frozen costs nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// Of the tokens.
    pub tokens: bool,
    /// Of the log-bias.
    pub bias: bool,
    /// Of the queries.
    pub queries: bool,
}

/// The gradients that were asked for.
pub(crate) struct Gradients {
    /// `[N, T, D]`.
    pub(crate) tokens: Option<Vec<f32>>,
    /// `[N, T]`.
    pub(crate) bias: Option<Vec<f32>>,
    /// `[Q, D]`.
    pub(crate) queries: Option<Vec<f32>>,
}

impl Gradients {
    fn zeros([n, t, d]: [usize; 3], count: usize, needs: Needs) -> Self {
        Self {
            tokens: needs.tokens.then(|| pages::zeros(n * t * d)),
            bias: needs.bias.then(|| vec![0.0; n * t]),
            queries: needs.queries.then(|| vec![0.0; count * d]),
        }
    }
}
