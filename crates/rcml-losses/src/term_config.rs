//! One more term of the objective, as data.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::catalogue::{MethodInfo, Place, method, nearest};

/// A published method, weighted and added to the objective:
///
/// ```toml
/// [[objective.terms]]
/// method = "siglip"
/// weight = 0.5
/// parameters = { bias = -5.0 }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TermConfig {
    /// Name in the catalogue (docs/objectives.md).
    pub method: String,
    /// Weight in the sum.
    #[serde(default = "one")]
    pub weight: f64,
    /// What is compared; by default related pairs where the method takes these, else the modalities of one item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<Over>,
    /// Which modalities, for methods that compare pairs.
    #[serde(default)]
    pub between: Between,
    /// A fixed temperature of its own; by default the objective's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// For methods that learn from a modality's own similarities: which modality that is, where it is one of a pair. By default the one
    /// that a frozen pretrained encoder reads, if there is one such; else the first of a pair for `cwcl`, the second for `soft-clip`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teacher: Option<String>,
    /// Numbers that the method takes.
    #[serde(default)]
    pub parameters: BTreeMap<String, f64>,
}

/// What a term compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Over {
    /// Anchors and candidates under the relations of the batch.
    Related,
    /// The modalities of one item, under the generic relation.
    Items,
}

/// Which modalities a pair is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Between {
    /// All ordered pairs of different modalities, averaged.
    #[default]
    Inter,
    /// Each modality with itself, summed.
    Intra,
    /// The fused embeddings.
    Fused,
}

/// Methods that take a teacher.
const TAUGHT: [&str; 2] = ["cwcl", "soft-clip"];

fn one() -> f64 {
    1.0
}

impl TermConfig {
    /// A method with its defaults.
    pub fn new(method: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            weight: 1.0,
            over: None,
            between: Between::default(),
            temperature: None,
            teacher: None,
            parameters: BTreeMap::new(),
        }
    }

    /// The method.
    ///
    /// # Errors
    /// An unknown name: says which names are near it.
    pub fn info(&self) -> Result<&'static MethodInfo, String> {
        method(&self.method)
    }

    /// What the term compares.
    pub fn compares(&self) -> Over {
        let natural = match self.info().map(|info| info.place) {
            Ok(Place::Items) => Over::Items,
            _ => Over::Related,
        };
        self.over.unwrap_or(natural)
    }

    /// Whether the method learns from a modality's own similarities.
    pub fn is_taught(&self) -> bool {
        TAUGHT.contains(&self.method.as_str())
    }

    /// A number by name: given, or the method's own.
    pub(crate) fn parameter(&self, name: &str) -> f64 {
        let default =
            || self.info().ok()?.parameters.iter().find(|known| known.name == name).map(|known| known.default);
        self.parameters.get(name).copied().or_else(default).unwrap_or(0.0)
    }

    /// Checks the values.
    ///
    /// # Errors
    /// Names the key, the value found and what was expected; for a misspelt name, the nearest.
    pub fn validate(&self) -> Result<(), String> {
        let info = self.info().map_err(|message| format!("method: {message}"))?;
        match info.place {
            Place::Library(needs) => {
                return Err(format!(
                    "method: {:?} needs {needs}; it can be used from Rust (rcml_losses::methods::{}), not by a run",
                    info.name, info.function
                ));
            }
            Place::Items if self.over == Some(Over::Related) => {
                return Err(format!(
                    "over: {:?} compares the modalities of one item, which related pairs are not; expected \"items\"",
                    info.name
                ));
            }
            Place::Items if self.between != Between::Inter => {
                return Err(format!("between: {:?} is between modalities; expected \"inter\"", info.name));
            }
            _ => {}
        }
        if info.name == "relation-contrast" && self.over == Some(Over::Items) {
            return Err("over: \"relation-contrast\" tells relations apart; expected \"related\"".into());
        }
        if self.compares() == Over::Items && self.between != Between::Inter {
            return Err("between: within one modality an item is trivially like itself; expected \"inter\"".into());
        }
        if !(self.weight.is_finite() && self.weight >= 0.0) {
            return Err(format!("weight: expected a number of at least 0, found {}", self.weight));
        }
        if let Some(temperature) = self.temperature
            && !info.temperature
        {
            return Err(format!(
                "temperature: {:?} divides nothing by one; expected no temperature, found {temperature}",
                info.name
            ));
        }
        if let Some(teacher) = self.teacher.as_ref().filter(|_| !self.is_taught()) {
            return Err(format!(
                "teacher: {:?} has none, methods with one are {}; expected no teacher, found {teacher:?}",
                info.name,
                TAUGHT.join(" and ")
            ));
        }
        if let Some(temperature) = self.temperature
            && !(temperature.is_finite() && temperature > 0.0)
        {
            return Err(format!("temperature: expected a number above 0, found {temperature}"));
        }
        for (name, value) in &self.parameters {
            let Some(known) = info.parameters.iter().find(|known| known.name == name) else {
                let names: Vec<&str> = info.parameters.iter().map(|known| known.name).collect();
                let hint = if names.is_empty() { "it takes none".into() } else { nearest(name, &names) };
                return Err(format!("parameters.{name}: {:?} has no such number; {hint}", info.name));
            };
            if !(known.min..=known.max).contains(value) {
                return Err(format!(
                    "parameters.{name}: expected a number from {} to {}, found {value}",
                    known.min, known.max
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_named() {
        let with = |change: fn(&mut TermConfig)| {
            let mut term = TermConfig::new("siglip");
            change(&mut term);
            term.validate().unwrap_err()
        };
        for (message, words) in [
            (with(|t| t.method = "siglyp".into()), "did you mean `siglip`"),
            (with(|t| t.method = "slap".into()), "predictor"),
            (with(|t| t.weight = -1.0), "weight"),
            (with(|t| t.temperature = Some(0.0)), "temperature"),
            (with(|t| t.parameters = [("bais".into(), 1.0)].into()), "did you mean `bias`"),
            (with(|t| t.parameters = [("bias".into(), 1e9)].into()), "from -100 to 100"),
            (with(|t| (t.method, t.over) = ("gram".into(), Some(Over::Related))), "expected \"items\""),
            (with(|t| (t.method, t.between) = ("gram".into(), Between::Fused)), "between modalities"),
            (with(|t| (t.method, t.temperature) = ("barlow".into(), Some(0.1))), "expected no temperature, found 0.1"),
            (with(|t| t.teacher = Some("text".into())), "expected no teacher, found \"text\""),
            (with(|t| (t.over, t.between) = (Some(Over::Items), Between::Intra)), "trivially"),
        ] {
            assert!(message.contains(words), "{message} should say {words}");
        }
        TermConfig::new("siglip").validate().unwrap();
    }

    /// A temperature is refused where the value would not depend on it, and nowhere else.
    #[test]
    fn methods_without_a_temperature_take_none() {
        let without =
            ["slap", "vse", "vse++", "barlow", "orthogonality", "align", "uniformity", "cross-uniformity", "rafa"];
        let without: Vec<&str> = without.into_iter().chain(["gap-guard", "sep-clr", "k-jem"]).collect();
        for info in crate::METHODS {
            assert_eq!(info.temperature, !without.contains(&info.name), "{}", info.name);
        }
    }

    #[test]
    fn defaults_come_from_the_catalogue() {
        let term = TermConfig::new("hcl");
        assert_eq!((term.parameter("beta"), term.compares()), (1.0, Over::Items));
        assert_eq!(TermConfig::new("siglip").compares(), Over::Related);
    }
}
