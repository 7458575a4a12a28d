//! The backward pass, once for every backend.

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::{Autodiff, AutodiffBackend, Backend, tensor::FloatTensor};

use super::{AttentionBackend, Heads};

/// What the forward pass leaves for the backward pass.
#[derive(Debug, Clone)]
struct Saved<B: Backend> {
    q: FloatTensor<B>,
    k: FloatTensor<B>,
    v: FloatTensor<B>,
    log_bias: FloatTensor<B>,
    weights: FloatTensor<B>,
    heads: Heads,
}

#[derive(Debug)]
struct AttentionBackward;

impl<B: AttentionBackend> Backward<B, 3> for AttentionBackward {
    type State = Saved<B>;

    fn backward(self, ops: Ops<Self::State, 3>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let [q_node, k_node, v_node] = ops.parents;
        let grad = gradients.consume::<B>(&ops.node);
        let Saved { q, k, v, log_bias, weights, heads } = ops.state;
        let (d_q, d_k, d_v) = B::fused_attention_backward(q, k, v, log_bias, weights, grad, heads);
        for (node, gradient) in [(q_node, d_q), (k_node, d_k), (v_node, d_v)] {
            if let Some(node) = node {
                gradients.register::<B>(node.id, gradient);
            }
        }
    }
}

impl<B: AttentionBackend, C: CheckpointStrategy> AttentionBackend for Autodiff<B, C> {
    fn fused_attention(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        log_bias: FloatTensor<Self>,
        heads: Heads,
        _: bool,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let nodes = [q.node(), k.node(), v.node()];
        let (q, k, v) = (q.into_primitive(), k.into_primitive(), v.into_primitive());
        let log_bias = log_bias.into_primitive();
        match AttentionBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => {
                let (out, weights) = B::fused_attention(q.clone(), k.clone(), v.clone(), log_bias.clone(), heads, true);
                let saved = Saved { q, k, v, log_bias, weights: weights.clone(), heads };
                (prepared.finish(saved, out), Self::from_inner(weights))
            }
            OpsKind::UnTracked(prepared) => {
                let (out, weights) = B::fused_attention(q, k, v, log_bias, heads, false);
                (prepared.finish(out), Self::from_inner(weights))
            }
        }
    }
}
