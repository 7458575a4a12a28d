//! Why a metric has no value.

/// Input that a metric has no value for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MetricError {
    /// A score that cannot be compared.
    #[error("score {index} of {count} is not a finite number ({found}), expected finite scores")]
    NotFinite {
        /// Position of the first such score.
        index: usize,
        /// Number of scores.
        count: usize,
        /// What stands there: NaN, inf or -inf.
        found: String,
    },
    /// A probability outside [0, 1].
    #[error("probability {index} of {count} is {found}, expected a number from 0 to 1")]
    NotAProbability {
        /// Position of the first such probability.
        index: usize,
        /// Number of probabilities.
        count: usize,
        /// The value.
        found: String,
    },
    /// Parallel slices of different lengths.
    #[error("{what}: found {found} entries, expected {expected}")]
    Length {
        /// Which slice.
        what: &'static str,
        /// Its length.
        found: usize,
        /// The length of the other.
        expected: usize,
    },
    /// Nothing to measure, or only one of the two classes.
    #[error("{what}: found {found}, expected at least {expected}")]
    TooFew {
        /// What there is too little of.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many are needed.
        expected: usize,
    },
    /// An argument outside its range.
    #[error("{what}: found {found}, expected {expected}")]
    Argument {
        /// Which argument.
        what: &'static str,
        /// Its value.
        found: usize,
        /// Its range.
        expected: &'static str,
    },
}

impl MetricError {
    pub(super) fn same_length(what: &'static str, found: usize, expected: usize) -> Result<(), Self> {
        if found == expected { Ok(()) } else { Err(Self::Length { what, found, expected }) }
    }

    pub(super) fn at_least(what: &'static str, found: usize, expected: usize) -> Result<(), Self> {
        if found >= expected { Ok(()) } else { Err(Self::TooFew { what, found, expected }) }
    }

    pub(super) fn finite(scores: &[f64]) -> Result<(), Self> {
        let count = scores.len();
        let bad = scores.iter().enumerate().find(|(_, score)| !score.is_finite());
        bad.map_or(Ok(()), |(index, score)| Err(Self::NotFinite { index, count, found: score.to_string() }))
    }

    pub(super) fn probabilities(values: &[f64]) -> Result<(), Self> {
        let count = values.len();
        let bad = values.iter().enumerate().find(|(_, p)| !(0.0..=1.0).contains(*p));
        bad.map_or(Ok(()), |(index, p)| Err(Self::NotAProbability { index, count, found: p.to_string() }))
    }
}
