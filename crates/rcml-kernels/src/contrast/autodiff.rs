//! The backward pass, once for every backend.

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::{Autodiff, AutodiffBackend, Backend, TensorMetadata, tensor::FloatTensor};
use burn::tensor::Shape;

use super::{ContrastBackend, ContrastPlan};
use crate::PairList;

/// What the forward pass leaves for the backward pass: O(B D), and logits up to a fixed number.
#[derive(Debug, Clone)]
struct Saved<B: Backend> {
    x: FloatTensor<B>,
    y: FloatTensor<B>,
    scale: FloatTensor<B>,
    plan: ContrastPlan,
    lse: FloatTensor<B>,
    mean: FloatTensor<B>,
    kept: FloatTensor<B>,
}

#[derive(Debug)]
struct ContrastBackward;

impl<B: ContrastBackend> Backward<B, 3> for ContrastBackward {
    type State = Saved<B>;

    /// d lse_i = sum_j p_ij d(scale <x_i, y_j>), and sum_j p_ij y_j was kept: anchors and scale cost no product.
    fn backward(self, ops: Ops<Self::State, 3>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let [x_node, y_node, scale_node] = ops.parents;
        let grad = gradients.consume::<B>(&ops.node);
        let Saved { x, y, scale, plan, lse, mean, kept } = ops.state;
        let shape @ [u, a, d] = x.shape().dims();
        let flat = |tensor: FloatTensor<B>| B::float_reshape(tensor, Shape::from([u * a, d]));
        let own = PairList::grouped((0..(u * a) as u32).map(|row| (row, row)).collect(), u * a, u * a);
        let (mean, rows) = (flat(mean), B::float_reshape(grad.clone(), Shape::from([u * a])));
        if let Some(node) = scale_node {
            let along = B::contrast_pairs(mean.clone(), flat(x.clone()), own.clone());
            let slope = B::float_sum(B::float_mul(along, rows.clone()));
            gradients.register::<B>(node.id, B::float_reshape(slope, scale.shape()));
        }
        if let Some(node) = x_node {
            let factors = B::float_mul(rows, B::float_reshape(scale.clone(), Shape::from([1])));
            let slope = B::contrast_sums(mean, factors, own);
            gradients.register::<B>(node.id, B::float_reshape(slope, Shape::from(shape)));
        }
        if let Some(node) = y_node {
            gradients.register::<B>(node.id, B::contrast_candidates(x, y, scale, plan, lse, grad, kept));
        }
    }
}

#[derive(Debug)]
struct PairsBackward;

impl<B: ContrastBackend> Backward<B, 2> for PairsBackward {
    type State = (FloatTensor<B>, FloatTensor<B>, PairList);

    fn backward(self, ops: Ops<Self::State, 2>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let [x_node, y_node] = ops.parents;
        let grad = gradients.consume::<B>(&ops.node);
        let (x, y, pairs) = ops.state;
        if let Some(node) = y_node {
            gradients.register::<B>(node.id, B::contrast_sums(x, grad.clone(), pairs.turned()));
        }
        if let Some(node) = x_node {
            gradients.register::<B>(node.id, B::contrast_sums(y, grad, pairs));
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
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let nodes = [x.node(), y.node(), scale.node()];
        let (x, y, scale) = (x.into_primitive(), y.into_primitive(), scale.into_primitive());
        match ContrastBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => {
                let (lse, mean, kept) = B::contrast_forward(x.clone(), y.clone(), scale.clone(), plan.clone(), true);
                let others = (Self::from_inner(mean.clone()), Self::from_inner(kept.clone()));
                let saved = Saved { x, y, scale, plan, lse: lse.clone(), mean, kept };
                (prepared.finish(saved, lse), others.0, others.1)
            }
            OpsKind::UnTracked(prepared) => {
                let (lse, mean, kept) = B::contrast_forward(x, y, scale, plan, wants_mean);
                (prepared.finish(lse), Self::from_inner(mean), Self::from_inner(kept))
            }
        }
    }

    fn contrast_pairs(x: FloatTensor<Self>, y: FloatTensor<Self>, pairs: PairList) -> FloatTensor<Self> {
        let nodes = [x.node(), y.node()];
        let (x, y) = (x.into_primitive(), y.into_primitive());
        match PairsBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => {
                let products = B::contrast_pairs(x.clone(), y.clone(), pairs.clone());
                prepared.finish((x, y, pairs), products)
            }
            OpsKind::UnTracked(prepared) => prepared.finish(B::contrast_pairs(x, y, pairs)),
        }
    }
}
