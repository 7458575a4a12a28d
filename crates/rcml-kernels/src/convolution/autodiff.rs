//! The backward pass, once for every backend.

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::{Autodiff, tensor::FloatTensor};

use super::{ConvolutionBackend, Window};

#[derive(Debug)]
struct ConvolutionBackward;

impl<B: ConvolutionBackend> Backward<B, 3> for ConvolutionBackward {
    type State = (FloatTensor<B>, FloatTensor<B>, Window);

    fn backward(self, ops: Ops<Self::State, 3>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let [x_node, weight_node, bias_node] = ops.parents;
        let grad = gradients.consume::<B>(&ops.node);
        let (x, weight, window) = ops.state;
        let (d_x, d_weight, d_bias) = B::fused_convolution_backward(x, weight, grad, window, x_node.is_some());
        for (node, gradient) in [(x_node, d_x), (weight_node, d_weight), (bias_node, d_bias)] {
            if let Some(node) = node {
                gradients.register::<B>(node.id, gradient);
            }
        }
    }
}

impl<B: ConvolutionBackend, C: CheckpointStrategy> ConvolutionBackend for Autodiff<B, C> {
    fn fused_convolution(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        window: Window,
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), weight.node(), bias.node()];
        let (x, weight, bias) = (x.into_primitive(), weight.into_primitive(), bias.into_primitive());
        match ConvolutionBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => {
                let out = B::fused_convolution(x.clone(), weight.clone(), bias, window);
                prepared.finish((x, weight, window), out)
            }
            OpsKind::UnTracked(prepared) => prepared.finish(B::fused_convolution(x, weight, bias, window)),
        }
    }
}
