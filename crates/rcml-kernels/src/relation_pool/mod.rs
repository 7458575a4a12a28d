//! Pooling tokens under relations: one operation, an implementation for each kind of backend.

#![cfg_attr(
    feature = "ndarray",
    allow(deprecated, reason = "Burn calls ndarray legacy; it stays as a second implementation to test against")
)]

mod autodiff;
mod composed;
#[cfg(feature = "cube")]
mod cube;
mod flex;
mod native;
#[cfg(feature = "ndarray")]
mod ndarray;

use burn::backend::{Backend, Dispatch, TensorMetadata, backend_extension, tensor::FloatTensor};
use burn::tensor::Tensor;

use crate::PairList;
use crate::cpu::{Algorithm, Needs};

/// The extension of Burn's backends.
#[backend_extension(Flex, NdArray: cfg(feature = "ndarray"), Cube: cfg(feature = "cube"), Autodiff)]
pub trait PoolBackend: Backend {
    /// `bias` is `[N, T]`, or `[1, 1]` for none (the macro takes no optional tensors).
    ///
    /// P and the softmax's (maximum, sum): `[N, R, H, D]` and `[N, R, H, 2]`, or `[M, H, D]` and `[M, H, 2]` for M pairs.
    fn pool_forward(
        tokens: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        queries: FloatTensor<Self>,
        pairs: Option<PairList>,
        algorithm: Algorithm,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let _ = algorithm;
        composed::forward::<Self>(tokens, bias, queries, pairs.as_ref())
    }

    /// Gradients with respect to tokens, bias and queries; an empty tensor for one that is not needed.
    #[allow(clippy::too_many_arguments, reason = "what the forward pass was given and what it left")]
    fn pool_backward(
        tokens: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        queries: FloatTensor<Self>,
        pairs: Option<PairList>,
        algorithm: Algorithm,
        pooled: FloatTensor<Self>,
        stats: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        needs: Needs,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let _ = algorithm;
        composed::backward::<Self>(tokens, bias, queries, pairs.as_ref(), [pooled, stats, grad], needs)
    }
}

/// Pools an item's raw tokens once per relation and head:
///
/// ```text
/// S[n,r,h,t] = <x[n,t], u[r,h]> + b[n,t]      A = softmax over t      P[n,r,h,:] = sum_t A[n,r,h,t] x[n,t,:]
/// ```
///
/// With u = W_K^T W_Q h_r / sqrt(d) (the key projection folded into the query) and W_V applied to P, this equals
/// attention with W_K and W_V applied to every token, at 2 T D R H multiply-adds per item instead of 2 T D^2. Gradients
/// flow to tokens, bias and queries; the weights A are computed again for them, so that no `[N, R, T]` tensor is kept.
///
/// # Shapes
/// - tokens x: `[N, T, D]`, f32; as f16 or bf16 they are read as they are and summed in f32
/// - log-bias b: `[N, T]`, added to the logits of every relation (about -1e9 masks a token; an item whose tokens are all
///   masked is pooled evenly). Processors do not read on where [`crate::Tokens::PADDING`] or less stands behind an item's
///   last token
/// - folded queries u: `[R, H, D]`
/// - output P: `[N, R, H, D]`, the type of the queries
pub fn relation_pool(tokens: Tensor<3>, log_bias: Option<Tensor<2>>, queries: Tensor<3>) -> Tensor<4> {
    relation_pool_with(Algorithm::Auto, tokens, log_bias, queries)
}

/// [`relation_pool`] by a chosen algorithm.
///
/// # Shapes
/// As [`relation_pool`].
pub fn relation_pool_with(
    algorithm: Algorithm,
    tokens: Tensor<3>,
    log_bias: Option<Tensor<2>>,
    queries: Tensor<3>,
) -> Tensor<4> {
    Tensor::from_dispatch(pool(algorithm, tokens, log_bias, queries, None).0)
}

/// [`relation_pool`] by a chosen algorithm, with the log-sum-exp of the logits.
///
/// # Shapes
/// As [`relation_pool`]; the log-sum-exp is `[N, R, H]` and carries no gradient.
pub fn relation_pool_lse(
    algorithm: Algorithm,
    tokens: Tensor<3>,
    log_bias: Option<Tensor<2>>,
    queries: Tensor<3>,
) -> (Tensor<4>, Tensor<3>) {
    let ([n, _, _], [r, h, _]) = (tokens.dims(), queries.dims());
    let (pooled, stats) = pool(algorithm, tokens, log_bias, queries, None);
    (Tensor::from_dispatch(pooled), log_sum_exp(Tensor::<4>::from_dispatch(stats), [n, r, h]))
}

/// [`relation_pool`] for a list of pairs: row m pools the tokens of pair m's item under pair m's relation.
///
/// # Shapes
/// - output: `[M, H, D]`
///
/// # Panics
/// If `pairs` was made for other numbers of items and relations.
pub fn relation_pool_pairs(
    algorithm: Algorithm,
    tokens: Tensor<3>,
    log_bias: Option<Tensor<2>>,
    queries: Tensor<3>,
    pairs: &PairList,
) -> Tensor<3> {
    let ([n, _, _], [r, _, _]) = (tokens.dims(), queries.dims());
    assert_eq!((n, r), pairs.bounds(), "pairs were made for other numbers of items and relations");
    Tensor::from_dispatch(pool(algorithm, tokens, log_bias, queries, Some(pairs.clone())).0)
}

fn pool(
    algorithm: Algorithm,
    tokens: Tensor<3>,
    log_bias: Option<Tensor<2>>,
    queries: Tensor<3>,
    pairs: Option<PairList>,
) -> (FloatTensor<Dispatch>, FloatTensor<Dispatch>) {
    let [n, t, d] = tokens.dims();
    let [_, _, width] = queries.dims();
    assert_eq!(width, d, "queries and tokens differ in width");
    let log_bias = log_bias.map(|bias| match bias.dims() {
        [1, _] if n != 1 => bias.repeat_dim(0, n),
        _ => bias,
    });
    if let Some(bias) = &log_bias {
        assert_eq!(bias.dims(), [n, t], "log-bias is not [N, T]");
    }
    let bias = log_bias.unwrap_or_else(|| Tensor::zeros([1, 1], &queries.device().inner()));
    Dispatch::pool_forward(tokens.into_dispatch(), bias.into_dispatch(), queries.into_dispatch(), pairs, algorithm)
}

/// The bias, unless it stands for none.
fn given<B: Backend>(bias: FloatTensor<B>, tokens: &FloatTensor<B>) -> Option<FloatTensor<B>> {
    let [n, t, _] = tokens.shape().dims();
    (bias.shape().dims() == [n, t]).then_some(bias)
}

/// max + ln(sum) of the statistics, whose last dimension holds both.
fn log_sum_exp<const D: usize, const ROWS: usize>(stats: Tensor<D>, rows: [usize; ROWS]) -> Tensor<ROWS> {
    // Burn reads a 0 in a new shape as "as before".
    if rows.contains(&0) {
        return Tensor::zeros(rows, &stats.device());
    }
    (stats.clone().narrow(D - 1, 0, 1) + stats.narrow(D - 1, 1, 1).log()).reshape(rows)
}
