//! What a method that knows nothing scores, exactly.

use super::Rank;
use super::gain::discount;

fn blind(candidates: usize, right: usize) -> Rank {
    Rank { better: 0, wrong: candidates.saturating_sub(right), right: right.max(1) }
}

/// Probability that at least one of `right` right answers is among `k` of `candidates` drawn at random:
/// 1 - C(n - m, k) / C(n, k).
pub fn expected_hit(candidates: usize, right: usize, k: usize) -> f64 {
    blind(candidates, right).hit(k)
}

/// Expected reciprocal rank of the first of `right` right answers in a random order; H_n / n for one.
pub fn expected_reciprocal(candidates: usize, right: usize) -> f64 {
    match right {
        1 => harmonic(candidates.max(1)) / candidates.max(1) as f64,
        _ => blind(candidates, right).reciprocal(),
    }
}

/// H_n = 1 + 1/2 + ... + 1/n; for many terms by Euler and Maclaurin, whose first term left out is below 1e-16.
pub(crate) fn harmonic(n: usize) -> f64 {
    const EULER: f64 = 0.577_215_664_901_532_9;
    if n < 128 {
        return (1..=n).map(|j| 1.0 / j as f64).sum();
    }
    let x = n as f64;
    x.ln() + EULER + 0.5 / x - 1.0 / (12.0 * x.powi(2)) + 1.0 / (120.0 * x.powi(4)) - 1.0 / (252.0 * x.powi(6))
}

/// Expected rank of the first of `right` right answers in a random order; (n + 1) / 2 for one.
pub fn expected_rank(candidates: usize, right: usize) -> f64 {
    blind(candidates, right).expected()
}

/// Expected nDCG@k of a random order of `candidates` with `right` right answers; 0 where there are none.
pub fn expected_ndcg(candidates: usize, right: usize, k: usize) -> f64 {
    let ideal: f64 = (1..=right.min(k)).map(discount).sum();
    if ideal == 0.0 {
        return 0.0;
    }
    let share = right as f64 / candidates.max(1) as f64;
    share * (1..=candidates.min(k)).map(discount).sum::<f64>() / ideal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_levels() {
        assert!((expected_hit(21, 1, 5) - 5.0 / 21.0).abs() < 1e-12);
        assert_eq!(expected_hit(3, 1, 5), 1.0);
        // 1 - C(8, 2) / C(10, 2)
        assert!((expected_hit(10, 2, 2) - (1.0 - 28.0 / 45.0)).abs() < 1e-12);
        assert!((expected_reciprocal(4, 1) - (1.0 + 0.5 + 1.0 / 3.0 + 0.25) / 4.0).abs() < 1e-12);
        for n in [1, 2, 127, 128, 129, 5000] {
            let sum: f64 = (1..=n).rev().map(|j| 1.0 / j as f64).sum();
            assert!((harmonic(n) - sum).abs() < 1e-13, "{n}");
        }
        assert_eq!(expected_rank(9, 1), 5.0);
        assert_eq!(expected_ndcg(5, 5, 3), 1.0);
        assert_eq!(expected_ndcg(5, 0, 3), 0.0);
    }
}
