//! The backward passes, once for every backend.

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::{Autodiff, Backend, tensor::FloatTensor};

use super::FusedBackend;

#[derive(Debug)]
struct GeluBackward;

impl<B: FusedBackend> Backward<B, 1> for GeluBackward {
    type State = FloatTensor<B>;

    fn backward(self, ops: Ops<Self::State, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let [node] = ops.parents;
        let grad = gradients.consume::<B>(&ops.node);
        if let Some(node) = node {
            gradients.register::<B>(node.id, B::fused_gelu_backward(ops.state, grad));
        }
    }
}

#[derive(Debug)]
struct LayerNormBackward;

impl<B: FusedBackend> Backward<B, 3> for LayerNormBackward {
    type State = (FloatTensor<B>, FloatTensor<B>, f32);

    fn backward(self, ops: Ops<Self::State, 3>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let [x_node, gamma_node, beta_node] = ops.parents;
        let grad = gradients.consume::<B>(&ops.node);
        let (x, gamma, epsilon) = ops.state;
        let (d_x, d_gamma, d_beta) = B::fused_layer_norm_backward(x, gamma, grad, epsilon);
        for (node, gradient) in [(x_node, d_x), (gamma_node, d_gamma), (beta_node, d_beta)] {
            if let Some(node) = node {
                gradients.register::<B>(node.id, gradient);
            }
        }
    }
}

#[derive(Debug)]
struct AddBackward;

impl<B: Backend> Backward<B, 2> for AddBackward {
    type State = ();

    fn backward(self, ops: Ops<Self::State, 2>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let grad = gradients.consume::<B>(&ops.node);
        for node in ops.parents.into_iter().flatten() {
            gradients.register::<B>(node.id, grad.clone());
        }
    }
}

#[derive(Debug)]
struct PictureNormBackward;

impl<B: FusedBackend> Backward<B, 3> for PictureNormBackward {
    type State = (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>, f32);

    fn backward(self, ops: Ops<Self::State, 3>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let grad = gradients.consume::<B>(&ops.node);
        let (x, gamma, beta, epsilon) = ops.state;
        let (d_x, d_gamma, d_beta) = B::fused_picture_norm_backward(x, gamma, beta, grad, epsilon);
        for (node, gradient) in ops.parents.into_iter().zip([d_x, d_gamma, d_beta]) {
            if let Some(node) = node {
                gradients.register::<B>(node.id, gradient);
            }
        }
    }
}

impl<B: FusedBackend, C: CheckpointStrategy> FusedBackend for Autodiff<B, C> {
    fn fused_gelu(x: FloatTensor<Self>) -> FloatTensor<Self> {
        match GeluBackward.prepare::<C>([x.node()]).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => {
                let x = x.into_primitive();
                prepared.finish(x.clone(), B::fused_gelu(x))
            }
            OpsKind::UnTracked(prepared) => prepared.finish(B::fused_gelu(x.into_primitive())),
        }
    }

    fn fused_layer_norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f32,
    ) -> FloatTensor<Self> {
        match LayerNormBackward.prepare::<C>([x.node(), gamma.node(), beta.node()]).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => {
                let (x, gamma, beta) = (x.into_primitive(), gamma.into_primitive(), beta.into_primitive());
                let y = B::fused_layer_norm(x.clone(), gamma.clone(), beta, epsilon);
                prepared.finish((x, gamma, epsilon), y)
            }
            OpsKind::UnTracked(prepared) => {
                let (x, gamma, beta) = (x.into_primitive(), gamma.into_primitive(), beta.into_primitive());
                prepared.finish(B::fused_layer_norm(x, gamma, beta, epsilon))
            }
        }
    }

    fn fused_add_layer_norm(
        x: FloatTensor<Self>,
        y: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let added = AddBackward.prepare::<C>([x.node(), y.node()]).compute_bound().stateful();
        let (gamma_node, beta_node) = (gamma.node(), beta.node());
        let (x, y) = (x.into_primitive(), y.into_primitive());
        let (gamma, beta) = (gamma.into_primitive(), beta.into_primitive());
        let (sum, normal) = B::fused_add_layer_norm(x, y, gamma.clone(), beta, epsilon);
        // Two nodes that one pass has computed: the norm's parent is the sum, through which gradients reach x and y.
        let tracked_sum = match added {
            OpsKind::Tracked(prepared) => prepared.finish((), sum.clone()),
            OpsKind::UnTracked(prepared) => prepared.finish(sum.clone()),
        };
        let nodes = [tracked_sum.node(), gamma_node, beta_node];
        let normal = match LayerNormBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => prepared.finish((sum, gamma, epsilon), normal),
            OpsKind::UnTracked(prepared) => prepared.finish(normal),
        };
        (tracked_sum, normal)
    }

    fn fused_picture_norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f32,
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), gamma.node(), beta.node()];
        let (x, gamma, beta) = (x.into_primitive(), gamma.into_primitive(), beta.into_primitive());
        match PictureNormBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => {
                let y = B::fused_picture_norm(x.clone(), gamma.clone(), beta.clone(), epsilon);
                prepared.finish((x, gamma, beta, epsilon), y)
            }
            OpsKind::UnTracked(prepared) => prepared.finish(B::fused_picture_norm(x, gamma, beta, epsilon)),
        }
    }
}
