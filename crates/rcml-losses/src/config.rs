//! The objective as data.

use serde::{Deserialize, Serialize};

use crate::{Average, Denominator, TermConfig};

/// Which terms the objective has and how they are weighed.
///
/// ```text
/// L = inter * mean over ordered pairs of modalities x != y of L_xy  +  intra * sum over modalities of L_xx  +  fused * L_ff
/// ```
///
/// over the related pairs of the batch, plus `same_item` times the inter-modal part over (i, i) pairs under the generic
/// relation. With text and image, `inter = 1`, `intra` = the paper's lambda and `fused = 0` this is the paper's eq. 1. f is
/// the item's fused embedding: the unit mean of its modalities, which is what the AVG view of the evaluation compares.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ObjectiveConfig {
    /// Weight of terms between different modalities.
    pub inter: f64,
    /// Weight of terms within one modality (lambda).
    pub intra: f64,
    /// Weight of the term between fused embeddings.
    pub fused: f64,
    /// Weight of the pairs of an item with itself, between its modalities, under the generic relation.
    pub same_item: f64,
    /// Weight of the pairs of related items. 0 leaves plain image-text contrast (CLIP).
    pub related: f64,
    /// Whether a pair's own similarity stands in its denominator.
    pub denominator: Denominator,
    /// What a row's several positives count together.
    pub average: Average,
    /// Whether an item that is related to the anchor under ANOTHER relation only is a negative under this one. `false` is the
    /// paper's N(i), which leaves it out.
    pub relation_specific_negatives: bool,
    /// Whether a related pair under each relation of the batch that does NOT hold for it stands in its denominator, too: the same
    /// pair under a wrong relation is a negative.
    pub wrong_relation_negatives: bool,
    /// The temperature.
    pub temperature: TemperatureConfig,
    /// More terms, by the names of published methods.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub terms: Vec<TermConfig>,
}

impl Default for ObjectiveConfig {
    fn default() -> Self {
        Self {
            inter: 1.0,
            intra: 0.5,
            fused: 1.0,
            same_item: 0.5,
            related: 1.0,
            denominator: Denominator::Joint,
            average: Average::Anchors,
            relation_specific_negatives: true,
            wrong_relation_negatives: false,
            temperature: TemperatureConfig::default(),
            terms: vec![],
        }
    }
}

impl ObjectiveConfig {
    /// Checks the values.
    ///
    /// # Errors
    /// Names the key, the value found and what was expected.
    pub fn validate(&self) -> Result<(), String> {
        for (key, weight) in [
            ("inter", self.inter),
            ("intra", self.intra),
            ("fused", self.fused),
            ("same_item", self.same_item),
            ("related", self.related),
        ] {
            if !(weight.is_finite() && weight >= 0.0) {
                return Err(format!("{key}: expected a weight of at least 0, found {weight}"));
            }
        }
        for (index, term) in self.terms.iter().enumerate() {
            term.validate().map_err(|message| format!("terms[{index}].{message}"))?;
        }
        if self.terms.iter().filter(|term| term.method == "tcl").count() > 1 {
            return Err("terms: \"tcl\" stands there twice; a run has one momentum encoder".into());
        }
        self.temperature.validate().map_err(|message| format!("temperature.{message}"))
    }
}

/// The temperature tau that similarities are divided by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TemperatureConfig {
    /// Value at the start.
    pub initial: f64,
    /// Whether it is trained (as log 1/tau).
    pub learned: bool,
    /// Smallest value it may take.
    pub min: f64,
    /// Largest value it may take.
    pub max: f64,
}

impl Default for TemperatureConfig {
    fn default() -> Self {
        Self { initial: 0.1, learned: true, min: 0.01, max: 1.0 }
    }
}

impl TemperatureConfig {
    /// Checks the values.
    ///
    /// # Errors
    /// Names the key, the value found and what was expected.
    pub fn validate(&self) -> Result<(), String> {
        let positive = |value: f64| value.is_finite() && value > 0.0;
        if !positive(self.min) {
            return Err(format!("min: expected a number above 0, found {}", self.min));
        }
        if !positive(self.max) || self.max < self.min {
            return Err(format!("max: expected a number of at least min = {}, found {}", self.min, self.max));
        }
        if !(self.min..=self.max).contains(&self.initial) {
            return Err(format!(
                "initial: expected a value between min = {} and max = {}, found {}",
                self.min, self.max, self.initial
            ));
        }
        Ok(())
    }
}
