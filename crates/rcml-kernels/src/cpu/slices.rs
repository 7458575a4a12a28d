//! Relation pooling without tensors: for tokens that lie in a file or a cache.

use super::plan::Algorithm;
use super::softmax::Stats;
use super::{Problem, TokenView};

/// A slice whose length does not fit the shapes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: expected {expected} values, found {found}")]
pub struct LengthError {
    what: &'static str,
    expected: usize,
    found: usize,
}

impl LengthError {
    /// Fails unless a slice has the expected length.
    ///
    /// # Errors
    /// Names the slice and both lengths.
    pub fn check(what: &'static str, expected: usize, found: usize) -> Result<(), Self> {
        if expected == found { Ok(()) } else { Err(Self { what, expected, found }) }
    }
}

/// [`crate::relation_pool`] on slices: no copy of the tokens is made, and f16, bf16 and int8 are widened a block at a time.
///
/// # Shapes
/// - tokens: `[N, T, D]` = `dims`
/// - log-bias: `[N, T]`
/// - queries: `[Q, D]`, Q = relations times heads
/// - pooled: `[N, Q, D]`, overwritten
///
/// # Errors
/// A length that does not fit.
pub fn pool_slices(
    algorithm: Algorithm,
    tokens: TokenView<'_>,
    dims: [usize; 3],
    log_bias: Option<&[f32]>,
    queries: &[f32],
    pooled: &mut [f32],
) -> Result<(), LengthError> {
    let [n, t, d] = dims;
    let count = queries.len() / d.max(1);
    tokens.check(n * t, d)?;
    if let Some(bias) = log_bias {
        LengthError::check("log-bias", n * t, bias.len())?;
    }
    LengthError::check("queries", count * d, queries.len())?;
    LengthError::check("pooled", n * count * d, pooled.len())?;
    let mut stats = vec![Stats::EMPTY; n * count];
    Problem { tokens, dims, bias: log_bias, queries, count, algorithm }.forward_into(pooled, &mut stats);
    Ok(())
}
