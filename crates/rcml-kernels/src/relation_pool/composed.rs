//! The portable forms, made of Burn's own operations.

use burn::backend::{Backend, TensorMetadata, tensor::FloatTensor, tensor::IntTensor};
use burn::tensor::{FloatDType, IndexingUpdateOp, Shape, TensorData};

use crate::PairList;
use crate::cpu::Needs;

/// The operation as batched products: B groups of Q queries over T tokens, with B = N items (all pairs) or B = M pairs.
struct Batch<B: Backend> {
    /// `[B, T, D]`.
    tokens: FloatTensor<B>,
    /// `[1, Q, D]` (shared) or `[B, Q, D]`.
    queries: FloatTensor<B>,
    /// `[B, 1, T]`.
    bias: Option<FloatTensor<B>>,
    /// For pairs: where the groups' items and relations are.
    index: Option<[IntTensor<B>; 2]>,
}

impl<B: Backend> Batch<B> {
    fn new(tokens: FloatTensor<B>, bias: FloatTensor<B>, queries: FloatTensor<B>, pairs: Option<&PairList>) -> Self {
        let bias = super::given::<B>(bias, &tokens);
        let ([n, t, d], [r, h, _]) = (tokens.shape().dims(), queries.shape().dims());
        let tokens = if tokens.dtype() == queries.dtype() {
            tokens
        } else {
            B::float_cast(tokens, FloatDType::from(queries.dtype()))
        };
        // A bias of minus infinity is one that differences can be taken from: an item whose tokens are all masked is pooled evenly.
        let bias = bias.map(|bias| B::float_clamp_min(bias, (-1e38).into()));
        let bias = bias.map(|bias| B::float_reshape(bias, Shape::from([n, 1, t])));
        let Some(pairs) = pairs else {
            return Self { tokens, queries: B::float_reshape(queries, Shape::from([1, r * h, d])), bias, index: None };
        };
        let device = tokens.device();
        let column = |values: Vec<i32>| B::int_from_data(TensorData::new(values, [pairs.len()]), &device);
        let items = column(pairs.pairs().iter().map(|(item, _)| *item as i32).collect());
        let relations = column(pairs.pairs().iter().map(|(_, relation)| *relation as i32).collect());
        Self {
            tokens: B::float_select(tokens, 0, items.clone()),
            queries: B::float_select(queries, 0, relations.clone()),
            bias: bias.map(|bias| B::float_select(bias, 0, items.clone())),
            index: Some([items, relations]),
        }
    }

    /// `[B, Q, T]`.
    fn logits(&self) -> FloatTensor<B> {
        let [b, t, d] = self.tokens.shape().dims();
        let [shared, q, _] = self.queries.shape().dims();
        let logits = if shared == 1 {
            // One product over all tokens of all items: [B T, D] x [D, Q].
            let flat = B::float_reshape(self.tokens.clone(), Shape::from([b * t, d]));
            let queries = B::float_reshape(self.queries.clone(), Shape::from([q, d]));
            let logits = B::float_matmul(flat, B::float_swap_dims(queries, 0, 1));
            B::float_swap_dims(B::float_reshape(logits, Shape::from([b, t, q])), 1, 2)
        } else {
            B::float_matmul(self.queries.clone(), B::float_swap_dims(self.tokens.clone(), 1, 2))
        };
        match &self.bias {
            Some(bias) => B::float_add(logits, bias.clone()),
            None => logits,
        }
    }
}

/// Nothing to pool, or nothing to pool it under.
fn is_empty<B: Backend>(tokens: &FloatTensor<B>, queries: &FloatTensor<B>, pairs: Option<&PairList>) -> bool {
    tokens.shape().num_elements() == 0 || queries.shape().num_elements() == 0 || pairs.is_some_and(PairList::is_empty)
}

fn zeros<B: Backend>(shape: &[usize], like: &FloatTensor<B>) -> FloatTensor<B> {
    B::float_zeros(Shape::from(shape.to_vec()), &like.device(), FloatDType::from(like.dtype()))
}

pub(super) fn forward<B: Backend>(
    tokens: FloatTensor<B>,
    bias: FloatTensor<B>,
    queries: FloatTensor<B>,
    pairs: Option<&PairList>,
) -> (FloatTensor<B>, FloatTensor<B>) {
    let ([n, _, d], [r, h, _]) = (tokens.shape().dims(), queries.shape().dims());
    let rows = pairs.map_or(vec![n, r, h], |pairs| vec![pairs.len(), h]);
    let (pooled_shape, stats_shape) = ([&rows[..], &[d]].concat(), [&rows[..], &[2]].concat());
    if is_empty::<B>(&tokens, &queries, pairs) {
        return (zeros::<B>(&pooled_shape, &queries), zeros::<B>(&stats_shape, &queries));
    }
    let batch = Batch::<B>::new(tokens, bias, queries, pairs);
    let logits = batch.logits();
    // The clamp keeps differences finite where every logit is infinite.
    let max = B::float_clamp_min(B::float_max_dim(logits.clone(), 2), f32::MIN.into());
    let weights = B::float_exp(B::float_sub(logits, max.clone()));
    let sum = B::float_sum_dim(weights.clone(), 2);
    let weights = B::float_div(weights, sum.clone());
    let pooled = B::float_reshape(B::float_matmul(weights, batch.tokens), Shape::from(pooled_shape));
    (pooled, B::float_reshape(B::float_cat(vec![max, sum], 2), Shape::from(stats_shape)))
}

/// `saved`: P, the statistics and dP.
pub(super) fn backward<B: Backend>(
    tokens: FloatTensor<B>,
    bias: FloatTensor<B>,
    queries: FloatTensor<B>,
    pairs: Option<&PairList>,
    [pooled, stats, grad]: [FloatTensor<B>; 3],
    needs: Needs,
) -> (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>) {
    let ([n, t, d], [r, h, _]) = (tokens.shape().dims(), queries.shape().dims());
    let (like_tokens, like_queries) = (tokens.clone(), queries.clone());
    let unneeded = || zeros::<B>(&[0], &like_queries);
    if is_empty::<B>(&tokens, &queries, pairs) {
        let zero = |needed: bool, shape: &[usize], like: &FloatTensor<B>| {
            if needed { zeros::<B>(shape, like) } else { unneeded() }
        };
        return (
            zero(needs.tokens, &[n, t, d], &like_tokens),
            zero(needs.bias, &[n, t], &like_queries),
            zero(needs.queries, &[r, h, d], &like_queries),
        );
    }
    let batch = Batch::<B>::new(tokens, bias, queries, pairs);
    let (b, q) = (batch.tokens.shape()[0], batch.queries.shape()[1]);
    let to_batch = |tensor, width| B::float_reshape(tensor, Shape::from([b, q, width]));
    let (pooled, stats, grad) = (to_batch(pooled, d), to_batch(stats, 2), to_batch(grad, d));
    let column = |i: i32| {
        let index = B::int_from_data(TensorData::new(vec![i], [1]), &like_queries.device());
        B::float_select(stats.clone(), 2, index)
    };
    let weights = B::float_div(B::float_exp(B::float_sub(batch.logits(), column(0))), column(1));
    let slopes = B::float_matmul(grad.clone(), B::float_swap_dims(batch.tokens.clone(), 1, 2));
    let correction = B::float_sum_dim(B::float_mul(grad.clone(), pooled), 2);
    let slopes = B::float_mul(weights.clone(), B::float_sub(slopes, correction));

    let d_bias = if needs.bias {
        let summed = B::float_reshape(B::float_sum_dim(slopes.clone(), 1), Shape::from([b, t]));
        match &batch.index {
            Some([items, _]) => add_rows::<B>(&[n, t], &like_queries, items, summed),
            None => summed,
        }
    } else {
        unneeded()
    };
    let d_tokens = if needs.tokens {
        let from_values = B::float_matmul(B::float_swap_dims(weights, 1, 2), grad);
        let from_keys = B::float_matmul(B::float_swap_dims(slopes.clone(), 1, 2), batch.queries.clone());
        let summed = B::float_add(from_values, from_keys);
        let summed = match &batch.index {
            Some([items, _]) => add_rows::<B>(&[n, t, d], &like_queries, items, summed),
            None => summed,
        };
        if like_tokens.dtype() == like_queries.dtype() {
            summed
        } else {
            B::float_cast(summed, FloatDType::from(like_tokens.dtype()))
        }
    } else {
        unneeded()
    };
    let d_queries = if needs.queries {
        match &batch.index {
            Some([_, relations]) => {
                add_rows::<B>(&[r, h, d], &like_queries, relations, B::float_matmul(slopes, batch.tokens))
            }
            // The sum over items is part of one product: [Q, B T] x [B T, D].
            None => {
                let slopes = B::float_reshape(B::float_swap_dims(slopes, 0, 1), Shape::from([q, b * t]));
                let flat = B::float_reshape(batch.tokens, Shape::from([b * t, d]));
                B::float_reshape(B::float_matmul(slopes, flat), Shape::from([r, h, d]))
            }
        }
    } else {
        unneeded()
    };
    (d_tokens, d_bias, d_queries)
}

/// Zeros of `shape` with `values` added at the rows `index`.
fn add_rows<B: Backend>(
    shape: &[usize],
    like: &FloatTensor<B>,
    index: &IntTensor<B>,
    values: FloatTensor<B>,
) -> FloatTensor<B> {
    B::float_select_assign(zeros::<B>(shape, like), 0, index.clone(), values, IndexingUpdateOp::Add)
}
