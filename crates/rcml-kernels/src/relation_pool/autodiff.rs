//! The backward pass, once for every backend.

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::{Autodiff, AutodiffBackend, tensor::FloatTensor};

use super::PoolBackend;
use crate::PairList;
use crate::cpu::{Algorithm, Needs};

/// What the forward pass leaves for the backward pass.
#[derive(Debug, Clone)]
struct Saved<B: PoolBackend> {
    tokens: FloatTensor<B>,
    bias: FloatTensor<B>,
    queries: FloatTensor<B>,
    pairs: Option<PairList>,
    algorithm: Algorithm,
    pooled: FloatTensor<B>,
    stats: FloatTensor<B>,
}

impl<B: PoolBackend> Saved<B> {
    fn backward(self, grad: FloatTensor<B>, needs: Needs) -> (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>) {
        let Self { tokens, bias, queries, pairs, algorithm, pooled, stats } = self;
        B::pool_backward(tokens, bias, queries, pairs, algorithm, pooled, stats, grad, needs)
    }
}

#[derive(Debug)]
struct PoolBackward;

impl<B: PoolBackend> Backward<B, 3> for PoolBackward {
    type State = Saved<B>;

    fn backward(self, ops: Ops<Self::State, 3>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let [tokens, bias, queries] = ops.parents;
        let grad = gradients.consume::<B>(&ops.node);
        let needs = Needs { tokens: tokens.is_some(), bias: bias.is_some(), queries: queries.is_some() };
        let (d_tokens, d_bias, d_queries) = ops.state.backward(grad, needs);
        for (node, gradient) in [(tokens, d_tokens), (bias, d_bias), (queries, d_queries)] {
            if let Some(node) = node {
                gradients.register::<B>(node.id, gradient);
            }
        }
    }
}

impl<B: PoolBackend, C: CheckpointStrategy> PoolBackend for Autodiff<B, C> {
    fn pool_forward(
        tokens: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        queries: FloatTensor<Self>,
        pairs: Option<PairList>,
        algorithm: Algorithm,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let nodes = [tokens.node(), bias.node(), queries.node()];
        let (tokens, bias, queries) = (tokens.into_primitive(), bias.into_primitive(), queries.into_primitive());
        let run = |pairs| B::pool_forward(tokens.clone(), bias.clone(), queries.clone(), pairs, algorithm);
        match PoolBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => {
                let (pooled, stats) = run(pairs.clone());
                let saved =
                    Saved { tokens, bias, queries, pairs, algorithm, pooled: pooled.clone(), stats: stats.clone() };
                (prepared.finish(saved, pooled), Self::from_inner(stats))
            }
            OpsKind::UnTracked(prepared) => {
                let (pooled, stats) = run(pairs);
                (prepared.finish(pooled), Self::from_inner(stats))
            }
        }
    }
}
