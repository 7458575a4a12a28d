//! The backward pass, once for every backend.

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::{Autodiff, AutodiffBackend, Backend, TensorMetadata, tensor::FloatTensor};
use burn::tensor::Shape;

use super::{ContrastBackend, ContrastPlan};

/// What the forward pass leaves for the backward pass: O(B D).
#[derive(Debug, Clone)]
struct Saved<B: Backend> {
    x: FloatTensor<B>,
    y: FloatTensor<B>,
    scale: FloatTensor<B>,
    plan: ContrastPlan,
    lse: FloatTensor<B>,
    mean: FloatTensor<B>,
}

#[derive(Debug)]
struct ContrastBackward;

impl<B: ContrastBackend> Backward<B, 3> for ContrastBackward {
    type State = Saved<B>;

    /// d lse_i = sum_j p_ij d(scale <x_i, y_j>), and sum_j p_ij y_j was kept: anchors and scale cost no product.
    fn backward(self, ops: Ops<Self::State, 3>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let [x_node, y_node, scale_node] = ops.parents;
        let grad = gradients.consume::<B>(&ops.node);
        let Saved { x, y, scale, plan, lse, mean } = ops.state;
        let [u, a] = lse.shape().dims();
        let weighed = B::float_mul(mean, B::float_reshape(grad.clone(), Shape::from([u, a, 1])));
        if let Some(node) = scale_node {
            let slope = B::float_sum(B::float_mul(weighed.clone(), x.clone()));
            gradients.register::<B>(node.id, B::float_reshape(slope, scale.shape()));
        }
        if let Some(node) = y_node {
            let slope = B::contrast_candidates(x.clone(), y, scale.clone(), plan, lse, grad);
            gradients.register::<B>(node.id, slope);
        }
        if let Some(node) = x_node {
            let slope = B::float_mul(weighed, B::float_reshape(scale, Shape::from([1, 1, 1])));
            gradients.register::<B>(node.id, slope);
        }
    }
}

impl<B: ContrastBackend, C: CheckpointStrategy> ContrastBackend for Autodiff<B, C> {
    fn contrast_forward(
        x: FloatTensor<Self>,
        y: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        plan: ContrastPlan,
        wants_mean: bool,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let nodes = [x.node(), y.node(), scale.node()];
        let (x, y, scale) = (x.into_primitive(), y.into_primitive(), scale.into_primitive());
        match ContrastBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => {
                let (lse, mean) = B::contrast_forward(x.clone(), y.clone(), scale.clone(), plan.clone(), true);
                let saved = Saved { x, y, scale, plan, lse: lse.clone(), mean: mean.clone() };
                (prepared.finish(saved, lse), Self::from_inner(mean))
            }
            OpsKind::UnTracked(prepared) => {
                let (lse, mean) = B::contrast_forward(x, y, scale, plan, wants_mean);
                (prepared.finish(lse), Self::from_inner(mean))
            }
        }
    }
}
