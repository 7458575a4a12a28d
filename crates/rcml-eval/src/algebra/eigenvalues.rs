//! Eigenvalues of a symmetric matrix.

/// Eigenvalues of a symmetric `[n, n]` matrix, ascending: Householder's reduction to three diagonals, then the QL algorithm with
/// implicit shifts (Golub and Van Loan, Matrix Computations, 8.3).
pub(crate) fn symmetric_eigenvalues(a: Vec<f64>, n: usize) -> Vec<f64> {
    let (mut diagonal, mut beside) = tridiagonal(a, n);
    for low in 0..n {
        // Each eigenvalue takes two or three rounds; the bound only keeps NaN from looping for ever.
        for _ in 0..60 {
            let is_split = |m: usize| beside[m].abs() <= f64::EPSILON * (diagonal[m].abs() + diagonal[m + 1].abs());
            let high = (low..n - 1).find(|m| is_split(*m)).unwrap_or(n - 1);
            if high == low {
                break;
            }
            chase(&mut diagonal, &mut beside, low, high);
        }
    }
    diagonal.sort_unstable_by(f64::total_cmp);
    diagonal
}

/// One QL step on the block from `low` to `high`.
fn chase(d: &mut [f64], e: &mut [f64], low: usize, high: usize) {
    let half = (d[low + 1] - d[low]) / (2.0 * e[low]);
    let mut g = d[high] - d[low] + e[low] / (half + half.hypot(1.0).copysign(half));
    let (mut sine, mut cosine, mut shift) = (1.0, 1.0, 0.0);
    for i in (low..high).rev() {
        let (f, b) = (sine * e[i], cosine * e[i]);
        let radius = f.hypot(g);
        if i + 1 < high || radius == 0.0 {
            e[i + 1] = radius;
        }
        if radius == 0.0 {
            d[i + 1] -= shift;
            e[high] = 0.0;
            return;
        }
        sine = f / radius;
        cosine = g / radius;
        g = d[i + 1] - shift;
        let turned = (d[i] - g) * sine + 2.0 * cosine * b;
        shift = sine * turned;
        d[i + 1] = g + shift;
        g = cosine * turned - b;
    }
    d[low] -= shift;
    e[low] = g;
}

/// (diagonal, the diagonal beside it with a 0 at the end).
fn tridiagonal(mut a: Vec<f64>, n: usize) -> (Vec<f64>, Vec<f64>) {
    let mut beside = vec![0.0; n];
    for k in 0..n.saturating_sub(1) {
        let below = k + 1..n;
        let norm = below.clone().map(|i| a[i * n + k].powi(2)).sum::<f64>().sqrt();
        let head = a[(k + 1) * n + k];
        let alpha = -norm.copysign(head);
        beside[k] = alpha;
        let mut v: Vec<f64> = below.clone().map(|i| a[i * n + k]).collect();
        v[0] -= alpha;
        let square: f64 = v.iter().map(|x| x * x).sum();
        if square == 0.0 {
            continue;
        }
        let p: Vec<f64> = below
            .clone()
            .map(|i| 2.0 / square * a[i * n + k + 1..][..v.len()].iter().zip(&v).map(|(x, y)| x * y).sum::<f64>())
            .collect();
        let overlap = v.iter().zip(&p).map(|(x, y)| x * y).sum::<f64>() / square;
        let w: Vec<f64> = p.iter().zip(&v).map(|(p, v)| p - overlap * v).collect();
        for (row, i) in below.enumerate() {
            let cells = &mut a[i * n + k + 1..][..v.len()];
            for (column, cell) in cells.iter_mut().enumerate() {
                *cell -= v[row] * w[column] + w[row] * v[column];
            }
        }
    }
    ((0..n).map(|i| a[i * n + i]).collect(), beside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_spectra() {
        // The path graph's second difference: 2 - 2 cos(k pi / (n + 1)).
        let n = 12;
        let mut a = vec![0.0; n * n];
        for i in 0..n {
            a[i * n + i] = 2.0;
            if i + 1 < n {
                (a[i * n + i + 1], a[(i + 1) * n + i]) = (-1.0, -1.0);
            }
        }
        for (k, found) in symmetric_eigenvalues(a, n).into_iter().enumerate() {
            let wanted = 2.0 - 2.0 * ((k + 1) as f64 * std::f64::consts::PI / (n + 1) as f64).cos();
            assert!((found - wanted).abs() < 1e-12, "{k}: {found} {wanted}");
        }
        // All ones: one eigenvalue n, the others 0.
        let found = symmetric_eigenvalues(vec![1.0; 25], 5);
        assert!((found[4] - 5.0).abs() < 1e-12 && found[..4].iter().all(|v| v.abs() < 1e-12), "{found:?}");
        assert_eq!(symmetric_eigenvalues(vec![3.0], 1), [3.0]);
        assert!(symmetric_eigenvalues(Vec::new(), 0).is_empty());
        let diagonal = symmetric_eigenvalues(vec![2.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 7.0], 3);
        assert_eq!(diagonal, [-1.0, 2.0, 7.0]);
    }

    #[test]
    fn trace_and_square_sum_are_kept() {
        let n = 40;
        let mut a = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..=i {
                let value = (((i * 31 + j * 17) % 23) as f64 - 11.0) / 7.0;
                (a[i * n + j], a[j * n + i]) = (value, value);
            }
        }
        let trace: f64 = (0..n).map(|i| a[i * n + i]).sum();
        let squares: f64 = a.iter().map(|v| v * v).sum();
        let found = symmetric_eigenvalues(a, n);
        assert!((found.iter().sum::<f64>() - trace).abs() < 1e-10);
        assert!((found.iter().map(|v| v * v).sum::<f64>() - squares).abs() < 1e-9);
    }
}
