//! Whether two sets of vectors of the same things have the same shape.

use super::Rows;
use crate::algebra::cross_products;
use crate::metrics::MetricError;

/// Linear centred kernel alignment: |Y^T X|^2 / (|X^T X| |Y^T Y|) with centred columns and Frobenius norms (Kornblith et al.,
/// 2019). 1 where one set is a rotation or a scaling of the other, near 0 where they share nothing; widths may differ. Memory is
/// width x width, whatever N.
///
/// # Errors
/// Sets of different numbers, fewer than two rows, or a set without any spread.
pub fn linear_cka(x: Rows<'_>, y: Rows<'_>) -> Result<f64, MetricError> {
    x.parallel(&y)?;
    MetricError::at_least("rows", x.len(), 2)?;
    let (x_mean, y_mean) = (x.mean(), y.mean());
    let square = |a: Rows<'_>, a_mean: &[f64], b: Rows<'_>, b_mean: &[f64]| -> f64 {
        let products = cross_products(a.values(), a.width(), a_mean, b.values(), b.width(), b_mean);
        products.iter().map(|v| v * v).sum()
    };
    let both = square(x, &x_mean, y, &y_mean);
    let within = (square(x, &x_mean, x, &x_mean) * square(y, &y_mean, y, &y_mean)).sqrt();
    if within == 0.0 {
        return Err(MetricError::TooFew { what: "different rows", found: 1, expected: 2 });
    }
    Ok(both / within)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotation_and_scale_do_not_matter() {
        let x: Vec<f32> = (0..20).map(|i| ((i * 7) % 11) as f32).collect();
        let y: Vec<f32> = x.chunks(2).flat_map(|r| [-3.0 * r[1] + 5.0, 3.0 * r[0]]).collect();
        let (x, y) = (Rows::new(&x, 2).unwrap(), Rows::new(&y, 2).unwrap());
        assert!((linear_cka(x, y).unwrap() - 1.0).abs() < 1e-12);
        let constant = [1.0f32; 10];
        assert!(linear_cka(x, Rows::new(&constant, 1).unwrap()).is_err());
    }
}
