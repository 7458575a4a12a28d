//! How long a run is.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Passes over the training items where the data say how long a run is, and the bounds of its steps: a few hundred items need
/// more passes, and a million more patience than a default should ask for.
const PASSES: u64 = 25;
const LEAST: u64 = 200;
const MOST: u64 = 2_000;

/// Optimiser steps of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Steps {
    /// 25 passes over the training items, but not fewer than 200 steps and not more than 2,000; `"auto"` in a file. The
    /// configuration of a run that was begun has the number.
    #[default]
    Auto,
    /// So many.
    Exactly(u64),
}

impl Steps {
    /// Steps on `items` training items, `batch` at a time.
    pub fn count(self, items: usize, batch: usize) -> u64 {
        match self {
            Self::Auto => (PASSES * items as u64).div_ceil(batch.max(1) as u64).clamp(LEAST, MOST),
            Self::Exactly(steps) => steps,
        }
    }
}

impl Serialize for Steps {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::Exactly(steps) => serializer.serialize_u64(*steps),
        }
    }
}

impl<'de> Deserialize<'de> for Steps {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberOrAuto)
    }
}

struct NumberOrAuto;

impl Visitor<'_> for NumberOrAuto {
    type Value = Steps;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of at least 1 or \"auto\" for training.steps")
    }

    fn visit_u64<E: Error>(self, steps: u64) -> Result<Steps, E> {
        if steps > 0 {
            Ok(Steps::Exactly(steps))
        } else {
            Err(E::invalid_value(serde::de::Unexpected::Unsigned(0), &self))
        }
    }

    fn visit_i64<E: Error>(self, steps: i64) -> Result<Steps, E> {
        match u64::try_from(steps) {
            Ok(steps) => self.visit_u64(steps),
            Err(_) => Err(E::invalid_value(serde::de::Unexpected::Signed(steps), &self)),
        }
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<Steps, E> {
        if word == "auto" { Ok(Steps::Auto) } else { Err(E::invalid_value(serde::de::Unexpected::Str(word), &self)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_follow_the_data_unless_they_are_said() {
        assert_eq!([0, 1_000, 4_010, 1_000_000].map(|items| Steps::Auto.count(items, 100)), [200, 250, 1_003, 2_000]);
        assert_eq!(Steps::Exactly(7).count(4_000, 100), 7);
    }
}
