//! The linear map on slices: tasks of rows whose results stay in the cache until bias and activation are done.

use super::{Activation, LinearNeeds};
use crate::by_rows::{Room, by_rows, even, filled, repeated, written};
use crate::lanes::{gelu_slope, normal, sigmoid};
use crate::matrix::{Matrix, add_product, large_product, product};
use crate::simd::vectorized;

/// Rows of a task at most: few enough that a task's result stays in the cache, many enough that packing the weight is cheap
/// beside the product.
const ROWS: usize = 256;
/// Rows of a task at least, and tasks that are worth making rows fewer for.
const LEAST: usize = 96;
const TASKS: usize = 8;

/// x `[rows, input]`, weight `[input, output]`.
pub(super) struct Linear<'a> {
    pub(super) x: &'a [f32],
    pub(super) weight: &'a [f32],
    pub(super) output: usize,
    pub(super) activation: Activation,
}

/// Gradients; those that were asked for.
pub(super) struct Slopes {
    pub(super) x: Option<Vec<f32>>,
    pub(super) weight: Option<Vec<f32>>,
    pub(super) bias: Vec<f32>,
}

impl Linear<'_> {
    fn task(rows: usize) -> usize {
        even(rows, rows.div_ceil(TASKS).clamp(LEAST, ROWS))
    }

    /// activation(x W + b), and x W + b where it is kept and not the same.
    pub(super) fn forward(&self, rows: usize, bias: &[f32], keep: bool) -> (Vec<f32>, Option<Vec<f32>>) {
        let (output, activation) = (self.output, self.activation);
        let task = Self::task(rows);
        if keep && activation != Activation::Identity {
            let ([y, kept], _) = by_rows(rows, task, [output; 2], |first, [y, kept]| {
                let kept = self.sum(first, bias, kept);
                ([activate(activation, kept, y), kept], ())
            });
            return (y, Some(kept));
        }
        let ([y], _) = by_rows(rows, task, [output], |first, [y]| {
            let y = self.sum(first, bias, y);
            activate_in_place(activation, y);
            ([y], ())
        });
        (y, None)
    }

    /// x W + b of the rows `first`...
    fn sum<'r>(&self, first: usize, bias: &[f32], room: &'r mut Room) -> &'r mut [f32] {
        let out = repeated(room, bias);
        let count = out.len() / self.output.max(1);
        add_product(out, self.output, true, self.rows(first, count), Matrix::new(self.weight, self.output), 1.0);
        out
    }

    /// Gradients, from x W + b as it was kept (anything for the identity) and the gradient of the result.
    pub(super) fn backward(&self, rows: usize, kept: &[f32], grad: &[f32], needs: LinearNeeds) -> Slopes {
        let (output, input) = (self.output, self.weight.len() / self.output.max(1));
        let plain = self.activation == Activation::Identity;
        let widths = [if plain { 0 } else { output }, if needs.x { input } else { 0 }];
        let weight = Matrix::new(self.weight, output).transposed();
        let ([slopes, d_x], sums) = by_rows(rows, Self::task(rows), widths, |first, [slopes, d_x]| {
            let count = Self::task(rows).min(rows - first);
            let part = first * output..(first + count) * output;
            let slopes = if plain {
                filled(slopes, 0.0)
            } else {
                slope(self.activation, &kept[part.clone()], &grad[part.clone()], slopes)
            };
            let g: &[f32] = if plain { &grad[part] } else { slopes };
            let d_x = if needs.x { product(d_x, Matrix::new(g, output), weight, 1.0) } else { filled(d_x, 0.0) };
            let sums = column_sums(g, output);
            ([slopes, d_x], sums)
        });
        let g = Matrix::within(if plain { grad } else { &slopes }, rows, output, output);
        let d_weight = needs.weight.then(|| large_product(self.rows(0, rows).transposed(), g));
        Slopes { x: needs.x.then_some(d_x), weight: d_weight, bias: total(&sums, output) }
    }

    fn rows(&self, first: usize, count: usize) -> Matrix<'_> {
        let input = self.weight.len() / self.output.max(1);
        Matrix::within(&self.x[first * input..], count, input, input)
    }
}

/// Sums of columns of a part of the rows.
pub(crate) fn column_sums(rows: &[f32], width: usize) -> Vec<f32> {
    let mut sums = vec![0.0; width];
    vectorized(
        #[inline(always)]
        || {
            for row in rows.chunks_exact(width.max(1)) {
                sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
            }
        },
    );
    sums
}

/// Sums of the parts, in their order.
pub(crate) fn total(parts: &[Vec<f32>], width: usize) -> Vec<f32> {
    let mut sums = vec![0.0; width];
    parts.iter().for_each(|part| sums.iter_mut().zip(part).for_each(|(sum, x)| *sum += x));
    sums
}

/// activation(x) of each value.
fn activate<'a>(activation: Activation, x: &[f32], y: &'a mut Room) -> &'a mut [f32] {
    match activation {
        Activation::Identity => written(y, x, x, |x, _| x),
        Activation::Gelu => written(
            y,
            x,
            x,
            #[inline(always)]
            |x, _| x * normal(x),
        ),
        Activation::QuickGelu => written(
            y,
            x,
            x,
            #[inline(always)]
            |x, _| x * sigmoid(QUICK * x),
        ),
    }
}

fn activate_in_place(activation: Activation, x: &mut [f32]) {
    vectorized(
        #[inline(always)]
        || match activation {
            Activation::Identity => {}
            Activation::Gelu => x.iter_mut().for_each(
                #[inline(always)]
                |x| *x *= normal(*x),
            ),
            Activation::QuickGelu => x.iter_mut().for_each(
                #[inline(always)]
                |x| *x *= sigmoid(QUICK * *x),
            ),
        },
    );
}

/// grad activation'(x) of each value.
fn slope<'a>(activation: Activation, x: &[f32], grad: &[f32], out: &'a mut Room) -> &'a mut [f32] {
    match activation {
        Activation::Identity => written(out, x, grad, |_, grad| grad),
        Activation::Gelu => written(
            out,
            x,
            grad,
            #[inline(always)]
            |x, grad| grad * gelu_slope(x),
        ),
        Activation::QuickGelu => written(
            out,
            x,
            grad,
            #[inline(always)]
            |x, grad| {
                let s = sigmoid(QUICK * x);
                grad * (QUICK * x * s).mul_add(1.0 - s, s)
            },
        ),
    }
}

/// Steepness of the sigmoid in QuickGELU.
const QUICK: f32 = 1.702;
