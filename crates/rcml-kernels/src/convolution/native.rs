//! The convolution on slices: windows of some hundred places are copied side by side and multiplied with the weight while they
//! are in the cache.

use super::Window;
use crate::by_rows::{by_rows, even, filled, repeated};
use crate::linear::native::{column_sums, total};
use crate::matrix::{Matrix, add_product};
use crate::simd::vectorized;

/// Values of the windows that are held at a time, about, and places at least and at most: few enough for the cache, many enough
/// that packing the weight is cheap beside the product.
const HELD: usize = 256 * 1024;
const PLACES: (usize, usize) = (128, 512);
/// Tasks of the backward pass at most: each sums a weight gradient of its own.
const TASKS: usize = 16;

/// Pictures `[N, height, width, C]` under a window. Their channels lie beside each other, or (a file's pixels) anywhere.
pub(super) struct Pictures<'a> {
    x: &'a [f32],
    /// How far apart pictures, rows, columns and channels are.
    strides: [usize; 4],
    count: usize,
    height: usize,
    width: usize,
    channels: usize,
    window: Window,
}

/// Gradients.
pub(super) struct Slopes {
    pub(super) x: Option<Vec<f32>>,
    pub(super) weight: Vec<f32>,
    pub(super) bias: Vec<f32>,
}

impl<'a> Pictures<'a> {
    /// Pictures whose values lie `strides` apart.
    ///
    /// # Panics
    /// If the last value ends behind the slice.
    pub(super) fn new(x: &'a [f32], shape: [usize; 4], strides: [usize; 4], window: Window) -> Self {
        let last = shape.iter().zip(strides).map(|(size, stride)| size.saturating_sub(1) * stride).sum::<usize>();
        assert!(shape.contains(&0) || last < x.len(), "pictures lie in the slice");
        let [count, height, width, channels] = shape;
        Self { x, strides, count, height, width, channels, window }
    }

    /// Rows and columns of the result.
    pub(super) fn places(&self) -> [usize; 2] {
        [self.window.places(self.height), self.window.places(self.width)]
    }

    /// Values of a window.
    fn values(&self) -> usize {
        self.window.side * self.window.side * self.channels
    }

    /// Places whose windows are held at a time.
    fn tile(&self, places: usize) -> usize {
        even(places, (HELD / self.values().max(1)).clamp(PLACES.0, PLACES.1))
    }

    /// The rows of the windows of the places `first`..: where they lie in the windows and in the pictures, and how many columns they have.
    #[inline(always)]
    fn windows(&self, first: usize, count: usize, mut f: impl FnMut(usize, usize, usize)) {
        let [rows, columns] = self.places();
        let Window { side, stride, padding } = self.window;
        let c = self.channels;
        let (mut column, mut row, mut picture) = (first % columns, first / columns % rows, first / (columns * rows));
        for place in 0..count {
            // Where the window begins, counted with the padding.
            let (top, left) = (row * stride, column * stride);
            let from = padding.saturating_sub(left);
            let to = side.min((self.width + padding).saturating_sub(left));
            for line in 0..side {
                let y = top + line;
                if y < padding || y >= self.height + padding || from >= to {
                    continue;
                }
                let [by_picture, by_row, by_column, _] = self.strides;
                let source = picture * by_picture + (y - padding) * by_row + (left + from - padding) * by_column;
                f((place * side + line) * side * c + from * c, source, to - from);
            }
            column += 1;
            if column == columns {
                (column, row) = (0, row + 1);
            }
            if row == rows {
                (row, picture) = (0, picture + 1);
            }
        }
    }

    /// The windows of `count` places side by side; what lies outside the pictures stays zero.
    fn unfold(&self, first: usize, count: usize, out: &mut [f32]) {
        if self.window.padding > 0 {
            out[..count * self.values()].fill(0.0);
        }
        let ([_, _, by_column, by_channel], c) = (self.strides, self.channels);
        if by_channel == 1 && by_column == c {
            self.windows(first, count, |to, from, columns| {
                out[to..to + columns * c].copy_from_slice(&self.x[from..from + columns * c]);
            });
        } else {
            self.windows(first, count, |to, from, columns| {
                for (column, out) in out[to..to + columns * c].chunks_exact_mut(c).enumerate() {
                    for (channel, out) in out.iter_mut().enumerate() {
                        *out = self.x[from + column * by_column + channel * by_channel];
                    }
                }
            });
        }
    }

    /// Windows times weight plus bias.
    pub(super) fn convolve(&self, weight: &[f32], bias: &[f32]) -> Vec<f32> {
        let ([rows, columns], output, values) = (self.places(), bias.len(), self.values());
        let places = self.count * rows * columns;
        let weight = Matrix::new(weight, output);
        let ([out], _) = by_rows(places, self.tile(places), [output], |first, [out]| {
            let out = repeated(out, bias);
            let count = out.len() / output.max(1);
            let mut windows = vec![0.0; count * values];
            self.unfold(first, count, &mut windows);
            add_product(out, output, true, Matrix::new(&windows, values), weight, 1.0);
            ([out], ())
        });
        out
    }

    /// Gradients from the gradient of the result. That of x lies in the order of its dimensions, as x must where it is asked for.
    pub(super) fn slopes(&self, weight: &[f32], grad: &[f32], output: usize, needs_x: bool) -> Slopes {
        let ([rows, columns], values) = (self.places(), self.values());
        let (places, size) = (rows * columns, self.height * self.width * self.channels);
        let back = Matrix::new(weight, output).transposed();
        let widths = [if needs_x { size } else { 0 }];
        let ([d_x], sums) = by_rows(self.count, self.count.div_ceil(TASKS), widths, |first, [d_x]| {
            let d_x = filled(d_x, 0.0);
            let pictures = self.count.div_ceil(TASKS).min(self.count - first);
            let (begin, end) = (first * places, (first + pictures) * places);
            let tile = self.tile(end - begin);
            let mut d_weight = vec![0.0; values * output];
            let mut windows = vec![0.0; tile * values];
            for place in (begin..end).step_by(tile) {
                let count = tile.min(end - place);
                let g = Matrix::new(&grad[place * output..(place + count) * output], output);
                self.unfold(place, count, &mut windows);
                let held = Matrix::new(&windows[..count * values], values);
                // With the longer side of the weight in the direction that is vectorised.
                add_product(&mut d_weight, values, true, g.transposed(), held, 1.0);
                if needs_x {
                    // The windows are not needed any more: their gradients take their place.
                    let windows = &mut windows[..count * values];
                    add_product(windows, values, false, g, back, 1.0);
                    self.fold(place, count, windows, first * size, d_x);
                }
            }
            ([d_x], (d_weight, column_sums(&grad[begin * output..end * output], output)))
        });
        let (weights, biases): (Vec<_>, Vec<_>) = sums.into_iter().unzip();
        let rows = total(&weights, values * output);
        let mut weight = vec![0.0; values * output];
        for (o, row) in rows.chunks_exact(values.max(1)).enumerate() {
            row.iter().zip(weight[o..].iter_mut().step_by(output)).for_each(|(value, place)| *place = *value);
        }
        let bias = total(&biases, output);
        Slopes { x: needs_x.then_some(d_x), weight, bias }
    }

    /// Adds the windows to where they came from; `out` starts at value `begin` of the pictures.
    fn fold(&self, first: usize, count: usize, windows: &[f32], begin: usize, out: &mut [f32]) {
        vectorized(
            #[inline(always)]
            || {
                self.windows(
                    first,
                    count,
                    #[inline(always)]
                    |from, to, columns| {
                        let length = columns * self.channels;
                        let out = &mut out[to - begin..to - begin + length];
                        out.iter_mut().zip(&windows[from..from + length]).for_each(|(out, x)| *out += x);
                    },
                );
            },
        );
    }
}
