//! Averages over queries, groups and seeds.

/// A mean with its sample standard deviation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeanStd {
    /// Arithmetic mean.
    pub mean: f64,
    /// Sample standard deviation (n - 1); `None` for fewer than two values, where it has no meaning.
    pub std: Option<f64>,
    /// Number of values.
    pub count: usize,
}

/// Arithmetic mean; `None` without values.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Median, the mean of the two middle values where their number is even; `None` without values or with a NaN.
pub fn median(values: &[f64]) -> Option<f64> {
    if values.iter().any(|v| v.is_nan()) {
        return None;
    }
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    Some(if sorted.len() % 2 == 1 { upper } else { f64::midpoint(sorted[middle - 1], upper) })
}

/// Mean and sample standard deviation, over seeds say; `None` without values.
pub fn mean_std(values: &[f64]) -> Option<MeanStd> {
    let mean = mean(values)?;
    let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    let std = (values.len() > 1).then(|| (squares / (values.len() - 1) as f64).sqrt());
    Some(MeanStd { mean, std, count: values.len() })
}

/// Micro average of groups given as (mean, number of queries): every query counts the same. `None` without queries.
pub fn micro_average(groups: &[(f64, usize)]) -> Option<f64> {
    let queries: usize = groups.iter().map(|g| g.1).sum();
    let sum: f64 = groups.iter().filter(|g| g.1 > 0).map(|(mean, n)| mean * *n as f64).sum();
    (queries > 0).then(|| sum / queries as f64)
}

/// Macro average of groups given as (mean, number of queries): every group with queries counts the same.
pub fn macro_average(groups: &[(f64, usize)]) -> Option<f64> {
    let means: Vec<f64> = groups.iter().filter(|g| g.1 > 0).map(|g| g.0).collect();
    mean(&means)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn micro_counts_queries_and_macro_counts_groups() {
        let groups = [(1.0, 3), (0.0, 1), (f64::NAN, 0)];
        assert_eq!(micro_average(&groups), Some(0.75));
        assert_eq!(macro_average(&groups), Some(0.5));
        assert_eq!(micro_average(&[]), None);
        assert_eq!(macro_average(&[(0.3, 0)]), None);
    }

    #[test]
    fn standard_deviation_is_of_the_sample() {
        let found = mean_std(&[1.0, 2.0, 3.0, 4.0]).unwrap();
        assert_eq!((found.mean, found.count), (2.5, 4));
        assert!((found.std.unwrap() - (5.0_f64 / 3.0).sqrt()).abs() < 1e-12);
        assert_eq!(mean_std(&[7.0]).unwrap(), MeanStd { mean: 7.0, std: None, count: 1 });
        assert_eq!(mean_std(&[]), None);
    }

    #[test]
    fn medians() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[1.0, f64::NAN]), None);
    }
}
