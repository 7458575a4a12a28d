//! A share as a setting.

use std::fmt;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A number from 0 to 1 that may be left to the program.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Share {
    /// What the setting says that fits. `"auto"` in a file.
    #[default]
    Auto,
    /// So much, from 0 to 1.
    Exactly(f64),
}

impl Serialize for Share {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::Exactly(share) => serializer.serialize_f64(*share),
        }
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ShareOrAuto)
    }
}

struct ShareOrAuto;

impl Visitor<'_> for ShareOrAuto {
    type Value = Share;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number from 0 to 1 or \"auto\"")
    }

    fn visit_f64<E: Error>(self, share: f64) -> Result<Share, E> {
        let fits = (0.0..=1.0).contains(&share);
        if fits { Ok(Share::Exactly(share)) } else { Err(E::invalid_value(Unexpected::Float(share), &self)) }
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Share, E> {
        self.visit_f64(number as f64)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Share, E> {
        self.visit_f64(number as f64)
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<Share, E> {
        if word == "auto" { Ok(Share::Auto) } else { Err(E::invalid_value(Unexpected::Str(word), &self)) }
    }
}
