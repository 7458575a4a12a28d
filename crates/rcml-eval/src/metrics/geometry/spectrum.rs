//! How many directions vectors use.

use super::Rows;
use crate::algebra::{cross_products, symmetric_eigenvalues};
use crate::metrics::MetricError;

/// Singular values below this share of the largest are taken for rounding: they come from squares, which hold no more.
const FLOOR: f64 = 1e-6;

/// Effective rank: exp of the entropy of the singular values, normalised to sum 1, of the rows as they are (Roy and Vetterli, 2007;
/// RankMe of Garrido et al., 2023, but for its epsilon). Between 1 and the width; how many directions carry the vectors.
/// Singular values below a millionth of the largest count as 0.
///
/// # Errors
/// Rows that are all zero, or none.
pub fn effective_rank(rows: Rows<'_>) -> Result<f64, MetricError> {
    let width = rows.width();
    let origin = vec![0.0; width];
    let products = cross_products(rows.values(), width, &origin, rows.values(), width, &origin);
    let eigenvalues = symmetric_eigenvalues(products, width);
    let largest = eigenvalues.last().copied().unwrap_or(0.0).max(0.0).sqrt();
    if largest == 0.0 {
        return Err(MetricError::TooFew { what: "rows other than zero", found: 0, expected: 1 });
    }
    let singular: Vec<f64> =
        eigenvalues.into_iter().map(|v| v.max(0.0).sqrt()).filter(|v| *v > FLOOR * largest).collect();
    let sum: f64 = singular.iter().sum();
    Ok((-singular.iter().map(|v| v / sum * (v / sum).ln()).sum::<f64>()).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_rank_one_and_axes_their_number() {
        let line: Vec<f32> = (1..9).flat_map(|i| [i as f32, 2.0 * i as f32, 0.0]).collect();
        assert!((effective_rank(Rows::new(&line, 3).unwrap()).unwrap() - 1.0).abs() < 1e-9);
        let axes: Vec<f32> = (0..16).map(|i| f32::from(u8::from(i % 5 == 0))).collect();
        assert!((effective_rank(Rows::new(&axes, 4).unwrap()).unwrap() - 4.0).abs() < 1e-9);
        assert!(effective_rank(Rows::new(&[0.0, 0.0], 2).unwrap()).is_err());
    }
}
