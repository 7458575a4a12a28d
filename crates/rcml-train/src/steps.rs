//! How long a run is.

use std::fmt;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Passes over the training items where the data say how long a run is, and the bounds of its steps: a few hundred items need
/// more passes, and a million more patience than a default should ask for.
const PASSES: u64 = 25;
const LEAST: u64 = 200;
const MOST: u64 = 2_000;
/// Where there are few pairs to learn from, more than one step for so many learns them by heart (docs/decisions/0013).
const PAIRS_OF_A_STEP: u64 = 8;
const FEWEST: u64 = 50;

/// Optimiser steps of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Steps {
    /// 25 passes over the training items, and not more than 2,000; not fewer than 200 either, unless there are fewer than 1,600
    /// related pairs: then not fewer than one for 8 of them, or 50. `"auto"` in a file; the configuration of a run that was
    /// begun has the number.
    #[default]
    Auto,
    /// So many.
    Exactly(u64),
}

impl Steps {
    /// Steps on `items` training items with so many related pairs, `batch` items at a time.
    pub fn count(self, items: usize, pairs: usize, batch: usize) -> u64 {
        let least = (pairs as u64 / PAIRS_OF_A_STEP).clamp(FEWEST, LEAST);
        match self {
            Self::Auto => (PASSES * items as u64).div_ceil(batch.max(1) as u64).clamp(least, MOST),
            Self::Exactly(steps) => steps,
        }
    }
}

/// Steps between two validations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Interval {
    /// A quarter of the run, but not fewer than 10 steps and not more than 50, or than a twentieth where that is more: the more
    /// items a run has, the longer each validation takes. `"auto"` in a file; the configuration of a run that was begun has the
    /// number.
    #[default]
    Auto,
    /// So many; 0 = no validation.
    Exactly(u64),
}

impl Interval {
    /// Steps between two validations of a run of `steps`.
    pub fn of(self, steps: u64) -> u64 {
        match self {
            Self::Auto => steps.div_ceil(4).clamp(10, 50.max(steps / 20)),
            Self::Exactly(interval) => interval,
        }
    }
}

/// A number or the word `auto`, which is none.
struct NumberOrAuto {
    key: &'static str,
    least: u64,
}

impl Visitor<'_> for NumberOrAuto {
    type Value = Option<u64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a number of at least {} or \"auto\" for {}", self.least, self.key)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Option<u64>, E> {
        if number >= self.least { Ok(Some(number)) } else { Err(E::invalid_value(Unexpected::Unsigned(number), &self)) }
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Option<u64>, E> {
        match u64::try_from(number) {
            Ok(number) => self.visit_u64(number),
            Err(_) => Err(E::invalid_value(Unexpected::Signed(number), &self)),
        }
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<Option<u64>, E> {
        if word == "auto" { Ok(None) } else { Err(E::invalid_value(Unexpected::Str(word), &self)) }
    }
}

/// Both are written and read alike.
macro_rules! number_or_auto {
    ($type:ident, $key:literal, $least:literal) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    Self::Auto => serializer.serialize_str("auto"),
                    Self::Exactly(number) => serializer.serialize_u64(*number),
                }
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let number = deserializer.deserialize_any(NumberOrAuto { key: $key, least: $least })?;
                Ok(number.map_or(Self::Auto, Self::Exactly))
            }
        }
    };
}

number_or_auto!(Steps, "training.steps", 1);
number_or_auto!(Interval, "training.validate_every", 0);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_follow_the_data_unless_they_are_said() {
        let many = 1_000_000;
        let counted = [0, 1_000, 4_010, 1_000_000].map(|items| Steps::Auto.count(items, many, 100));
        assert_eq!(counted, [200, 250, 1_003, 2_000]);
        let few = [0, 560, 1_000, 1_600, 3_000].map(|pairs| Steps::Auto.count(100, pairs, 100));
        assert_eq!(few, [50, 70, 125, 200, 200]);
        assert_eq!(Steps::Auto.count(4_010, 0, 100), 1_003);
        assert_eq!(Steps::Exactly(7).count(4_000, many, 100), 7);
        assert_eq!([30, 70, 200, 1_000, 2_000].map(|steps| Interval::Auto.of(steps)), [10, 18, 50, 50, 100]);
        assert_eq!(Interval::Exactly(0).of(200), 0);
    }
}
