//! The portable form: the same tiles of rows, made of Burn's own operations.

use std::ops::Range;

use burn::backend::{Backend, TensorMetadata, tensor::FloatTensor};
use burn::tensor::{FloatDType, Shape, TensorData};

use super::plan::{ABSENT, ContrastPlan, EMPTY};

/// Scores that one tile of rows has at most.
const MOST: usize = 1 << 22;

fn tiles(plan: &ContrastPlan) -> impl Iterator<Item = Range<usize>> {
    let [u, a, m] = plan.shape;
    let most = (MOST / (u * m).max(1)).max(1);
    let rows = plan.tile[0].min(most);
    (0..a).step_by(rows).map(move |start| start..(start + rows).min(a))
}

/// Some rows of every group.
fn rows<B: Backend>(tensor: &FloatTensor<B>, range: &Range<usize>) -> FloatTensor<B> {
    let index: Vec<i32> = range.clone().map(|row| row as i32).collect();
    let index = B::int_from_data(TensorData::new(index, [range.len()]), &tensor.device());
    B::float_select(tensor.clone(), 1, index)
}

/// Masked logits of a tile, `[U, C, M]`.
fn logits<B: Backend>(
    x: &FloatTensor<B>,
    y: &FloatTensor<B>,
    scale: &FloatTensor<B>,
    plan: &ContrastPlan,
    range: &Range<usize>,
) -> FloatTensor<B> {
    let [u, a, m] = plan.shape;
    let scores = B::float_matmul(rows::<B>(x, range), B::float_swap_dims(y.clone(), 1, 2));
    let scores = B::float_mul(scores, B::float_reshape(scale.clone(), Shape::from([1, 1, 1])));
    if plan.penalty.is_empty() && plan.excluded.count() == 0 {
        return scores;
    }
    let mut penalty = vec![0.0f32; u * range.len() * m];
    let numbers = (0..u).flat_map(|u| range.clone().map(move |row| u * a + row));
    for (at, row) in penalty.chunks_mut(m.max(1)).zip(numbers) {
        plan.mask(row, 0, at);
        // As large as a row's empty sum, so that the arithmetic of half precision and single holds.
        at.iter_mut().filter(|value| **value <= -ABSENT / 2.0).for_each(|value| *value = EMPTY);
    }
    let penalty = B::float_from_data(TensorData::new(penalty, [u, range.len(), m]), &x.device());
    B::float_add(scores, B::float_cast(penalty, FloatDType::from(x.dtype())))
}

/// The log-sum-exp `[U, A]` and the candidates' mean `[U, A, D]`.
pub(super) fn forward<B: Backend>(
    x: FloatTensor<B>,
    y: FloatTensor<B>,
    scale: FloatTensor<B>,
    plan: &ContrastPlan,
) -> (FloatTensor<B>, FloatTensor<B>) {
    let [u, a, _] = plan.shape;
    let (mut sums, mut means) = (vec![], vec![]);
    for range in tiles(plan) {
        let logits = logits::<B>(&x, &y, &scale, plan, &range);
        let max = B::float_max_dim(logits.clone(), 2);
        let weights = B::float_exp(B::float_sub(logits, max.clone()));
        let sum = B::float_sum_dim(weights.clone(), 2);
        means.push(B::float_matmul(B::float_div(weights, sum.clone()), y.clone()));
        sums.push(B::float_add(B::float_log(sum), max));
    }
    (B::float_reshape(B::float_cat(sums, 1), Shape::from([u, a])), B::float_cat(means, 1))
}

/// The gradient of the candidates.
pub(super) fn candidates<B: Backend>(
    x: &FloatTensor<B>,
    y: &FloatTensor<B>,
    scale: &FloatTensor<B>,
    plan: &ContrastPlan,
    lse: &FloatTensor<B>,
    grad: &FloatTensor<B>,
) -> FloatTensor<B> {
    let [u, a, _] = plan.shape;
    let column = |values: &FloatTensor<B>| B::float_reshape(values.clone(), Shape::from([u, a, 1]));
    let (lse, grad) = (column(lse), column(grad));
    let parts = tiles(plan).map(|range| {
        let logits = logits::<B>(x, y, scale, plan, &range);
        let weights = B::float_exp(B::float_sub(logits, rows::<B>(&lse, &range)));
        let weights = B::float_mul(weights, rows::<B>(&grad, &range));
        B::float_matmul(B::float_swap_dims(weights, 1, 2), rows::<B>(x, &range))
    });
    let sum = parts.reduce(|a, b| B::float_add(a, b));
    let sum = sum.unwrap_or_else(|| B::float_zeros(y.shape(), &y.device(), FloatDType::from(y.dtype())));
    B::float_mul(sum, B::float_reshape(scale.clone(), Shape::from([1, 1, 1])))
}
