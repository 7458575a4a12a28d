//! Burn's CPU backend `flex`: tensors are slices already.

use burn::backend::ops::FloatTensorOps;
use burn::backend::{Flex, TensorMetadata};
use burn::tensor::{DType, TensorData};
use burn_flex::FlexTensor;

use super::native::Inputs;
use super::{PoolBackend, composed};
use crate::PairList;
use crate::cpu::{Algorithm, Needs, TokenView};

fn view(tokens: &FlexTensor) -> Option<TokenView<'_>> {
    match tokens.dtype() {
        DType::F32 => tokens.as_slice().map(TokenView::F32),
        DType::F16 => tokens.as_slice().map(TokenView::F16),
        DType::BF16 => tokens.as_slice().map(TokenView::Bf16),
        _ => None,
    }
}

fn tensor((values, shape): (Vec<f32>, Vec<usize>)) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}

/// Runs `f` on the inputs' values, or gives nothing for types that the kernels do not take.
fn with_inputs<T>(
    [tokens, queries]: [&FlexTensor; 2],
    bias: &FlexTensor,
    pairs: Option<&PairList>,
    algorithm: Algorithm,
    f: impl FnOnce(Inputs<'_>) -> T,
) -> Option<T> {
    if algorithm == Algorithm::Composed {
        return None;
    }
    let (dims, [r, h, _]) = (tokens.shape().dims::<3>(), queries.shape().dims::<3>());
    let bias = match super::given::<Flex>(bias.clone(), tokens) {
        Some(_) => Some(bias.as_slice::<f32>()?),
        None => None,
    };
    let (tokens, queries) = (view(tokens)?, queries.as_slice::<f32>()?);
    Some(f(Inputs { tokens, dims, bias, queries, relations: [r, h], pairs, algorithm }))
}

impl PoolBackend for Flex {
    fn pool_forward(
        tokens: FlexTensor,
        bias: FlexTensor,
        queries: FlexTensor,
        pairs: Option<PairList>,
        algorithm: Algorithm,
    ) -> (FlexTensor, FlexTensor) {
        let (tokens, queries) = (tokens.to_contiguous(), queries.to_contiguous());
        let bias = bias.to_contiguous();
        let run = |inputs: Inputs<'_>| inputs.forward().map(tensor);
        match with_inputs([&tokens, &queries], &bias, pairs.as_ref(), algorithm, run) {
            Some([pooled, stats]) => (pooled, stats),
            None => composed::forward::<Self>(tokens, bias, queries, pairs.as_ref()),
        }
    }

    fn pool_backward(
        tokens: FlexTensor,
        bias: FlexTensor,
        queries: FlexTensor,
        pairs: Option<PairList>,
        algorithm: Algorithm,
        pooled: FlexTensor,
        stats: FlexTensor,
        grad: FlexTensor,
        needs: Needs,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        let (tokens, queries) = (tokens.to_contiguous(), queries.to_contiguous());
        let bias = bias.to_contiguous();
        let saved = [pooled, stats, grad].map(|tensor| tensor.to_contiguous());
        let slices = [saved[0].as_slice::<f32>(), saved[1].as_slice::<f32>(), saved[2].as_slice::<f32>()];
        if let [Some(pooled), Some(stats), Some(grad)] = slices {
            let run = |inputs: Inputs<'_>| inputs.backward(pooled, stats, grad, needs).map(tensor);
            let native = with_inputs([&tokens, &queries], &bias, pairs.as_ref(), algorithm, run);
            if let Some([mut d_tokens, d_bias, d_queries]) = native {
                if needs.tokens && tokens.dtype() != DType::F32 {
                    d_tokens = Self::float_cast(d_tokens, tokens.dtype().into());
                }
                return (d_tokens, d_bias, d_queries);
            }
        }
        composed::backward::<Self>(tokens, bias, queries, pairs.as_ref(), saved, needs)
    }
}
