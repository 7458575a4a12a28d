//! How evenly vectors cover the sphere: uniformity and anisotropy.

use rayon::prelude::*;

use super::Rows;
use crate::metrics::MetricError;

/// Uniformity: ln of the mean over pairs i < j of exp(-t |x_i - x_j|^2), for unit vectors (Wang and Isola, 2020; t = 2 there).
/// Smaller is more even; 0 where all vectors are one.
///
/// # Errors
/// Fewer than two rows.
pub fn uniformity(rows: Rows<'_>, t: f64) -> Result<f64, MetricError> {
    let n = rows.len();
    MetricError::at_least("rows", n, 2)?;
    // Differences in f64: the expansion |x|^2 + |y|^2 - 2 x.y loses what neighbours differ by.
    let distance =
        |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum::<f64>();
    let sums: Vec<f64> = (0..n - 1)
        .into_par_iter()
        .map(|i| (i + 1..n).map(|j| (-t * distance(rows.row(i), rows.row(j))).exp()).sum())
        .collect();
    Ok((sums.iter().sum::<f64>() / (n as f64 * (n - 1) as f64 / 2.0)).ln())
}

/// Anisotropy: the mean cosine of two different vectors (Ethayarajh, 2019), exactly and without looking at pairs:
/// (|sum of the unit vectors|^2 - N) / (N (N - 1)). 0 for directions that cancel out, 1 where all are one; negative values are
/// possible, down to -1 / (N - 1).
///
/// # Errors
/// Fewer than two rows, or a row of zeros, which has no direction.
pub fn anisotropy(rows: Rows<'_>) -> Result<f64, MetricError> {
    let n = rows.len();
    MetricError::at_least("rows", n, 2)?;
    let mut sum = vec![0.0; rows.width()];
    for row in rows.iter() {
        let length = row.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
        if length == 0.0 {
            return Err(MetricError::TooFew { what: "rows with a direction", found: 0, expected: n });
        }
        sum.iter_mut().zip(row).for_each(|(sum, v)| *sum += f64::from(*v) / length);
    }
    let square: f64 = sum.iter().map(|v| v * v).sum();
    Ok((square - n as f64) / (n as f64 * (n - 1) as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_point_and_the_corners_of_a_square() {
        let one = [1.0f32, 0.0, 1.0, 0.0, 1.0, 0.0];
        let one = Rows::new(&one, 2).unwrap();
        assert!(uniformity(one, 2.0).unwrap().abs() < 1e-12 && (anisotropy(one).unwrap() - 1.0).abs() < 1e-12);
        let square = [1.0f32, 0.0, 0.0, 1.0, -1.0, 0.0, 0.0, -1.0];
        let square = Rows::new(&square, 2).unwrap();
        let wanted = ((4.0 * (-4.0_f64).exp() + 2.0 * (-8.0_f64).exp()) / 6.0).ln();
        assert!((uniformity(square, 2.0).unwrap() - wanted).abs() < 1e-12);
        assert!((anisotropy(square).unwrap() + 1.0 / 3.0).abs() < 1e-12);
        assert!(uniformity(Rows::new(&[1.0, 0.0], 2).unwrap(), 2.0).is_err());
        assert!(anisotropy(Rows::new(&[0.0, 0.0, 1.0, 0.0], 2).unwrap()).is_err());
    }
}
