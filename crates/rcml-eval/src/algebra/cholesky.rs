//! Linear systems with a symmetric positive definite matrix.

/// L with A = L L^T.
#[derive(Debug, Clone)]
pub(crate) struct Cholesky {
    lower: Vec<f64>,
    n: usize,
}

impl Cholesky {
    /// Factors an `[n, n]` matrix; `None` where it is not positive definite.
    pub(crate) fn new(mut a: Vec<f64>, n: usize) -> Option<Self> {
        for j in 0..n {
            let (above, rest) = a.split_at_mut(j * n + n);
            let row_j = &mut above[j * n..];
            let square: f64 = row_j[..j].iter().map(|v| v * v).sum();
            let pivot = row_j[j] - square;
            // Also refuses NaN.
            if pivot.partial_cmp(&0.0) != Some(std::cmp::Ordering::Greater) || !pivot.is_finite() {
                return None;
            }
            let root = pivot.sqrt();
            row_j[j] = root;
            for row_i in rest.chunks_mut(n) {
                let known: f64 = row_i[..j].iter().zip(&row_j[..j]).map(|(x, y)| x * y).sum();
                row_i[j] = (row_i[j] - known) / root;
            }
        }
        Some(Self { lower: a, n })
    }

    /// Solves A X = B for `[n, m]` right sides, in place.
    pub(crate) fn solve(&self, b: &mut [f64], m: usize) {
        let n = self.n;
        let subtract = |b: &mut [f64], to: usize, from: usize, factor: f64| {
            let (low, high) = b.split_at_mut(to.max(from) * m);
            let (target, source) =
                if to > from { (&mut high[..m], &low[from * m..][..m]) } else { (&mut low[to * m..][..m], &high[..m]) };
            target.iter_mut().zip(source).for_each(|(t, s)| *t -= factor * s);
        };
        for i in 0..n {
            (0..i).for_each(|k| subtract(b, i, k, self.lower[i * n + k]));
            b[i * m..][..m].iter_mut().for_each(|v| *v /= self.lower[i * n + i]);
        }
        for i in (0..n).rev() {
            (i + 1..n).for_each(|k| subtract(b, i, k, self.lower[k * n + i]));
            b[i * m..][..m].iter_mut().for_each(|v| *v /= self.lower[i * n + i]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn solutions_solve() {
        let (n, m) = (6, 2);
        let value = |i: usize, j: usize| ((i * 7 + j * 3) % 5) as f64 - 2.0;
        let mut a = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..n {
                a[i * n + j] = (0..n).map(|k| value(i, k) * value(j, k)).sum::<f64>() + f64::from(u8::from(i == j));
            }
        }
        let b: Vec<f64> = (0..n * m).map(|i| i as f64 - 3.0).collect();
        let mut x = b.clone();
        Cholesky::new(a.clone(), n).unwrap().solve(&mut x, m);
        for i in 0..n {
            for c in 0..m {
                let found: f64 = (0..n).map(|k| a[i * n + k] * x[k * m + c]).sum();
                assert!((found - b[i * m + c]).abs() < 1e-9);
            }
        }
        assert!(Cholesky::new(vec![1.0, 2.0, 2.0, 1.0], 2).is_none(), "indefinite");
        assert!(Cholesky::new(vec![f64::NAN], 1).is_none());
    }
}
