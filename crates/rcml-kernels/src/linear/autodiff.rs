//! The backward pass, once for every backend.

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::{Autodiff, AutodiffBackend, tensor::FloatTensor};

use super::{Activation, LinearBackend, LinearNeeds};

#[derive(Debug)]
struct LinearBackward;

impl<B: LinearBackend> Backward<B, 3> for LinearBackward {
    type State = (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>, Activation);

    fn backward(self, ops: Ops<Self::State, 3>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let [x_node, weight_node, bias_node] = ops.parents;
        let grad = gradients.consume::<B>(&ops.node);
        let (x, weight, kept, activation) = ops.state;
        let needs = LinearNeeds { x: x_node.is_some(), weight: weight_node.is_some() };
        let (d_x, d_weight, d_bias) = B::fused_linear_backward(x, weight, kept, grad, activation, needs);
        for (node, gradient) in [(x_node, d_x), (weight_node, d_weight), (bias_node, d_bias)] {
            if let Some(node) = node {
                gradients.register::<B>(node.id, gradient);
            }
        }
    }
}

impl<B: LinearBackend, C: CheckpointStrategy> LinearBackend for Autodiff<B, C> {
    fn fused_linear(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        activation: Activation,
        _: bool,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let nodes = [x.node(), weight.node(), bias.node()];
        let (x, weight, bias) = (x.into_primitive(), weight.into_primitive(), bias.into_primitive());
        match LinearBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => {
                let (y, kept) = B::fused_linear(x.clone(), weight.clone(), bias, activation, true);
                (prepared.finish((x, weight, kept.clone(), activation), y), Self::from_inner(kept))
            }
            OpsKind::UnTracked(prepared) => {
                let (y, kept) = B::fused_linear(x, weight, bias, activation, false);
                (prepared.finish(y), Self::from_inner(kept))
            }
        }
    }
}
