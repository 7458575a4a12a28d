//! The forward pass of a training step.

use burn::tensor::{Device, Tensor};
use rcml_attention::Relations;
use rcml_kernels::{RowIds, pick_rows};
use rcml_losses::{ConditionedModality, Followed, Generated, Objective, PairTargets, Term};
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
                let generated = input.generated.as_ref().filter(|_| modality.name == "text");
                let generated = generated.and_then(|(texts, right)| {
                    let tokens = model.encode_beside(texts, modality.mean.as_ref(), device)?;
                    // As the true texts that they stand beside.
                    let rows = match config.side {
                        ConditionedSide::Both => {
                            model.conditioner().forward_generic(&tokens, relation.clone()).squeeze_dim::<2>(1)
                        }
                        ConditionedSide::Query => model.conditioner().unconditioned(&tokens),
                    };
                    Some(Generated { rows, right: right.clone() })
                });
                let momentum = rows.zip(queue.cloned()).map(|(rows, queue)| {
                    let known = queue.known(&input.alike);
                    Followed { rows, queue, known }
                });
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
    relations: Relations,
    input: &StepInput,
    everyone: bool,
    device: &Device,
) -> ConditionedModality {
    let [u, a, b] = input.related.shape();
    let conditioner = model.conditioner();
    let (asking, answering): (Vec<u32>, Vec<u32>) =
        input.slots.iter().map(|(anchor, candidate)| (*anchor as u32, *candidate as u32)).unzip();
    // Every item answers under every relation, and few ask.
    let candidates = match config.side {
        ConditionedSide::Query => conditioner.unconditioned(&modality.tokens).unsqueeze_dim::<3>(0).repeat_dim(0, u),
        ConditionedSide::Both => conditioner.forward(&modality.tokens, relations.select(&answering)).swap_dims(0, 1),
    };
    let shares = config.side == ConditionedSide::Both && asking == answering;
    let everyone = everyone.then(|| match shares {
        true => candidates.clone(),
        false => conditioner.forward(&modality.tokens, relations.select(&asking)).swap_dims(0, 1),
    });
    let spoken = input.spoken.as_ref().filter(|_| modality.name == "text");
    let spoken = spoken.and_then(|texts| model.encode_beside(texts, modality.mean.as_ref(), device));
    let d = candidates.dims()[2];
    let anchors = match (spoken, everyone.as_ref().or(shares.then_some(&candidates))) {
        (Some(tokens), _) => conditioner.unconditioned(&tokens).reshape([u, a, d]),
        (None, Some(z)) => pick_rows(z.clone().reshape([u * b, d]), &anchor_rows(&input.related)).reshape([u, a, d]),
        (None, None) => conditioner.forward_rows(&modality.tokens, input.related.rows(), relations.select(&asking)),
    };
    let of = |z: &Tensor<3>| model.confidence(config, &modality.name, z);
    let confidence = of(&anchors).zip(of(&candidates));
    let everyone = everyone.map(|z| (z.clone(), of(&z)));
    ConditionedModality { confidence, everyone, ..conditioned(modality, anchors, candidates) }
}

/// Position of every anchor in the flattened `[U, B]`.
fn anchor_rows(targets: &PairTargets) -> RowIds {
    let [_, a, b] = targets.shape();
    let place = |(position, row): (usize, &u32)| ((position / a.max(1)) * b) as u32 + row;
    RowIds::new(targets.rows().iter().enumerate().map(place).collect::<Vec<_>>())
}

fn conditioned(modality: &EncodedModality, anchors: Tensor<3>, candidates: Tensor<3>) -> ConditionedModality {
    ConditionedModality::new(&modality.name, anchors, candidates, modality.present.clone())
}

#[cfg(test)]
mod tests {
    use rcml_data::Role;
    use rcml_encoders::Tokens;
    use rcml_encoders::pretrained::StateBatch;
    use rcml_losses::AnchorRow;
    use rcml_model::{ItemBatch, ModalityShape, TextInput};

    use super::*;
    use crate::RunConfig;

    const ITEMS: usize = 4;
    const WIDTH: usize = 8;

    /// Two relations of two ends each, with one pair each: 0 and 1 under the first, 2 and 3 under the second.
    fn input() -> StepInput {
        let anchor = |row, positives| AnchorRow { row, positives, excluded: &[] };
        let nothing = || TextInput::States(StateBatch::padded(&[vec![0.0; WIDTH]], WIDTH));
        StepInput {
            items: ItemBatch { items: ITEMS, text: None, image: None, features: Default::default() },
            conditions: Some((nothing(), vec![Role::Source, Role::Target, Role::Source, Role::Target])),
            slots: vec![(0, 1), (2, 3)],
            generated: None,
            ids: (0..ITEMS as u32).collect(),
            alike: vec![],
            related: PairTargets::new(ITEMS, &[vec![anchor(0, &[1])], vec![anchor(2, &[3])]]),
            spoken: None,
            generic: nothing(),
            same_item: PairTargets::new(ITEMS, &[]),
        }
    }

    /// A candidate that was conditioned on a relation of its own could be told from the others by that relation alone: every item
    /// of the batch, whatever it is related by, has to be conditioned on the anchor's.
    #[test]
    fn every_candidate_is_conditioned_on_the_anchors_relation() {
        for (name, device) in rcml_kernels::device::test_devices() {
            let settings = ["model.width=8".to_string(), "model.conditioner.rank=2".to_string()];
            let mut config = RunConfig::resolve(Some("rcml-paper"), None, &settings, None).unwrap().model;
            config.modalities = vec![ModalityShape { name: "shape".into(), input: 3, tokens: 1 }];
            config.vocabulary = 16;
            device.seed(3);
            let model = config.init(&Default::default(), &Default::default(), &device);
            let random =
                |shape: [usize; 3]| Tensor::<3>::random(shape, burn::tensor::Distribution::Normal(0.0, 1.0), &device);
            let modality = EncodedModality {
                name: "shape".into(),
                tokens: Tokens::with_summary_first(random([ITEMS, 2, WIDTH]), None),
                present: vec![true; ITEMS],
                mean: None,
            };
            let relations = random([1, 4, WIDTH]).reshape([4, WIDTH]);
            let found = related(&model, &config, &modality, relations.clone().into(), &input(), false, &device);
            let values = |z: Tensor<3>| z.try_into_vec_as::<f32>().unwrap();
            let under = |slot: usize| {
                let relation = relations.clone().slice([slot..slot + 1, 0..WIDTH]);
                values(model.conditioner().forward(&modality.tokens, relation).swap_dims(0, 1))
            };
            let close = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5);
            let candidates = values(found.candidates);
            for (relation, found) in candidates.chunks(ITEMS * WIDTH).enumerate() {
                let target = 2 * relation + 1;
                assert!(close(found, &under(target)), "{name}: candidates of relation {relation}");
                // The bug would be seen: under the other relation an item is somewhere else.
                assert!(!close(found, &under(3 - 2 * relation)), "{name}");
            }
            let anchors = values(found.anchors);
            assert!(close(&anchors[..WIDTH], &under(0)[..WIDTH]), "{name}: item 0 asks under the first relation");
            assert!(close(&anchors[WIDTH..], &under(2)[2 * WIDTH..3 * WIDTH]), "{name}: item 2 under the second");
        }
    }
}
