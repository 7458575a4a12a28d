//! The backward passes, once for every backend.

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::{Autodiff, TensorMetadata, tensor::FloatTensor};

use super::{RowIds, RowsBackend};

#[derive(Debug)]
struct UnitBackward;

impl<B: RowsBackend> Backward<B, 1> for UnitBackward {
    type State = FloatTensor<B>;

    fn backward(self, ops: Ops<Self::State, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let [node] = ops.parents;
        let grad = gradients.consume::<B>(&ops.node);
        if let Some(node) = node {
            gradients.register::<B>(node.id, B::rows_unit_backward(ops.state, grad));
        }
    }
}

#[derive(Debug)]
struct LogSumExpBackward;

impl<B: RowsBackend> Backward<B, 1> for LogSumExpBackward {
    type State = (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>);

    fn backward(self, ops: Ops<Self::State, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let [node] = ops.parents;
        let grad = gradients.consume::<B>(&ops.node);
        let (logits, included, sums) = ops.state;
        if let Some(node) = node {
            gradients.register::<B>(node.id, B::rows_log_sum_exp_backward(logits, included, sums, grad));
        }
    }
}

#[derive(Debug)]
struct PickedBackward;

impl<B: RowsBackend> Backward<B, 1> for PickedBackward {
    type State = (RowIds, usize);

    fn backward(self, ops: Ops<Self::State, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let [node] = ops.parents;
        let grad = gradients.consume::<B>(&ops.node);
        let (ids, rows) = ops.state;
        if let Some(node) = node {
            gradients.register::<B>(node.id, B::rows_picked_backward(grad, ids, rows));
        }
    }
}

impl<B: RowsBackend, C: CheckpointStrategy> RowsBackend for Autodiff<B, C> {
    fn rows_unit(x: FloatTensor<Self>) -> FloatTensor<Self> {
        match UnitBackward.prepare::<C>([x.node()]).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => {
                let x = x.into_primitive();
                prepared.finish(x.clone(), B::rows_unit(x))
            }
            OpsKind::UnTracked(prepared) => prepared.finish(B::rows_unit(x.into_primitive())),
        }
    }

    fn rows_log_sum_exp(logits: FloatTensor<Self>, included: FloatTensor<Self>) -> FloatTensor<Self> {
        let prepared = LogSumExpBackward.prepare::<C>([logits.node()]).compute_bound().stateful();
        let (logits, included) = (logits.into_primitive(), included.into_primitive());
        match prepared {
            OpsKind::Tracked(prepared) => {
                let sums = B::rows_log_sum_exp(logits.clone(), included.clone());
                prepared.finish((logits, included, sums.clone()), sums)
            }
            OpsKind::UnTracked(prepared) => prepared.finish(B::rows_log_sum_exp(logits, included)),
        }
    }

    fn rows_picked(table: FloatTensor<Self>, ids: RowIds) -> FloatTensor<Self> {
        let prepared = PickedBackward.prepare::<C>([table.node()]).compute_bound().stateful();
        let table = table.into_primitive();
        match prepared {
            OpsKind::Tracked(prepared) => {
                let [rows, _] = table.shape().dims();
                prepared.finish((ids.clone(), rows), B::rows_picked(table, ids))
            }
            OpsKind::UnTracked(prepared) => prepared.finish(B::rows_picked(table, ids)),
        }
    }
}
