//! Pixels -> the first token states of a vision transformer.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::{Tensor, TensorData};

use super::layer::transposed;
use super::weights::Weights;
use crate::Result;
use crate::transformer::linear;

/// One linear map per patch. A convolution with stride = kernel, but one product of matrices.
#[derive(Module, Debug)]
pub(crate) struct PatchEmbedding {
    map: Linear,
    patch: usize,
}

impl PatchEmbedding {
    pub(crate) fn read(weights: &mut Weights, name: &str, width: usize, patch: usize) -> Result<Self> {
        let inputs = 3 * patch * patch;
        let values = weights.values(&format!("{name}.weight"), &[width, 3, patch, patch])?;
        let weight = Param::from_tensor(transposed(&values, width, inputs, weights.device()));
        let bias = format!("{name}.bias");
        let bias = if weights.has(&bias) { Some(Param::from_tensor(weights.tensor(&bias, [width])?)) } else { None };
        Ok(Self { map: Linear { weight, bias }, patch })
    }

    /// # Shapes
    /// - pixels: `[N, 3, S, S]`
    /// - output: `[N, (S / patch)^2, W]`, row by row
    pub(crate) fn forward(&self, pixels: Tensor<4>) -> Tensor<3> {
        let [n, channels, height, width] = pixels.dims();
        let (p, rows, columns) = (self.patch, height / self.patch, width / self.patch);
        let patches = pixels.reshape([n, channels, rows, p, columns, p]).permute([0, 2, 4, 1, 3, 5]);
        linear(&self.map, patches.reshape([n, rows * columns, channels * p * p]))
    }
}

/// Reads learned positions `[1?, lead + from^2, W]` and resizes those of the patches to a grid of `to` x `to`; the first
/// `lead` stand for tokens that have no place.
pub(crate) fn positions(
    weights: &mut Weights,
    name: &str,
    shape: &[usize],
    lead: usize,
    [from, to]: [usize; 2],
    antialias: bool,
) -> Result<Param<Tensor<3>>> {
    let values = weights.values(name, shape)?;
    let width = shape.last().copied().unwrap_or(1);
    let values = if from == to {
        values
    } else {
        let (kept, grid) = values.split_at(lead * width);
        let resized = resize(grid, from, to, width, antialias);
        [kept, &resized].concat()
    };
    let data = TensorData::new(values, [1, lead + to * to, width]);
    Ok(Param::from_tensor(Tensor::from_data(data, weights.device())))
}

/// Bicubic interpolation of a `[from, from, W]` grid as PyTorch does it (corners not aligned): without antialiasing the
/// kernel has a = -0.75, with it a = -0.5 and widens when shrinking.
fn resize(grid: &[f32], from: usize, to: usize, width: usize, antialias: bool) -> Vec<f32> {
    let taps: Vec<Vec<(usize, f64)>> = (0..to).map(|k| taps(k, from, to, antialias)).collect();
    let mut out = Vec::with_capacity(to * to * width);
    for row in &taps {
        for column in &taps {
            for channel in 0..width {
                let along = |r: usize| -> f64 {
                    column.iter().map(|(c, weight)| weight * f64::from(grid[(r * from + c) * width + channel])).sum()
                };
                out.push(row.iter().map(|(r, weight)| weight * along(*r)).sum::<f64>() as f32);
            }
        }
    }
    out
}

/// Source positions and weights of one target position.
fn taps(target: usize, from: usize, to: usize, antialias: bool) -> Vec<(usize, f64)> {
    let scale = from as f64 / to as f64;
    let centre = (target as f64 + 0.5) * scale;
    if antialias {
        let stretch = scale.max(1.0);
        let support = 2.0 * stretch;
        let first = (centre - support + 0.5).max(0.0) as usize;
        let end = ((centre + support + 0.5) as usize).min(from);
        let weights: Vec<f64> = (first..end).map(|k| cubic((k as f64 - centre + 0.5) / stretch, -0.5)).collect();
        let total: f64 = weights.iter().sum();
        return (first..end).zip(weights.into_iter().map(|weight| weight / total)).collect();
    }
    let base = (centre - 0.5).floor();
    let within = centre - 0.5 - base;
    (-1i64..3)
        .map(|k| {
            let place = (base as i64 + k).clamp(0, from as i64 - 1) as usize;
            (place, cubic(k as f64 - within, -0.75))
        })
        .collect()
}

/// Keys' cubic kernel.
fn cubic(x: f64, a: f64) -> f64 {
    let x = x.abs();
    if x < 1.0 {
        ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * a
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_and_a_slope_survive() {
        for antialias in [false, true] {
            for (from, to) in [(5, 3), (3, 7), (37, 16)] {
                let flat = resize(&vec![2.5; from * from * 2], from, to, 2, antialias);
                assert!(flat.iter().all(|v| (v - 2.5).abs() < 1e-6), "{from} {to} {antialias}");
                let slope: Vec<f32> = (0..from * from).map(|i| (i % from) as f32).collect();
                let resized = resize(&slope, from, to, 1, antialias);
                let middle = to / 2;
                let expected = (middle as f32 + 0.5) * from as f32 / to as f32 - 0.5;
                assert!((resized[middle * to + middle] - expected).abs() < 0.3, "{from} {to} {antialias}");
            }
        }
    }
}
