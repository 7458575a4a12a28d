//! The portable forms, made of Burn's own operations.

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, TensorMetadata};
use burn::tensor::{DType, IndexingUpdateOp, Shape, TensorData};

use super::RowIds;

/// The least sum of squares that a row is divided by the root of.
pub(super) const LEAST: f32 = 1e-12;
/// Added to the logit of a column that takes no part; finite, so that a row without any column stays finite too.
pub(super) const EXCLUDED: f32 = -1.0e9;

/// 1 / sqrt(max(sum x^2, LEAST)), and 1 where the sum is larger, `[M, 1]` both.
fn scales<B: Backend>(x: FloatTensor<B>) -> (FloatTensor<B>, FloatTensor<B>) {
    let squares = B::float_sum_dim(B::float_mul(x.clone(), x), 1);
    let scale = B::float_recip(B::float_sqrt(B::float_clamp_min(squares.clone(), LEAST.into())));
    // 1 for a row whose scale depends on it, and 0 for one that is divided by the constant.
    let excess = B::float_clamp_min(B::float_add_scalar(squares, (-LEAST).into()), 0f32.into());
    (scale, B::float_sign(excess))
}

pub(super) fn unit<B: Backend>(x: FloatTensor<B>) -> FloatTensor<B> {
    let (scale, _) = scales::<B>(x.clone());
    B::float_mul(x, scale)
}

/// scale (grad - y <y, grad>), without the second term where the scale is a constant.
pub(super) fn unit_backward<B: Backend>(x: FloatTensor<B>, grad: FloatTensor<B>) -> FloatTensor<B> {
    let (scale, varies) = scales::<B>(x.clone());
    let y = B::float_mul(x, scale.clone());
    let along = B::float_mul(B::float_sum_dim(B::float_mul(y.clone(), grad.clone()), 1), varies);
    B::float_mul(B::float_sub(grad, B::float_mul(y, along)), scale)
}

/// The logits with what takes no part moved out of the way.
fn shifted<B: Backend>(logits: FloatTensor<B>, included: FloatTensor<B>) -> FloatTensor<B> {
    B::float_add(logits, B::float_mul_scalar(B::float_add_scalar(included, (-1f32).into()), (-EXCLUDED).into()))
}

pub(super) fn log_sum_exp<B: Backend>(logits: FloatTensor<B>, included: FloatTensor<B>) -> FloatTensor<B> {
    let logits = shifted::<B>(logits, included);
    let max = B::float_max_dim(logits.clone(), 1);
    let sums = B::float_sum_dim(B::float_exp(B::float_sub(logits, max.clone())), 1);
    B::float_add(B::float_log(sums), max)
}

pub(super) fn log_sum_exp_backward<B: Backend>(
    logits: FloatTensor<B>,
    included: FloatTensor<B>,
    sums: FloatTensor<B>,
    grad: FloatTensor<B>,
) -> FloatTensor<B> {
    // Where no column takes part, those that were moved out of the way are all that is left: nothing goes through them.
    let softmax = B::float_exp(B::float_sub(shifted::<B>(logits, included.clone()), sums));
    B::float_mul(B::float_mul(softmax, included), grad)
}

/// The ids as a tensor beside another.
fn index<B: Backend>(ids: &RowIds, beside: &FloatTensor<B>) -> IntTensor<B> {
    let ids: Vec<i32> = ids.ids().iter().map(|id| *id as i32).collect();
    let count = ids.len();
    B::int_from_data(TensorData::new(ids, [count]), &beside.device())
}

pub(super) fn picked<B: Backend>(table: FloatTensor<B>, ids: &RowIds) -> FloatTensor<B> {
    let index = index::<B>(ids, &table);
    B::float_select(table, 0, index)
}

pub(super) fn picked_backward<B: Backend>(grad: FloatTensor<B>, ids: &RowIds, rows: usize) -> FloatTensor<B> {
    let [_, width] = grad.shape().dims();
    let dtype: DType = grad.dtype();
    let nothing = B::float_zeros(Shape::from([rows, width]), &grad.device(), dtype.into());
    let index = index::<B>(ids, &grad);
    B::float_select_assign(nothing, 0, index, grad, IndexingUpdateOp::Add)
}
