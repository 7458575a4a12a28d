//! The CPU forms: rayon over rows, vectorised within a row. Results do not depend on the number of threads.

use burn::backend::{Flex, TensorMetadata};
use burn_flex::FlexTensor;

use super::composed::{EXCLUDED, LEAST};
use super::{RowIds, RowsBackend, composed};
use crate::by_rows::{by_rows, filled, rows_of_a_task};
use crate::flex::{f32s, tensor};
use crate::lanes::{exp, max, sum};
use crate::simd::vectorized;

/// Values that one task handles at least: smaller tasks cost more to hand out than to do.
const GRAIN: usize = 16 * 1024;

impl RowsBackend for Flex {
    fn rows_unit(x: FlexTensor) -> FlexTensor {
        let source = x.to_contiguous();
        let Some(x) = f32s(&source) else { return composed::unit::<Self>(source) };
        let [rows, w] = source.shape().dims();
        let ([out], _) = by_rows(rows, rows_of_a_task(rows, w, GRAIN), [w], |first, [out]| {
            let x = &x[first * w..][..out.len()];
            let out = filled(out, 0.0);
            vectorized(
                #[inline(always)]
                || {
                    for (out, x) in out.chunks_exact_mut(w.max(1)).zip(x.chunks_exact(w.max(1))) {
                        let (scale, _) = scale(x);
                        out.iter_mut().zip(x).for_each(|(out, x)| *out = x * scale);
                    }
                },
            );
            ([out], ())
        });
        tensor(out, source.shape())
    }

    fn rows_unit_backward(x: FlexTensor, grad: FlexTensor) -> FlexTensor {
        let (source, grad) = (x.to_contiguous(), grad.to_contiguous());
        let (Some(x), Some(g)) = (f32s(&source), f32s(&grad)) else {
            return composed::unit_backward::<Self>(source, grad);
        };
        let [rows, w] = source.shape().dims();
        let ([out], _) = by_rows(rows, rows_of_a_task(rows, w, GRAIN), [w], |first, [out]| {
            let (x, g) = (&x[first * w..][..out.len()], &g[first * w..][..out.len()]);
            let out = filled(out, 0.0);
            vectorized(
                #[inline(always)]
                || {
                    let rows = out.chunks_exact_mut(w.max(1)).zip(x.chunks_exact(w.max(1)));
                    for ((out, x), g) in rows.zip(g.chunks_exact(w.max(1))) {
                        let (scale, varies) = scale(x);
                        let along = sum(
                            x.len().min(g.len()),
                            #[inline(always)]
                            |i| x[i] * g[i],
                        );
                        // Of y = scale x: <y, grad> y is scale^2 <x, grad> x.
                        let back = if varies { along * scale * scale } else { 0.0 };
                        for ((out, x), g) in out.iter_mut().zip(x).zip(g) {
                            *out = (g - x * back) * scale;
                        }
                    }
                },
            );
            ([out], ())
        });
        tensor(out, source.shape())
    }

    fn rows_log_sum_exp(logits: FlexTensor, included: FlexTensor) -> FlexTensor {
        let (source, included) = (logits.to_contiguous(), included.to_contiguous());
        let (Some(x), Some(inside)) = (f32s(&source), f32s(&included)) else {
            return composed::log_sum_exp::<Self>(source, included);
        };
        let [rows, c] = source.shape().dims();
        let ([out], _) = by_rows(rows, rows_of_a_task(rows, c, GRAIN), [1], |first, [out]| {
            let out = filled(out, 0.0);
            vectorized(
                #[inline(always)]
                || {
                    for (row, out) in out.iter_mut().enumerate() {
                        let (x, inside) = (&x[(first + row) * c..][..c], &inside[(first + row) * c..][..c]);
                        let largest = max(
                            c,
                            #[inline(always)]
                            |i| shifted(x[i], inside[i]),
                        );
                        let total = sum(
                            c,
                            #[inline(always)]
                            |i| exp(shifted(x[i], inside[i]) - largest),
                        );
                        *out = total.ln() + largest;
                    }
                },
            );
            ([out], ())
        });
        tensor(out, [rows, 1])
    }

    fn rows_log_sum_exp_backward(
        logits: FlexTensor,
        included: FlexTensor,
        sums: FlexTensor,
        grad: FlexTensor,
    ) -> FlexTensor {
        let [source, included, sums, grad] = [logits, included, sums, grad].map(|tensor| tensor.to_contiguous());
        let slices = (f32s(&source), f32s(&included), f32s(&sums), f32s(&grad));
        let (Some(x), Some(inside), Some(sum), Some(g)) = slices else {
            return composed::log_sum_exp_backward::<Self>(source, included, sums, grad);
        };
        let [rows, c] = source.shape().dims();
        let ([out], _) = by_rows(rows, rows_of_a_task(rows, c, GRAIN), [c], |first, [out]| {
            let part = first * c..first * c + out.len();
            let (x, inside) = (&x[part.clone()], &inside[part]);
            let out = filled(out, 0.0);
            vectorized(
                #[inline(always)]
                || {
                    let rows = out.chunks_exact_mut(c.max(1)).zip(x.chunks_exact(c.max(1)));
                    for (row, ((out, x), inside)) in rows.zip(inside.chunks_exact(c.max(1))).enumerate() {
                        let (sum, g) = (sum[first + row], g[first + row]);
                        for ((out, x), inside) in out.iter_mut().zip(x).zip(inside) {
                            *out = exp(shifted(*x, *inside) - sum) * inside * g;
                        }
                    }
                },
            );
            ([out], ())
        });
        tensor(out, source.shape())
    }

    fn rows_picked(table: FlexTensor, ids: RowIds) -> FlexTensor {
        let table = table.to_contiguous();
        let Some(values) = f32s(&table) else { return composed::picked::<Self>(table, &ids) };
        let [_, w] = table.shape().dims();
        let picked = ids.ids();
        let ([out], _) = by_rows(picked.len(), rows_of_a_task(picked.len(), w, GRAIN), [w], |first, [out]| {
            let out = filled(out, 0.0);
            for (out, id) in out.chunks_exact_mut(w.max(1)).zip(&picked[first..]) {
                out.copy_from_slice(&values[*id as usize * w..][..w]);
            }
            ([out], ())
        });
        tensor(out, [picked.len(), w])
    }

    fn rows_picked_backward(grad: FlexTensor, ids: RowIds, rows: usize) -> FlexTensor {
        let grad = grad.to_contiguous();
        let Some(g) = f32s(&grad) else { return composed::picked_backward::<Self>(grad, &ids, rows) };
        let [_, w] = grad.shape().dims();
        let (starts, places) = ids.places(rows);
        // A task owns rows of the table, so that none waits for another, and adds in the order of the places.
        let ([out], _) = by_rows(rows, rows_of_a_task(rows, w, GRAIN), [w], |first, [out]| {
            let out = filled(out, 0.0);
            vectorized(
                #[inline(always)]
                || {
                    for (row, out) in out.chunks_exact_mut(w.max(1)).enumerate() {
                        let (start, end) = (starts[first + row] as usize, starts[first + row + 1] as usize);
                        for place in &places[start..end] {
                            let g = &g[*place as usize * w..][..w];
                            out.iter_mut().zip(g).for_each(|(out, g)| *out += g);
                        }
                    }
                },
            );
            ([out], ())
        });
        tensor(out, [rows, w])
    }
}

/// A logit, moved out of the way where it takes no part.
#[inline(always)]
fn shifted(logit: f32, included: f32) -> f32 {
    (included - 1.0).mul_add(-EXCLUDED, logit)
}

/// 1 / sqrt(max(sum x^2, LEAST)), and whether that depends on x.
#[inline(always)]
fn scale(x: &[f32]) -> (f32, bool) {
    let squares = sum(
        x.len(),
        #[inline(always)]
        |i| x[i] * x[i],
    );
    // Not `f32::max`, which would make a length of what is no number.
    let varies = squares > LEAST || squares.is_nan();
    (1.0 / if varies { squares } else { LEAST }.sqrt(), varies)
}
