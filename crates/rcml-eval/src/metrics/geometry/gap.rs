//! How far two sets of vectors are apart: alignment of pairs, gap between modalities.

use super::Rows;
use crate::metrics::MetricError;

/// Alignment: the mean over pairs (row i of both sets) of |x_i - y_i|^alpha (Wang and Isola, 2020; alpha = 2 there). Smaller is
/// closer.
///
/// # Errors
/// No rows, or sets of different numbers or widths.
pub fn alignment(x: Rows<'_>, y: Rows<'_>, alpha: f64) -> Result<f64, MetricError> {
    x.parallel(&y)?;
    x.same_width(&y)?;
    MetricError::at_least("rows", x.len(), 1)?;
    let square =
        |(a, b): (&[f32], &[f32])| a.iter().zip(b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum::<f64>();
    Ok(x.iter().zip(y.iter()).map(square).map(|s| s.powf(alpha / 2.0)).sum::<f64>() / x.len() as f64)
}

/// Modality gap: the distance of the two sets' means (Liang et al., 2022).
///
/// # Errors
/// No rows, or sets of different widths.
pub fn modality_gap(x: Rows<'_>, y: Rows<'_>) -> Result<f64, MetricError> {
    x.same_width(&y)?;
    MetricError::at_least("rows", x.len().min(y.len()), 1)?;
    let square: f64 = x.mean().iter().zip(y.mean()).map(|(a, b)| (a - b).powi(2)).sum();
    Ok(square.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shift_is_both() {
        let x = [0.0f32, 0.0, 1.0, 0.0];
        let y = [3.0f32, 4.0, 4.0, 4.0];
        let (x, y) = (Rows::new(&x, 2).unwrap(), Rows::new(&y, 2).unwrap());
        assert_eq!((alignment(x, y, 2.0), alignment(x, y, 1.0), modality_gap(x, y)), (Ok(25.0), Ok(5.0), Ok(5.0)));
        let other = [1.0f32, 2.0, 3.0, 4.0];
        assert!(alignment(x, Rows::new(&other, 4).unwrap(), 2.0).is_err());
        assert!(modality_gap(x, Rows::new(&other, 4).unwrap()).is_err());
    }
}
