//! The CPU forms: rayon over rows, vectorised within a row. Results do not depend on the number of threads.

use burn::backend::ops::ActivationOps;
use burn::backend::{Flex, TensorMetadata};
use burn::tensor::{DType, TensorData};
use burn_flex::FlexTensor;
use rayon::prelude::*;

use super::{FusedBackend, composed};
use crate::lanes::{exp, max, normal, sum};
use crate::simd::dispatch;

/// Values that one task handles at least: smaller tasks cost more to hand out than to do.
const GRAIN: usize = 16 * 1024;

/// The values of a contiguous tensor; `None` for other types than f32, which take the composed form.
fn f32s(tensor: &FlexTensor) -> Option<&[f32]> {
    if tensor.dtype() == DType::F32 { tensor.as_slice::<f32>() } else { None }
}

fn tensor(values: Vec<f32>, like: &FlexTensor) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, like.shape()))
}

/// f(x, y) for each element.
fn map2(x: &[f32], y: &[f32], f: impl Fn(f32, f32) -> f32 + Sync) -> Vec<f32> {
    let mut out = vec![0.0; x.len()];
    let chunks = out.par_chunks_mut(GRAIN).zip(x.par_chunks(GRAIN)).zip(y.par_chunks(GRAIN));
    chunks.for_each(|((out, x), y)| {
        dispatch(
            #[inline(always)]
            || out.iter_mut().zip(x).zip(y).for_each(|((out, x), y)| *out = f(*x, *y)),
        );
    });
    out
}

/// Runs `f(row number, row of out, row of x, row of y)` on every row of width `width`.
fn rows(width: usize, x: &[f32], y: &[f32], f: impl Fn(usize, &mut [f32], &[f32], &[f32]) + Sync) -> Vec<f32> {
    let mut out = vec![0.0; x.len()];
    let rows_per_task = (GRAIN / width.max(1)).max(1);
    let task = rows_per_task * width.max(1);
    let chunks = out.par_chunks_mut(task).zip(x.par_chunks(task)).zip(y.par_chunks(task)).enumerate();
    chunks.for_each(|(k, ((out, x), y))| {
        dispatch(
            #[inline(always)]
            || {
                let chunks = out.chunks_exact_mut(width).zip(x.chunks_exact(width)).zip(y.chunks_exact(width));
                for (i, ((out, x), y)) in chunks.enumerate() {
                    f(k * rows_per_task + i, out, x, y);
                }
            },
        );
    });
    out
}

impl FusedBackend for Flex {
    fn fused_gelu(x: FlexTensor) -> FlexTensor {
        let source = x.to_contiguous();
        let Some(values) = f32s(&source) else { return Self::gelu(source) };
        tensor(
            map2(
                values,
                values,
                #[inline(always)]
                |x, _| x * normal(x).0,
            ),
            &source,
        )
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
            |x, g| {
                let (cdf, bell) = normal(x);
                g * (cdf + x * bell * 0.398_942_3)
            },
        );
        tensor(out, &source)
    }

    fn fused_softmax(logits: FlexTensor, bias: FlexTensor) -> FlexTensor {
        let (source, bias) = (logits.to_contiguous(), bias.to_contiguous());
        let [n, h, t, s] = source.shape().dims();
        let [biases, _] = bias.shape().dims();
        let (Some(x), Some(b)) = (f32s(&source), f32s(&bias)) else {
            return composed::softmax::<Flex>(source, bias);
        };
        let rows_per_bias = if biases == n { h * t } else { n * h * t };
        let out = rows(
            s,
            x,
            x,
            #[inline(always)]
            |row, out, x, _| {
                let b = &b[row / rows_per_bias * s..][..s];
                let x = &x[..s];
                let top = max(
                    s,
                    #[inline(always)]
                    |i| x[i] + b[i],
                );
                for i in 0..s {
                    out[i] = exp(x[i] + b[i] - top);
                }
                let scale = 1.0
                    / sum(
                        s,
                        #[inline(always)]
                        |i| out[i],
                    );
                out.iter_mut().for_each(|y| *y *= scale);
            },
        );
        tensor(out, &source)
    }

    fn fused_softmax_backward(y: FlexTensor, grad: FlexTensor) -> FlexTensor {
        let (y, grad) = (y.to_contiguous(), grad.to_contiguous());
        let [_, _, _, s] = y.shape().dims();
        let (Some(values), Some(g)) = (f32s(&y), f32s(&grad)) else {
            return composed::softmax_backward::<Flex>(y, grad);
        };
        let out = rows(
            s,
            values,
            g,
            #[inline(always)]
            |_, out, y, g| {
                let (y, g) = (&y[..s], &g[..s]);
                let dot = sum(
                    s,
                    #[inline(always)]
                    |i| y[i] * g[i],
                );
                for i in 0..s {
                    out[i] = y[i] * (g[i] - dot);
                }
            },
        );
        tensor(out, &y)
    }

    fn fused_layer_norm(x: FlexTensor, gamma: FlexTensor, beta: FlexTensor, epsilon: f32) -> FlexTensor {
        let (source, gamma, beta) = (x.to_contiguous(), gamma.to_contiguous(), beta.to_contiguous());
        let [w] = gamma.shape().dims();
        let slices = (f32s(&source), f32s(&gamma), f32s(&beta));
        let (Some(x), Some(gain), Some(shift)) = slices else {
            return composed::layer_norm::<Flex>(source, gamma, beta, epsilon);
        };
        let out = rows(
            w,
            x,
            x,
            #[inline(always)]
            |_, out, x, _| {
                let (mean, scale) = row_moments(x, epsilon);
                for i in 0..w {
                    out[i] = (x[i] - mean) * scale * gain[i] + shift[i];
                }
            },
        );
        tensor(out, &source)
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
        let mut d_x = vec![0.0; x.len()];
        let task = (GRAIN / w).max(1) * w;
        // Each task sums its own rows; the sums are added in the order of the tasks, whoever did them.
        let parts: Vec<(Vec<f32>, Vec<f32>)> = d_x
            .par_chunks_mut(task)
            .zip(x.par_chunks(task))
            .zip(g.par_chunks(task))
            .map(|((d_x, x), g)| {
                let (mut d_gain, mut d_shift) = (vec![0.0f32; w], vec![0.0f32; w]);
                dispatch(
                    #[inline(always)]
                    || {
                        let rows = d_x.chunks_exact_mut(w).zip(x.chunks_exact(w)).zip(g.chunks_exact(w));
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
                (d_gain, d_shift)
            })
            .collect();
        let (mut d_gain, mut d_shift) = (vec![0.0f32; w], vec![0.0f32; w]);
        for (part_gain, part_shift) in &parts {
            d_gain.iter_mut().zip(part_gain).for_each(|(sum, part)| *sum += part);
            d_shift.iter_mut().zip(part_shift).for_each(|(sum, part)| *sum += part);
        }
        (tensor(d_x, &source), tensor(d_gain, &gamma), tensor(d_shift, &gamma))
    }
}

/// Mean and 1 / sqrt(variance + epsilon).
#[inline(always)]
fn row_moments(x: &[f32], epsilon: f32) -> (f32, f32) {
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
