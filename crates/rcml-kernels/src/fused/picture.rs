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
/// Values of a row of several places at most: channels alone are too few for a loop of wide instructions.
const ROW: usize = 512;

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

    /// Scale and shift of a row of several places: as many as divide a picture's into equal rows.
    fn row(&self) -> (Vec<f32>, Vec<f32>) {
        let mut places = 1;
        while self.places.is_multiple_of(2 * places) && 2 * places * self.gain.len() <= ROW {
            places *= 2;
        }
        (self.gain.repeat(places), self.shift.repeat(places))
    }

    pub(super) fn forward(&self) -> Vec<f32> {
        let (size, (gain, shift)) = (self.size(), self.row());
        let task = rows_of_a_task(self.count, size, GRAIN);
        let ([out], _) = by_rows(self.count, task, [size], |first, [out]| {
            let x = &self.x[first * size..][..out.len()];
            let out = filled(out, 0.0);
            vectorized(
                #[inline(always)]
                || {
                    for (out, x) in out.chunks_exact_mut(size.max(1)).zip(x.chunks_exact(size.max(1))) {
                        let (mean, scale) = row_moments(x, self.epsilon);
                        for (out, x) in out.chunks_exact_mut(gain.len()).zip(x.chunks_exact(gain.len())) {
                            activated_row(out, x, &gain, &shift, mean, scale);
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
        let (size, c, row) = (self.size(), self.gain.len(), self.row());
        let task = rows_of_a_task(self.count, size, GRAIN).max(self.count.div_ceil(TASKS));
        let ([d_x], parts) = by_rows(self.count, task, [size], |first, [d_x]| {
            let (x, grad) = (&self.x[first * size..][..d_x.len()], &grad[first * size..][..d_x.len()]);
            let d_x = filled(d_x, 0.0);
            let mut sums = (vec![0.0f32; c], vec![0.0f32; c]);
            let mut scratch = (row.0.clone(), row.0.clone());
            vectorized(
                #[inline(always)]
                || {
                    let pictures = d_x.chunks_exact_mut(size.max(1)).zip(x.chunks_exact(size.max(1)));
                    for ((d_x, x), grad) in pictures.zip(grad.chunks_exact(size.max(1))) {
                        self.picture(d_x, x, grad, &row, &mut scratch, &mut sums);
                    }
                },
            );
            ([d_x], sums)
        });
        let (gains, shifts): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
        (d_x, total(&gains, c), total(&shifts, c))
    }

    /// Gradients of one picture; those of scale and shift are added.
    #[inline(always)]
    fn picture(
        &self,
        d_x: &mut [f32],
        x: &[f32],
        grad: &[f32],
        (gain, shift): &(Vec<f32>, Vec<f32>),
        (d_gain, d_shift): &mut (Vec<f32>, Vec<f32>),
        sums: &mut (Vec<f32>, Vec<f32>),
    ) {
        let w = gain.len();
        let (mean, scale) = row_moments(x, self.epsilon);
        d_gain.fill(0.0);
        d_shift.fill(0.0);
        // First the gradients before the norm's scale, which need no sums, in the place of the result ...
        for ((d_x, x), grad) in d_x.chunks_exact_mut(w).zip(x.chunks_exact(w)).zip(grad.chunks_exact(w)) {
            slope_row(d_x, x, grad, gain, shift, mean, scale);
            sum_row(d_gain, d_shift, d_x, x, mean, scale);
            d_x.iter_mut().zip(gain).for_each(|(d_x, gain)| *d_x *= gain);
        }
        let all = x.len() as f32;
        let inner = d_shift.iter().zip(gain).map(|(sum, gain)| sum * gain).sum::<f32>() / all;
        let along = d_gain.iter().zip(gain).map(|(sum, gain)| sum * gain).sum::<f32>() / all;
        // ... then what mean and variance take away.
        for (d_x, x) in d_x.iter_mut().zip(x) {
            *d_x = scale * (*d_x - inner - (x - mean) * scale * along);
        }
        for (sums, row) in [(&mut sums.0, &*d_gain), (&mut sums.1, &*d_shift)] {
            let c = sums.len();
            row.chunks_exact(c).for_each(|row| sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += x));
        }
    }
}

/// gelu((x - mean) scale gain + shift).
#[inline(always)]
fn activated_row(out: &mut [f32], x: &[f32], gain: &[f32], shift: &[f32], mean: f32, scale: f32) {
    let w = out.len();
    let (x, gain, shift) = (&x[..w], &gain[..w], &shift[..w]);
    for i in 0..w {
        let u = ((x[i] - mean) * scale).mul_add(gain[i], shift[i]);
        out[i] = u * normal(u);
    }
}

/// grad gelu'((x - mean) scale gain + shift).
#[inline(always)]
fn slope_row(out: &mut [f32], x: &[f32], grad: &[f32], gain: &[f32], shift: &[f32], mean: f32, scale: f32) {
    let w = out.len();
    let (x, grad, gain, shift) = (&x[..w], &grad[..w], &gain[..w], &shift[..w]);
    for i in 0..w {
        out[i] = grad[i] * gelu_slope(((x[i] - mean) * scale).mul_add(gain[i], shift[i]));
    }
}

/// Adds the gradients of scale and shift.
#[inline(always)]
fn sum_row(d_gain: &mut [f32], d_shift: &mut [f32], slope: &[f32], x: &[f32], mean: f32, scale: f32) {
    let w = slope.len();
    let (d_gain, d_shift, x) = (&mut d_gain[..w], &mut d_shift[..w], &x[..w]);
    for i in 0..w {
        d_gain[i] += slope[i] * ((x[i] - mean) * scale);
        d_shift[i] += slope[i];
    }
}
