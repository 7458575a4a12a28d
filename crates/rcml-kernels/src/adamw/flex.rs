//! Burn's CPU backend `flex`: parameter and moments are changed where they lie.

use burn::backend::ops::FloatTensorOps;
use burn::backend::{Flex, TensorMetadata};
use burn::tensor::DType;
use burn_flex::FlexTensor;
use rayon::prelude::*;

use super::{AdamWBackend, AdamWStep, composed};
use crate::flex::{f32s, tensor};
use crate::lanes::sum;
use crate::simd::vectorized;

/// Values of a task.
const GRAIN: usize = 16 * 1024;

/// Whether a tensor's values are all that its memory holds, in order, and of the type that the kernel takes.
fn is_plain(tensor: &FlexTensor) -> bool {
    tensor.dtype() == DType::F32
        && tensor.is_contiguous()
        && tensor.storage::<f32>().len() == tensor.shape().num_elements()
}

/// The same values, so if that takes no more than a copy.
fn plain(tensor: FlexTensor) -> FlexTensor {
    if is_plain(&tensor) { tensor } else { tensor.to_contiguous() }
}

impl AdamWBackend for Flex {
    fn fused_adamw(
        parameter: FlexTensor,
        gradient: FlexTensor,
        first: FlexTensor,
        second: FlexTensor,
        step: AdamWStep,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        // A clone would make the memory shared, and changing it a copy.
        let [mut parameter, gradient, mut first, mut second] = [parameter, gradient, first, second].map(plain);
        if ![&parameter, &gradient, &first, &second].into_iter().all(is_plain) {
            return composed::<Self>(parameter, gradient, first, second, &step);
        }
        let (p, m, v) = (parameter.storage_mut::<f32>(), first.storage_mut::<f32>(), second.storage_mut::<f32>());
        let parts = p.par_chunks_mut(GRAIN).zip(m.par_chunks_mut(GRAIN)).zip(v.par_chunks_mut(GRAIN));
        parts.zip(gradient.storage::<f32>().par_chunks(GRAIN)).for_each(|(((p, m), v), g)| update(p, m, v, g, &step));
        (parameter, first, second)
    }

    fn fused_squared_norm(x: FlexTensor) -> FlexTensor {
        let x = x.to_contiguous();
        let Some(values) = f32s(&x) else { return Self::float_sum(Self::float_mul(x.clone(), x)) };
        let squares = |part: &[f32]| {
            vectorized(
                #[inline(always)]
                || {
                    f64::from(sum(
                        part.len(),
                        #[inline(always)]
                        |i| part[i] * part[i],
                    ))
                },
            )
        };
        // Added in the order of the parts, whoever summed them.
        let parts: Vec<f64> = values.par_chunks(GRAIN).map(squares).collect();
        tensor(vec![parts.iter().sum::<f64>() as f32], [1])
    }
}

fn update(p: &mut [f32], m: &mut [f32], v: &mut [f32], g: &[f32], step: &AdamWStep) {
    let (left, unbias1, unbias2) = step.factors();
    let (unbias1, unbias2, rate) = (1.0 / unbias1, 1.0 / unbias2, step.rate as f32);
    let AdamWStep { beta1, beta2, epsilon, scale, .. } = *step;
    vectorized(
        #[inline(always)]
        || {
            for (((p, m), v), g) in p.iter_mut().zip(m.iter_mut()).zip(v.iter_mut()).zip(g) {
                let g = g * scale;
                *m = beta1 * *m + (1.0 - beta1) * g;
                *v = beta2 * *v + (1.0 - beta2) * (g * g);
                let direction = *m * unbias1 / ((*v * unbias2).sqrt() + epsilon);
                *p = *p * left - rate * direction;
            }
        },
    );
}
