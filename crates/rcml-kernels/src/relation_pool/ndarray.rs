//! Burn's legacy CPU backend `ndarray`: the same kernels, on copies of the tensors' values.

use burn::backend::NdArray;

use super::native::Inputs;
use super::{PoolBackend, composed};
use crate::PairList;
use crate::cpu::{Algorithm, Needs, TokenView};
use crate::ndarray::{Values, read, tensor};

/// Runs `f` on the inputs' values, or gives nothing for types that the kernels do not take.
fn with_inputs<T>(
    [tokens, queries]: [&Values; 2],
    bias: &Values,
    pairs: Option<&PairList>,
    algorithm: Algorithm,
    f: impl FnOnce(Inputs<'_>) -> T,
) -> Option<T> {
    if algorithm == Algorithm::Composed {
        return None;
    }
    let bias = match super::given::<NdArray>(bias.clone(), tokens) {
        Some(bias) => Some(read(&bias)?),
        None => None,
    };
    let (tokens, queries) = (read(tokens)?, read(queries)?);
    let (dims, [r, h, _]) = (tokens.shape().dims::<3>(), queries.shape().dims::<3>());
    let bias = match &bias {
        Some(bias) => Some(bias.as_slice::<f32>().ok()?),
        None => None,
    };
    let (tokens, queries) = (TokenView::F32(tokens.as_slice().ok()?), queries.as_slice::<f32>().ok()?);
    Some(f(Inputs { tokens, dims, bias, queries, relations: [r, h], pairs, algorithm }))
}

impl PoolBackend for NdArray {
    fn pool_forward(
        tokens: Values,
        bias: Values,
        queries: Values,
        pairs: Option<PairList>,
        algorithm: Algorithm,
    ) -> (Values, Values) {
        let run = |inputs: Inputs<'_>| inputs.forward().map(tensor);
        match with_inputs([&tokens, &queries], &bias, pairs.as_ref(), algorithm, run) {
            Some([pooled, stats]) => (pooled, stats),
            None => composed::forward::<Self>(tokens, bias, queries, pairs.as_ref()),
        }
    }

    fn pool_backward(
        tokens: Values,
        bias: Values,
        queries: Values,
        pairs: Option<PairList>,
        algorithm: Algorithm,
        pooled: Values,
        stats: Values,
        grad: Values,
        needs: Needs,
    ) -> (Values, Values, Values) {
        let run = |inputs: Inputs<'_>| {
            let (pooled, stats, grad) = (read(&pooled)?, read(&stats)?, read(&grad)?);
            let slices = (pooled.as_slice::<f32>().ok()?, stats.as_slice::<f32>().ok()?, grad.as_slice::<f32>().ok()?);
            Some(inputs.backward(slices.0, slices.1, slices.2, needs).map(tensor))
        };
        match with_inputs([&tokens, &queries], &bias, pairs.as_ref(), algorithm, run).flatten() {
            Some([d_tokens, d_bias, d_queries]) => (d_tokens, d_bias, d_queries),
            None => composed::backward::<Self>(tokens, bias, queries, pairs.as_ref(), [pooled, stats, grad], needs),
        }
    }
}
