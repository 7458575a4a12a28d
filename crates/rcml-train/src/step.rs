//! The forward pass of a training step.

use burn::tensor::{Device, Int, Tensor, TensorData};
use rcml_losses::{ConditionedModality, Objective, PairTargets, Term};
use rcml_model::{ConditionedSide, EncodedModality, ModelConfig, Rcml};

use crate::data::StepInput;
use crate::momentum::Momentum;

/// What a batch gives.
pub(crate) struct Forward {
    /// Terms of the loss.
    pub(crate) terms: Vec<Term>,
    /// Mean summary of each modality, for the model's running means.
    pub(crate) means: Vec<(String, Tensor<1>)>,
    /// What the momentum encoder made of it, and which items have each modality.
    pub(crate) seen: Vec<(String, Tensor<2>, Vec<bool>)>,
}

/// The terms of the loss of one batch: every candidate is conditioned on the ANCHOR's relation, never on one of its own, since
/// a model could otherwise win by recognising the relation instead of the item.
pub(crate) fn forward(
    model: &Rcml,
    config: &ModelConfig,
    objective: &Objective,
    momentum: Option<&Momentum>,
    input: &StepInput,
    device: &Device,
) -> Forward {
    let encoded = model.encode_training(config, &input.items, device);
    let means = encoded.iter().filter_map(|m| Some((m.name.clone(), m.mean.clone()?))).collect();
    let scale = model.temperature.scale();
    let (mut terms, mut seen) = (Vec::new(), Vec::new());
    let conditions = input.conditions.as_ref().filter(|_| objective.uses_related());
    if let Some(relations) = conditions.and_then(|(texts, roles)| model.relations(texts, roles, device)) {
        let modalities: Vec<_> = encoded
            .iter()
            .map(|m| {
                let everyone = objective.uses_everyone();
                related(model, config, m, relations.clone(), input, everyone, device)
            })
            .collect();
        terms.extend(objective.related(&modalities, &input.related, &scale));
    }
    let generic = || model.relations(&input.generic, &[rcml_data::Role::Either], device);
    if objective.uses_items()
        && encoded.len() > 1
        && let Some(relation) = generic()
    {
        let mut embedded = momentum.map_or(vec![], |momentum| momentum.embed(config, input, device));
        let modalities: Vec<_> = encoded
            .iter()
            .map(|modality| {
                let z = model.conditioner().forward_generic(&modality.tokens, relation.clone()).swap_dims(0, 1);
                let candidates = match config.side {
                    ConditionedSide::Both => z.clone(),
                    ConditionedSide::Query => model.conditioner().unconditioned(&modality.tokens).unsqueeze_dim(0),
                };
                let place = embedded.iter().position(|(name, _)| *name == modality.name);
                let rows = place.map(|place| embedded.swap_remove(place).1);
                let queue = momentum.and_then(|momentum| momentum.queue(config, &modality.name));
                seen.extend(rows.iter().map(|rows| (modality.name.clone(), rows.clone(), modality.present.clone())));
                let texts = input.generated.as_ref().filter(|_| modality.name == "text");
                let generated = texts.and_then(|texts| model.encode_beside(texts, modality.mean.as_ref(), device));
                let generated = generated.map(|tokens| match config.side {
                    ConditionedSide::Both => {
                        model.conditioner().forward_generic(&tokens, relation.clone()).squeeze_dim::<2>(1)
                    }
                    ConditionedSide::Query => model.conditioner().unconditioned(&tokens),
                });
                let momentum = rows.zip(queue.cloned());
                ConditionedModality { momentum, generated, ..conditioned(modality, z, candidates) }
            })
            .collect();
        terms.extend(objective.same_item(&modalities, &input.same_item, &scale));
    }
    Forward { terms, means, seen }
}

/// Anchors `[U, A, D]` and candidates `[U, B, D]` of one modality.
fn related(
    model: &Rcml,
    config: &ModelConfig,
    modality: &EncodedModality,
    relations: Tensor<2>,
    input: &StepInput,
    everyone: bool,
    device: &Device,
) -> ConditionedModality {
    let [u, _, b] = input.related.shape();
    let [c, _] = relations.dims();
    let z = model.conditioner().forward(&modality.tokens, relations).swap_dims(0, 1);
    let d = z.dims()[2];
    let anchors = anchor_rows(&input.related, &input.slots);
    let under = |slots: Vec<i64>| z.clone().select(0, Tensor::<1, Int>::from_data(TensorData::new(slots, [u]), device));
    let everyone = everyone.then(|| under(input.slots.iter().map(|(anchor, _)| *anchor as i64).collect()));
    let candidates = match config.side {
        ConditionedSide::Query => {
            model.conditioner().unconditioned(&modality.tokens).unsqueeze_dim::<3>(0).repeat_dim(0, u)
        }
        // One condition per relation: they are in order already.
        ConditionedSide::Both if c == u => z.clone(),
        ConditionedSide::Both => under(input.slots.iter().map(|(_, candidate)| *candidate as i64).collect()),
    };
    let count = anchors.len();
    let index = Tensor::<1, Int>::from_data(TensorData::new(anchors, [count]), device);
    let anchors = z.reshape([c * b, d]).select(0, index).reshape([u, count / u.max(1), d]);
    let of = |z: &Tensor<3>| model.confidence(config, &modality.name, z);
    let confidence = of(&anchors).zip(of(&candidates));
    let everyone = everyone.map(|z| (z.clone(), of(&z)));
    ConditionedModality { confidence, everyone, ..conditioned(modality, anchors, candidates) }
}

/// Position of every anchor in the flattened `[C, B]`.
fn anchor_rows(targets: &PairTargets, slots: &[(usize, usize)]) -> Vec<i64> {
    let [_, a, b] = targets.shape();
    let slot = |position: usize| slots[position / a.max(1)].0;
    targets.rows().iter().enumerate().map(|(position, row)| (slot(position) * b) as i64 + i64::from(*row)).collect()
}

fn conditioned(modality: &EncodedModality, anchors: Tensor<3>, candidates: Tensor<3>) -> ConditionedModality {
    ConditionedModality::new(&modality.name, anchors, candidates, modality.present.clone())
}
