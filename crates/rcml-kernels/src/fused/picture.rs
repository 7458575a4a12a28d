//! Group norm with one group, and GELU: a picture at a time, while it is in the cache.

use super::flex::row_moments;
use crate::by_rows::{by_rows, filled, rows_of_a_task};
use crate::lanes::{gelu_slope, normal};
use crate::linear::native::total;
use crate::simd::vectorized;

/// Values that a task handles at least.
const GRAIN: usize = 16 * 1024;
/// Tasks of the backward pass at most, of which each sums gradients of its own.
const TASKS: usize = 64;

/// Pictures `[N, P, C]`, and scale and shift `[C]`.
pub(super) struct Norm<'a> {
    pub(super) x: &'a [f32],
    pub(super) gain: &'a [f32],
    pub(super) shift: &'a [f32],
    pub(super) epsilon: f32,
    pub(super) count: usize,
    pub(super) places: usize,
}

impl Norm<'_> {
    /// Values of a picture.
    fn size(&self) -> usize {
        self.places * self.gain.len()
    }

    pub(super) fn forward(&self) -> Vec<f32> {
        let (size, c) = (self.size(), self.gain.len());
        let task = rows_of_a_task(self.count, size, GRAIN);
        let ([out], _) = by_rows(self.count, task, [size], |first, [out]| {
            let x = &self.x[first * size..][..out.len()];
            let out = filled(out, 0.0);
            vectorized(
                #[inline(always)]
                || {
                    for (out, x) in out.chunks_exact_mut(size.max(1)).zip(x.chunks_exact(size.max(1))) {
                        let (mean, scale) = row_moments(x, self.epsilon);
                        for (out, x) in out.chunks_exact_mut(c).zip(x.chunks_exact(c)) {
                            let (gain, shift) = (&self.gain[..c], &self.shift[..c]);
                            for i in 0..c {
                                let u = ((x[i] - mean) * scale).mul_add(gain[i], shift[i]);
                                out[i] = u * normal(u);
                            }
                        }
                    }
                },
            );
            ([out], ())
        });
        out
    }

    /// Gradients of x, scale and shift.
    pub(super) fn backward(&self, grad: &[f32]) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
        let (size, c) = (self.size(), self.gain.len());
        let task = rows_of_a_task(self.count, size, GRAIN).max(self.count.div_ceil(TASKS));
        let ([d_x], parts) = by_rows(self.count, task, [size], |first, [d_x]| {
            let (x, grad) = (&self.x[first * size..][..d_x.len()], &grad[first * size..][..d_x.len()]);
            let d_x = filled(d_x, 0.0);
            let sums = vectorized(
                #[inline(always)]
                || {
                    let mut sums = (vec![0.0f32; c], vec![0.0f32; c]);
                    let pictures = d_x.chunks_exact_mut(size.max(1)).zip(x.chunks_exact(size.max(1)));
                    for ((d_x, x), grad) in pictures.zip(grad.chunks_exact(size.max(1))) {
                        self.picture(d_x, x, grad, &mut sums);
                    }
                    sums
                },
            );
            ([d_x], sums)
        });
        let (gains, shifts): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
        (d_x, total(&gains, c), total(&shifts, c))
    }

    /// Gradients of one picture; those of scale and shift are added.
    #[inline(always)]
    fn picture(&self, d_x: &mut [f32], x: &[f32], grad: &[f32], sums: &mut (Vec<f32>, Vec<f32>)) {
        let c = self.gain.len();
        let (mean, scale) = row_moments(x, self.epsilon);
        let (mut d_gain, mut d_shift) = (vec![0.0f32; c], vec![0.0f32; c]);
        let (gain, shift) = (&self.gain[..c], &self.shift[..c]);
        // First the gradients before the norm's scale, which need no sums, in the place of the result ...
        for ((d_x, x), grad) in d_x.chunks_exact_mut(c).zip(x.chunks_exact(c)).zip(grad.chunks_exact(c)) {
            let (d_gain, d_shift) = (&mut d_gain[..c], &mut d_shift[..c]);
            for i in 0..c {
                let normal = (x[i] - mean) * scale;
                let slope = grad[i] * gelu_slope(normal.mul_add(gain[i], shift[i]));
                d_gain[i] += slope * normal;
                d_shift[i] += slope;
                d_x[i] = slope * gain[i];
            }
        }
        let all = x.len() as f32;
        let inner = d_shift.iter().zip(gain).map(|(sum, gain)| sum * gain).sum::<f32>() / all;
        let along = d_gain.iter().zip(gain).map(|(sum, gain)| sum * gain).sum::<f32>() / all;
        // ... then what mean and variance take away.
        for (d_x, x) in d_x.iter_mut().zip(x) {
            *d_x = scale * (*d_x - inner - (x - mean) * scale * along);
        }
        sums.0.iter_mut().zip(d_gain).for_each(|(sum, x)| *sum += x);
        sums.1.iter_mut().zip(d_shift).for_each(|(sum, x)| *sum += x);
    }
}
