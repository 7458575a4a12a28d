//! The paired bootstrap.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// A mean difference with its uncertainty.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bootstrap {
    /// Mean over all values.
    pub mean: f64,
    /// Lower end of the 95% interval (2.5% quantile of the resampled means).
    pub low: f64,
    /// Upper end of the 95% interval.
    pub high: f64,
    /// Two-sided p value of "the mean is 0": twice the smaller share of resampled means on either side of 0, counting the sample
    /// itself, so never below 2 / (resamples + 1).
    pub p: f64,
}

/// Paired bootstrap over queries (Efron and Tibshirani, 1993; Koehn, 2004): draws as many groups as there are, with replacement,
/// `resamples` times. A group is what is drawn together, for example all values of one query item: they are not independent.
/// The mean is over all values of the drawn groups. Every resample has its own random stream, so the result does not depend on
/// the thread count. `None` without values.
///
/// ```
/// use rcml_eval::statistics::paired_bootstrap;
/// let better: Vec<Vec<f64>> = (0..50).map(|i| vec![0.1 + f64::from(i % 5) / 50.0]).collect();
/// let found = paired_bootstrap(&better, 2_000, 0).unwrap();
/// assert!(found.low > 0.0 && found.p < 0.01);
/// ```
pub fn paired_bootstrap(groups: &[Vec<f64>], resamples: usize, seed: u64) -> Option<Bootstrap> {
    let sums: Vec<(f64, usize)> = groups.iter().map(|g| (g.iter().sum(), g.len())).filter(|g| g.1 > 0).collect();
    if sums.is_empty() {
        return None;
    }
    let mean_of = |drawn: &mut dyn Iterator<Item = usize>| {
        let (sum, count) = drawn.fold((0.0, 0), |(sum, count), i| (sum + sums[i].0, count + sums[i].1));
        sum / count as f64
    };
    let mean = mean_of(&mut (0..sums.len()));
    let mut means: Vec<f64> = (0..resamples as u64)
        .into_par_iter()
        .map(|number| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(number);
            mean_of(&mut (0..sums.len()).map(|_| rng.random_range(0..sums.len())))
        })
        .collect();
    let share =
        |is: &dyn Fn(f64) -> bool| (1 + means.iter().filter(|m| is(**m)).count()) as f64 / (resamples + 1) as f64;
    let p = (2.0 * share(&|m| m <= 0.0).min(share(&|m| m >= 0.0))).min(1.0);
    means.sort_unstable_by(f64::total_cmp);
    Some(Bootstrap {
        mean,
        low: quantile(&means, 0.025).unwrap_or(mean),
        high: quantile(&means, 0.975).unwrap_or(mean),
        p,
    })
}

/// Linear interpolation between the sorted values, as NumPy does.
fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let place = share * sorted.len().checked_sub(1)? as f64;
    let (below, above) = (*sorted.get(place.floor() as usize)?, *sorted.get(place.ceil() as usize)?);
    Some(below + (above - below) * place.fract())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(n: usize, shift: f64) -> Vec<Vec<f64>> {
        (0..n).map(|i| vec![((i * 37) % 101) as f64 / 101.0 - 0.5 + shift]).collect()
    }

    #[test]
    fn nothing_is_not_significant_and_much_is() {
        let (none, much) = (paired_bootstrap(&values(200, 0.0), 2000, 1), paired_bootstrap(&values(200, 0.3), 2000, 1));
        let (none, much) = (none.unwrap(), much.unwrap());
        assert!(none.low < 0.0 && none.high > 0.0 && none.p > 0.2, "{none:?}");
        assert!(much.low > 0.2 && much.p < 0.002, "{much:?}");
        let same = paired_bootstrap(&vec![vec![0.0]; 20], 500, 1).unwrap();
        assert_eq!((same.low, same.high, same.p), (0.0, 0.0, 1.0));
        assert_eq!(paired_bootstrap(&[vec![]], 10, 0), None);
    }

    #[test]
    fn copies_of_a_query_are_no_new_evidence() {
        let single = values(60, 0.05);
        let copied: Vec<Vec<f64>> = single.iter().map(|g| vec![g[0]; 10]).collect();
        let apart: Vec<Vec<f64>> = copied.iter().flatten().map(|v| vec![*v]).collect();
        let of = |groups: &[Vec<f64>]| paired_bootstrap(groups, 4000, 3).unwrap();
        let (single, copied, apart) = (of(&single), of(&copied), of(&apart));
        assert!((single.high - copied.high).abs() < 1e-12 && (single.p - copied.p).abs() < 1e-12);
        assert!(apart.high - apart.low < 0.5 * (copied.high - copied.low), "the naive bootstrap is too sure");
    }

    #[test]
    fn threads_do_not_change_a_bit() {
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| paired_bootstrap(&values(50, 0.01), 500, 9))
        };
        assert_eq!(run(1), run(3));
    }
}
