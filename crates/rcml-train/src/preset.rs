//! Named compositions: methods that differ in a few settings of one program.

use std::collections::BTreeMap;

use rcml_attention::{AttentionConfig, AttentionInit, ConditionerConfig, Modulate, Pool, SummaryBias};
use rcml_losses::{Average, Between, Denominator, ObjectiveConfig, Over, TemperatureConfig, TermConfig};
use rcml_model::{ExactWordsConfig, FusionConfig, ModelConfig, RelationInText, Roles};

use crate::RunConfig;

/// Names that [`RunConfig::resolve`] accepts.
pub fn preset_names() -> &'static [&'static str] {
    &["rcml", "rcml-paper", "gate", "clip-relations", "clip-relations-text", "clip", "siglip"]
}

/// The configuration of a preset; encoders, optimiser and budget are the same in all of them.
pub(crate) fn preset(name: &str) -> Option<RunConfig> {
    let base = RunConfig { preset: name.into(), ..RunConfig::default() };
    let conditioner = |pool, modulate| ConditionerConfig { pool, modulate, ..ConditionerConfig::default() };
    // CLIP and its like embed an item in one way: no roles, no conditioning.
    let unconditioned = ModelConfig {
        conditioner: conditioner(Pool::Summary, Modulate::None),
        roles: Roles::None,
        translate: false,
        exact_words: ExactWordsConfig::NONE,
        ..base.model.clone()
    };
    match name {
        // Ours: relation attention picks tokens, the low-rank map and the gate turn channels.
        "rcml" => Some(base),
        // The paper's model and objective; encoders from scratch, their start, what a step hides and what a run keeps are those of all
        // presets (docs/method.md lists what differs from the paper).
        "rcml-paper" => Some(RunConfig {
            objective: ObjectiveConfig {
                inter: 1.0,
                intra: 0.5,
                fused: 0.0,
                same_item: 1.0,
                related: 1.0,
                denominator: Denominator::Joint,
                average: Average::Pairs,
                relation_specific_negatives: false,
                wrong_relation_negatives: false,
                temperature: TemperatureConfig { learned: false, ..TemperatureConfig::default() },
                terms: vec![],
            },
            model: ModelConfig {
                roles: Roles::None,
                translate: false,
                normalize_relations: false,
                exact_words: ExactWordsConfig::NONE,
                fusion: FusionConfig::Mean,
                conditioner: ConditionerConfig {
                    attention: AttentionConfig {
                        heads: 1,
                        beta: 0.6,
                        summary_bias: SummaryBias::Scale(1.0),
                        init: AttentionInit::Random,
                        residual: false,
                        residual_init: 0.0,
                    },
                    ..conditioner(Pool::Attention, Modulate::None)
                },
                ..base.model.clone()
            },
            ..base
        }),
        // A diagonal gate on the summary (Hydra): the cheap alternative to attention.
        "gate" => Some(RunConfig {
            model: ModelConfig {
                conditioner: conditioner(Pool::Summary, Modulate::Gate),
                translate: false,
                exact_words: ExactWordsConfig::NONE,
                ..base.model.clone()
            },
            ..base
        }),
        // Relation edges as extra positives without conditioning; the relation's text joins the query's at test time. Items
        // related in any way are no negatives: one space cannot hold them apart under one relation and together under another.
        "clip-relations" => Some(RunConfig {
            objective: ObjectiveConfig { relation_specific_negatives: false, ..base.objective.clone() },
            model: ModelConfig { relation_in_text: RelationInText::Query, ..unconditioned },
            ..base
        }),
        // The same with the relation's text behind the anchor's in training as well.
        "clip-relations-text" => {
            let base = preset("clip-relations")?;
            let model = ModelConfig { relation_in_text: RelationInText::Trained, ..base.model };
            Some(RunConfig { preset: name.into(), model, ..base })
        }
        // Image-text pairs alone, each pair of the batch a yes or a no of its own instead of a choice among all.
        "siglip" => {
            let base = preset("clip")?;
            let term = TermConfig {
                method: "siglip".into(),
                weight: 1.0,
                over: Some(Over::Items),
                between: Between::Inter,
                temperature: None,
                teacher: None,
                // The paper's -10 is for tens of thousands of pairs a batch.
                parameters: BTreeMap::from([("bias".into(), -5.0)]),
            };
            let objective = ObjectiveConfig { same_item: 0.0, terms: vec![term], ..base.objective };
            Some(RunConfig { preset: name.into(), objective, ..base })
        }
        // Image-text pairs alone.
        "clip" => Some(RunConfig {
            objective: ObjectiveConfig { related: 0.0, same_item: 1.0, ..base.objective.clone() },
            model: unconditioned,
            ..base
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_is_valid_and_named_after_itself() {
        for name in preset_names() {
            let config = preset(name).unwrap();
            assert_eq!(config.preset, *name);
            config.validate().unwrap();
            // The same budget and encoders for all.
            let rcml = preset("rcml").unwrap();
            assert_eq!(
                (&config.training, &config.optimizer, &config.sampler),
                (&rcml.training, &rcml.optimizer, &rcml.sampler)
            );
            assert_eq!((&config.model.text, &config.model.image), (&rcml.model.text, &rcml.model.image), "{name}");
        }
        assert!(preset("no such").is_none());
    }
}
