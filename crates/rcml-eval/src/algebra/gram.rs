//! Products of columns.

use rayon::prelude::*;

/// X^T Y of `[n, a]` and `[n, b]` rows less the means of their columns: `[a, b]`, row-major. The rows are walked a block at a
/// time; memory is that of the result.
pub(crate) fn cross_products(x: &[f32], a: usize, x_mean: &[f64], y: &[f32], b: usize, y_mean: &[f64]) -> Vec<f64> {
    /// Rows at a time: a block of both sides stays in the cache while every column of X meets it.
    const BLOCK: usize = 256;
    let mut out = vec![0.0; a * b];
    if a == 0 || b == 0 {
        return out;
    }
    for (x_block, y_block) in x.chunks(BLOCK * a).zip(y.chunks(BLOCK * b)) {
        let centred: Vec<f64> =
            y_block.chunks(b).flat_map(|row| row.iter().zip(y_mean).map(|(v, m)| f64::from(*v) - m)).collect();
        out.par_chunks_mut(b).enumerate().for_each(|(column, sums)| {
            for (x_row, y_row) in x_block.chunks(a).zip(centred.chunks(b)) {
                let value = f64::from(x_row[column]) - x_mean[column];
                sums.iter_mut().zip(y_row).for_each(|(sum, y)| *sum += value * y);
            }
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_over_all_blocks() {
        let n = 600;
        let x: Vec<f32> = (0..2 * n).map(|i| (i % 7) as f32).collect();
        let y: Vec<f32> = (0..3 * n).map(|i| (i % 5) as f32).collect();
        let found = cross_products(&x, 2, &[1.0, 0.0], &y, 3, &[0.0, 0.5, 0.0]);
        for i in 0..2 {
            for j in 0..3 {
                let (xm, ym) = ([1.0, 0.0][i], [0.0, 0.5, 0.0][j]);
                let wanted: f64 = (0..n).map(|r| (f64::from(x[2 * r + i]) - xm) * (f64::from(y[3 * r + j]) - ym)).sum();
                assert!((found[3 * i + j] - wanted).abs() < 1e-9, "{i} {j}");
            }
        }
    }
}
