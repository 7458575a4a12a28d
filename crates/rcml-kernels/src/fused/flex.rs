//! The CPU forms: rayon over rows, vectorised within a row. Results do not depend on the number of threads.

use burn::backend::ops::{ActivationOps, FloatTensorOps};
use burn::backend::{Flex, TensorMetadata};
use burn_flex::FlexTensor;

use super::{FusedBackend, composed, picture};
use crate::by_rows::{by_rows, filled, rows_of_a_task, written};
use crate::flex::{f32s, tensor};
use crate::lanes::{gelu_slope, normal, sum};
use crate::linear::native::total;
use crate::simd::vectorized;

/// Values that one task handles at least: smaller tasks cost more to hand out than to do.
const GRAIN: usize = 16 * 1024;

/// f(x, y) for each element.
fn map2(x: &[f32], y: &[f32], f: impl Fn(f32, f32) -> f32 + Copy + Sync) -> Vec<f32> {
    let ([out], _) = by_rows(x.len(), GRAIN, [1], |first, [out]| {
        let (x, y) = (&x[first..][..out.len()], &y[first..][..out.len()]);
        ([written(out, x, y, f)], ())
    });
    out
}

impl FusedBackend for Flex {
    fn fused_gelu(x: FlexTensor) -> FlexTensor {
        let source = x.to_contiguous();
        let Some(values) = f32s(&source) else { return Self::gelu(source) };
        let out = map2(
            values,
            values,
            #[inline(always)]
            |x, _| x * normal(x),
        );
        tensor(out, source.shape())
    }

    fn fused_gelu_backward(x: FlexTensor, grad: FlexTensor) -> FlexTensor {
        let (source, grad) = (x.to_contiguous(), grad.to_contiguous());
        let (Some(x), Some(g)) = (f32s(&source), f32s(&grad)) else {
            return composed::gelu_backward::<Flex>(source, grad);
        };
        let out = map2(
            x,
            g,
            #[inline(always)]
            |x, g| g * gelu_slope(x),
        );
        tensor(out, source.shape())
    }

    fn fused_layer_norm(x: FlexTensor, gamma: FlexTensor, beta: FlexTensor, epsilon: f32) -> FlexTensor {
        let (source, gamma, beta) = (x.to_contiguous(), gamma.to_contiguous(), beta.to_contiguous());
        let [w] = gamma.shape().dims();
        let slices = (f32s(&source), f32s(&gamma), f32s(&beta));
        let (Some(x), Some(gain), Some(shift)) = slices else {
            return composed::layer_norm::<Flex>(source, gamma, beta, epsilon);
        };
        let rows = x.len() / w.max(1);
        let ([out], _) = by_rows(rows, rows_of_a_task(rows, w, GRAIN), [w], |first, [out]| {
            let x = &x[first * w..][..out.len()];
            let out = filled(out, 0.0);
            vectorized(
                #[inline(always)]
                || {
                    for (out, x) in out.chunks_exact_mut(w).zip(x.chunks_exact(w)) {
                        let (mean, scale) = row_moments(x, epsilon);
                        let (gain, shift) = (&gain[..w], &shift[..w]);
                        for i in 0..w {
                            out[i] = ((x[i] - mean) * scale).mul_add(gain[i], shift[i]);
                        }
                    }
                },
            );
            ([out], ())
        });
        tensor(out, source.shape())
    }

    fn fused_add_layer_norm(
        x: FlexTensor,
        y: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        epsilon: f32,
    ) -> (FlexTensor, FlexTensor) {
        let [source, other, gamma, beta] = [x, y, gamma, beta].map(|tensor| tensor.to_contiguous());
        let [w] = gamma.shape().dims();
        let slices = (f32s(&source), f32s(&other), f32s(&gamma), f32s(&beta));
        let (Some(x), Some(y), Some(gain), Some(shift)) = slices else {
            let sum = Self::float_add(source, other);
            return (sum.clone(), composed::layer_norm::<Flex>(sum, gamma, beta, epsilon));
        };
        let rows = x.len() / w.max(1);
        let ([sum, out], _) = by_rows(rows, rows_of_a_task(rows, w, GRAIN), [w; 2], |first, [sum, out]| {
            let part = first * w..first * w + sum.len();
            let (x, y) = (&x[part.clone()], &y[part]);
            let (sum, out) = (filled(sum, 0.0), filled(out, 0.0));
            vectorized(
                #[inline(always)]
                || {
                    let given = x.chunks_exact(w).zip(y.chunks_exact(w));
                    for ((sum, out), (x, y)) in sum.chunks_exact_mut(w).zip(out.chunks_exact_mut(w)).zip(given) {
                        sum.iter_mut().zip(x).zip(y).for_each(|((sum, x), y)| *sum = x + y);
                        let (mean, scale) = row_moments(sum, epsilon);
                        let (gain, shift) = (&gain[..w], &shift[..w]);
                        for i in 0..w {
                            out[i] = ((sum[i] - mean) * scale).mul_add(gain[i], shift[i]);
                        }
                    }
                },
            );
            ([sum, out], ())
        });
        (tensor(sum, source.shape()), tensor(out, source.shape()))
    }

    fn fused_layer_norm_backward(
        x: FlexTensor,
        gamma: FlexTensor,
        grad: FlexTensor,
        epsilon: f32,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        let (source, gamma, grad) = (x.to_contiguous(), gamma.to_contiguous(), grad.to_contiguous());
        let [w] = gamma.shape().dims();
        let slices = (f32s(&source), f32s(&gamma), f32s(&grad));
        let (Some(x), Some(gain), Some(g)) = slices else {
            return composed::layer_norm_backward::<Flex>(source, gamma, grad, epsilon);
        };
        let rows = x.len() / w.max(1);
        // Each task sums its own rows; the sums are added in the order of the tasks, whoever did them.
        let ([d_x], parts) = by_rows(rows, rows_of_a_task(rows, w, GRAIN), [w], |first, [d_x]| {
            let (mut d_gain, mut d_shift) = (vec![0.0f32; w], vec![0.0f32; w]);
            let (x, g) = (&x[first * w..][..d_x.len()], &g[first * w..][..d_x.len()]);
            let d_x = filled(d_x, 0.0);
            vectorized(
                #[inline(always)]
                || {
                    let rows = d_x.chunks_exact_mut(w).zip(x.chunks_exact(w)).zip(g.chunks_exact(w));
                    let (d_gain, d_shift, gain) = (&mut d_gain[..w], &mut d_shift[..w], &gain[..w]);
                    for ((d_x, x), g) in rows {
                        let (mean, scale) = row_moments(x, epsilon);
                        let inner = sum(
                            w,
                            #[inline(always)]
                            |i| g[i] * gain[i],
                        ) / w as f32;
                        let along = sum(
                            w,
                            #[inline(always)]
                            |i| g[i] * gain[i] * (x[i] - mean),
                        ) * scale
                            / w as f32;
                        for i in 0..w {
                            let normal = (x[i] - mean) * scale;
                            d_gain[i] += g[i] * normal;
                            d_shift[i] += g[i];
                            d_x[i] = scale * (g[i] * gain[i] - inner - normal * along);
                        }
                    }
                },
            );
            ([d_x], (d_gain, d_shift))
        });
        let (d_gain, d_shift): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
        (tensor(d_x, source.shape()), tensor(total(&d_gain, w), [w]), tensor(total(&d_shift, w), [w]))
    }

    fn fused_picture_norm(x: FlexTensor, gamma: FlexTensor, beta: FlexTensor, epsilon: f32) -> FlexTensor {
        let (source, gamma, beta) = (x.to_contiguous(), gamma.to_contiguous(), beta.to_contiguous());
        let [count, places, _] = source.shape().dims();
        let slices = (f32s(&source), f32s(&gamma), f32s(&beta));
        let (Some(x), Some(gain), Some(shift)) = slices else {
            return composed::picture_norm::<Flex>(source, gamma, beta, epsilon);
        };
        tensor(picture::Norm { x, gain, shift, epsilon, count, places }.forward(), source.shape())
    }

    fn fused_picture_norm_backward(
        x: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        grad: FlexTensor,
        epsilon: f32,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        let [source, gamma, beta, grad] = [x, gamma, beta, grad].map(|tensor| tensor.to_contiguous());
        let [count, places, channels] = source.shape().dims();
        let slices = (f32s(&source), f32s(&gamma), f32s(&beta), f32s(&grad));
        let (Some(x), Some(gain), Some(shift), Some(g)) = slices else {
            return composed::picture_norm_backward::<Flex>(source, gamma, beta, grad, epsilon);
        };
        let (d_x, d_gain, d_shift) = picture::Norm { x, gain, shift, epsilon, count, places }.backward(g);
        (tensor(d_x, source.shape()), tensor(d_gain, [channels]), tensor(d_shift, [channels]))
    }
}

/// Mean and 1 / sqrt(variance + epsilon).
#[inline(always)]
pub(super) fn row_moments(x: &[f32], epsilon: f32) -> (f32, f32) {
    let w = x.len();
    let mean = sum(
        w,
        #[inline(always)]
        |i| x[i],
    ) / w as f32;
    let variance = sum(
        w,
        #[inline(always)]
        |i| (x[i] - mean) * (x[i] - mean),
    ) / w as f32;
    (mean, 1.0 / (variance + epsilon).sqrt())
}
