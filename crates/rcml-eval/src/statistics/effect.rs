//! How large a difference is, whatever the number of queries.

/// Sizes of a paired difference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effect {
    /// Cohen's d of paired values: mean difference over its standard deviation (n - 1); 0 where nothing differs, and `None` where
    /// everything differs by the same amount.
    pub d: Option<f64>,
    /// Share of queries where the first is better.
    pub wins: f64,
    /// Share of queries where the second is better.
    pub losses: f64,
}

/// Sizes of differences; `None` for fewer than two.
pub fn effect(differences: &[f64]) -> Option<Effect> {
    if differences.len() < 2 {
        return None;
    }
    let n = differences.len() as f64;
    let mean = differences.iter().sum::<f64>() / n;
    let variance = differences.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let share = |is: &dyn Fn(f64) -> bool| differences.iter().filter(|d| is(**d)).count() as f64 / n;
    let d = if mean == 0.0 {
        Some(0.0)
    } else if variance > 0.0 {
        Some(mean / variance.sqrt())
    } else {
        None
    };
    Some(Effect { d, wins: share(&|d| d > 0.0), losses: share(&|d| d < 0.0) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_small_sets() {
        let found = effect(&[1.0, -1.0, 1.0, 1.0, 0.0]).unwrap();
        assert!((found.d.unwrap() - 0.4 / 0.8_f64.sqrt()).abs() < 1e-12);
        assert_eq!((found.wins, found.losses), (0.6, 0.2));
        assert_eq!(effect(&[2.0, 2.0]).unwrap().d, None);
        assert_eq!(effect(&[0.0, 0.0]).unwrap().d, Some(0.0));
        assert_eq!(effect(&[1.0]), None);
    }
}
