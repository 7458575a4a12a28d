//! Which of very many pairs meet more often than popularity explains.

/// ln P(X >= count) of a Poisson variable with this mean, where `count` is above the mean; 0 where it is not (such a pair
/// is never called significant). A sum of independent users is less spread than a Poisson variable, so that the test errs
/// on the side of calling too few.
pub(crate) fn ln_upper_tail(count: u32, mean: f64) -> f64 {
    let n = f64::from(count);
    if mean <= 0.0 || mean.is_nan() {
        return if count == 0 { 0.0 } else { f64::NEG_INFINITY };
    }
    if n <= mean {
        return 0.0;
    }
    // P = e^-m m^n / n! * (1 + m / (n + 1) + m^2 / ((n + 1) (n + 2)) + ...)
    let (mut term, mut sum, mut k) = (1.0, 1.0, n);
    while term > sum * 1e-16 {
        k += 1.0;
        term *= mean / k;
        sum += term;
    }
    (n * mean.ln() - mean - ln_factorial(count) + f64::ln(sum)).min(0.0)
}

/// ln n!: exact for small n, by Stirling's series beyond.
fn ln_factorial(n: u32) -> f64 {
    if n < 64 {
        return (2..=n).map(|k| f64::from(k).ln()).sum();
    }
    let n = f64::from(n);
    n * n.ln() - n + 0.5 * (std::f64::consts::TAU * n).ln() + 1.0 / (12.0 * n) - 1.0 / (360.0 * n.powi(3))
}

/// The largest ln p that is significant where the share of false discoveries shall be at most `rate` (Benjamini and Hochberg
/// 1995), among `tests` of which the given ones are all that could be small. `None` where none is.
pub(crate) fn threshold(mut ln_p: Vec<f64>, tests: f64, rate: f64) -> Option<f64> {
    ln_p.sort_unstable_by(f64::total_cmp);
    let passes = |rank: usize, ln_p: f64| ln_p <= (rate * (rank + 1) as f64 / tests.max(1.0)).ln();
    let last = (0..ln_p.len()).rev().find(|&rank| passes(rank, ln_p[rank]))?;
    Some(ln_p[last])
}

/// P(Z >= z) of a standard normal variable (Abramowitz and Stegun 26.2.17 for the body, the asymptotic series beyond):
/// good to a few per cent in the far tail, where nobody reads more than its order of magnitude.
pub(crate) fn normal_tail(z: f64) -> f64 {
    if z < 0.0 {
        return 1.0 - normal_tail(-z);
    }
    let density = (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt();
    if z > 6.0 {
        return density / z * (1.0 - 1.0 / (z * z));
    }
    let t = 1.0 / (1.0 + 0.231_641_9 * z);
    let polynomial =
        t * (0.319_381_530 + t * (-0.356_563_782 + t * (1.781_477_937 + t * (-1.821_255_978 + t * 1.330_274_429))));
    density * polynomial
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_agree_with_scipy() {
        // scipy.stats.poisson.logsf(count - 1, mean) and scipy.stats.norm.sf(z); printed by oracles/interactions.py.
        for (count, mean, expected) in [
            (1, 0.001, -6.908_255_237_315_471),
            (3, 0.05, -10.816_409_284_648_57),
            (2, 1.9, -0.568_717_828_668_835_7),
            (10, 4.0, -4.811_918_526_685_128),
            (100, 50.0, -21.862_679_706_410_28),
            (5000, 4700.0, -11.787_748_587_643_48),
        ] {
            let told = ln_upper_tail(count, mean);
            assert!(
                (told - expected).abs() < 1e-9 * expected.abs().max(1.0),
                "{count} of {mean}: {told}, not {expected}"
            );
        }
        for (z, expected) in [(0.0, 0.5), (1.0, 0.158_655_253_931_457_05), (3.0, 0.001_349_898_031_630_094_6)] {
            assert!((normal_tail(z) - expected).abs() < 1e-7 && (normal_tail(-z) - 1.0 + expected).abs() < 1e-7);
        }
        assert_eq!((ln_upper_tail(3, 3.0), ln_upper_tail(0, 0.0)), (0.0, 0.0));
    }

    #[test]
    fn false_discoveries_are_held_down() {
        // scipy.stats.false_discovery_control keeps three; among 100 tests it keeps none.
        let p = [0.5, 0.02, 0.01, 0.03].map(f64::ln).to_vec();
        assert_eq!(threshold(p.clone(), 4.0, 0.05), Some(0.03_f64.ln()));
        assert_eq!(threshold(p, 100.0, 0.05), None);
    }
}
