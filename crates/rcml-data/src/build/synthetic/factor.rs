//! What a synthetic item is, before anybody draws or describes it.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value};

/// Number of factors.
pub(super) const FACTORS: usize = 6;

/// Names of the factors, in the order of [`Factors`].
pub(super) const NAMES: [&str; FACTORS] = ["shape", "colour", "texture", "size", "position", "surface"];

/// Names of the values of each factor.
pub(super) const VALUES: [&[&str]; FACTORS] = [
    &["disc", "square", "triangle", "star", "ring", "cross", "heart", "crescent"],
    &["red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink"],
    &["plain", "striped", "dotted", "checked"],
    &["tiny", "small", "large", "huge"],
    &["centre", "top left", "top right", "bottom left", "bottom right"],
    &["paper", "wood", "slate", "cloth"],
];

pub(super) const SHAPE: usize = 0;
pub(super) const COLOUR: usize = 1;
pub(super) const TEXTURE: usize = 2;
pub(super) const SIZE: usize = 3;
pub(super) const POSITION: usize = 4;
pub(super) const SURFACE: usize = 5;

/// The independent factors of one item: shape (8), colour (8), texture (4), size (4), position (5) and surface (4), each
/// as an index into its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Factors(pub(super) [u8; FACTORS]);

impl Factors {
    /// Combinations there are.
    pub(super) const COUNT: usize = 8 * 8 * 4 * 4 * 5 * 4;

    pub(super) fn draw(rng: &mut ChaCha8Rng) -> Self {
        Self(VALUES.map(|values| rng.random_range(0..values.len() as u32) as u8))
    }

    /// Position among all combinations.
    pub(super) fn index(self) -> usize {
        self.0.iter().zip(VALUES).fold(0, |index, (value, values)| index * values.len() + usize::from(*value))
    }

    /// The name of a factor's value: `value("colour")` is `"red"`; `None` for a factor that does not exist.
    pub fn value(&self, factor: &str) -> Option<&'static str> {
        let f = NAMES.iter().position(|name| *name == factor)?;
        VALUES[f].get(usize::from(self.0[f])).copied()
    }

    pub(super) fn to_json(self) -> Value {
        let fields = NAMES.iter().zip(VALUES).zip(self.0);
        Value::Object(
            fields.map(|((n, v), i)| ((*n).to_owned(), Value::from(v[usize::from(i)]))).collect::<Map<_, _>>(),
        )
    }

    pub(super) fn from_json(value: &Value) -> Option<Self> {
        let mut factors = [0; FACTORS];
        for (f, to) in factors.iter_mut().enumerate() {
            let name = value.get(NAMES[f])?.as_str()?;
            *to = VALUES[f].iter().position(|v| *v == name)? as u8;
        }
        Some(Self(factors))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use rand::SeedableRng;

    use super::*;

    #[test]
    fn json_and_back() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut seen = HashSet::new();
        for _ in 0..2000 {
            let factors = Factors::draw(&mut rng);
            assert_eq!(Factors::from_json(&factors.to_json()), Some(factors));
            assert!(factors.index() < Factors::COUNT);
            seen.insert((factors.index(), factors));
        }
        assert!(seen.len() > 1800, "indices are distinct and drawn widely");
        assert_eq!(Factors::from_json(&serde_json::json!({"shape": "disc"})), None);
        assert_eq!(Factors([0, 1, 0, 0, 0, 0]).value("colour"), Some("orange"));
    }
}
