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

/// 1/(before + 1) + ... + 1/(before + n).
pub(crate) fn harmonic_between(before: usize, n: usize) -> f64 {
    if n <= 64 {
        return (1..=n).map(|j| 1.0 / (before + j) as f64).sum();
    }
    harmonic(before + n) - harmonic(before)
}

/// Expected macro F1, over the classes that occur, of guesses of which every class is as likely as any other; `occurring` are the
/// numbers of things of each class. 0 where there are none.
///
/// Of n things of a class among N, each is found with probability 1/L, and then stands among 1 + B things that were given the class,
/// B being binomial over the N - 1 others: `E[F1] = n/L * E[2 / (n + 1 + B)]`.
pub fn expected_macro_f1(occurring: &[usize]) -> f64 {
    let (things, p) = (occurring.iter().sum::<usize>(), 1.0 / occurring.len().max(1) as f64);
    let classes = occurring.iter().filter(|n| **n > 0).count();
    if classes == 0 {
        return 0.0;
    }
    let others = binomial(things - 1, p);
    let f1 = |n: usize| {
        let share = |(b, probability): (usize, &f64)| probability * 2.0 / (n + 1 + b) as f64;
        n as f64 * p * others.iter().enumerate().map(share).sum::<f64>()
    };
    occurring.iter().map(|n| f1(*n)).sum::<f64>() / classes as f64
}

/// The probabilities of 0 to n successes.
fn binomial(n: usize, p: f64) -> Vec<f64> {
    if p >= 1.0 {
        return (0..=n).map(|k| if k == n { 1.0 } else { 0.0 }).collect();
    }
    // In logarithms, since the first of many is no number any more.
    let (yes, no) = (p.ln(), (1.0 - p).ln());
    let mut log = n as f64 * no;
    (0..=n)
        .map(|k| {
            let probability = log.exp();
            log += ((n - k) as f64 / (k + 1) as f64).ln() + yes - no;
            probability
        })
        .collect()
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
    fn macro_f1_of_guesses_is_the_mean_over_all_of_them() {
        use crate::metrics::Confusion;
        for truth in [vec![0, 0, 0, 1, 2], vec![0, 0, 1, 1, 0, 0], vec![0, 0]] {
            let classes: usize = truth.iter().max().unwrap() + 1;
            let guesses = classes.pow(truth.len() as u32);
            let mut sum = 0.0;
            for guess in 0..guesses {
                let predicted: Vec<usize> = (0..truth.len()).map(|i| guess / classes.pow(i as u32) % classes).collect();
                sum += Confusion::new(&predicted, &truth, classes).unwrap().macro_f1();
            }
            let counts: Vec<usize> = (0..classes).map(|class| truth.iter().filter(|t| **t == class).count()).collect();
            let expected = sum / guesses as f64;
            assert!((expected_macro_f1(&counts) - expected).abs() < 1e-12, "{truth:?}: {expected}");
        }
        // Many of a common class and few of a rare one are found less often than one in two.
        let many = expected_macro_f1(&[9_000, 1_000]);
        assert!((many - (9.0 / 14.0 + 1.0 / 6.0) / 2.0).abs() < 1e-3, "{many}");
        assert_eq!(expected_macro_f1(&[]), 0.0);
    }

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
