//! The weighted sum of terms between and within modalities.

use burn::tensor::Tensor;

use crate::across::AcrossRelations;
use crate::contrast::{Contest, Evaluation, Logits, MOST_AT_ONCE, Separate, Targets};
use crate::extra::Batch;
use crate::modality::fuse;
use crate::{ConditionedModality, ObjectiveConfig, Over, PairTargets, info_nce};

/// One term of the loss, kept apart for the log and for naming the culprit when a value is not finite.
#[derive(Debug, Clone)]
pub struct Term {
    /// For example `related/text>image`.
    pub name: String,
    /// Its weight in the sum.
    pub weight: f64,
    /// Its value, `[1]`.
    pub value: Tensor<1>,
}

/// Composes terms by an [`ObjectiveConfig`].
#[derive(Debug, Clone)]
pub struct Objective {
    config: ObjectiveConfig,
}

impl Objective {
    /// An objective.
    pub fn new(config: ObjectiveConfig) -> Self {
        Self { config }
    }

    /// The configuration.
    pub fn config(&self) -> &ObjectiveConfig {
        &self.config
    }

    /// Terms over related pairs: between modalities, within each, and between fused embeddings.
    ///
    /// `scale` is 1 / temperature, `[1]`. Terms without a positive are left out.
    pub fn related(&self, modalities: &[ConditionedModality], targets: &PairTargets, scale: &Tensor<1>) -> Vec<Term> {
        let config = &self.config;
        let ordered_pairs = (modalities.len() * modalities.len().saturating_sub(1)).max(1) as f64;
        let mut terms = Vec::new();
        for x in modalities {
            for y in modalities {
                let same = x.name == y.name;
                let weight = config.related * if same { config.intra } else { config.inter / ordered_pairs };
                terms.extend(self.term("related", x, y, weight, targets, scale));
            }
        }
        // With one modality the fused embedding is that modality.
        if config.fused > 0.0 && modalities.len() > 1 {
            let fused = fuse(modalities, targets);
            terms.extend(self.term("related", &fused, &fused, config.related * config.fused, targets, scale));
        }
        let batch = Batch { modalities, targets, scale, average: config.average };
        terms.extend(self.extra(Over::Related).flat_map(|term| batch.related(term)));
        terms
    }

    /// Whether related pairs are looked at.
    pub fn uses_related(&self) -> bool {
        self.config.related > 0.0 || self.extra(Over::Related).next().is_some()
    }

    /// Whether the modalities of one item are compared.
    pub fn uses_items(&self) -> bool {
        self.config.same_item > 0.0 || self.extra(Over::Items).next().is_some()
    }

    /// Whether [`ConditionedModality::everyone`] is needed.
    pub fn uses_everyone(&self) -> bool {
        let wrong = self.config.wrong_relation_negatives && self.config.related > 0.0;
        wrong || self.extra(Over::Related).any(|term| term.method == "relation-contrast")
    }

    /// The momentum encoder that a term needs: its decay a step, and how many embeddings of earlier batches are kept.
    pub fn momentum(&self) -> Option<(f64, usize)> {
        let term = self.extra(Over::Items).find(|term| term.method == "tcl")?;
        Some((term.parameter("momentum"), term.parameter("queue") as usize))
    }

    /// Whether generated negatives are needed.
    pub fn uses_generated(&self) -> bool {
        self.extra(Over::Items).any(|term| term.method == "extra-negatives")
    }

    fn extra(&self, over: Over) -> impl Iterator<Item = &crate::TermConfig> {
        self.config.terms.iter().filter(move |term| term.weight > 0.0 && term.compares() == over)
    }

    /// Terms between the modalities of one item under the generic relation: `targets` is [`PairTargets::same_item`], possibly
    /// with known relatives taken out. Within one modality an item is trivially like itself, so there is no such term.
    pub fn same_item(&self, modalities: &[ConditionedModality], targets: &PairTargets, scale: &Tensor<1>) -> Vec<Term> {
        let ordered_pairs = (modalities.len() * modalities.len().saturating_sub(1)).max(1) as f64;
        let weight = self.config.same_item * self.config.inter / ordered_pairs;
        let pairs = modalities.iter().flat_map(|x| modalities.iter().map(move |y| (x, y)));
        let batch = Batch { modalities, targets, scale, average: self.config.average };
        let extra = self.extra(Over::Items).flat_map(|term| batch.items(term));
        pairs
            .filter(|(x, y)| x.name != y.name)
            .filter_map(|(x, y)| self.term("same-item", x, y, weight, targets, scale))
            .chain(extra)
            .collect()
    }

    fn term(
        &self,
        kind: &str,
        x: &ConditionedModality,
        y: &ConditionedModality,
        weight: f64,
        targets: &PairTargets,
        scale: &Tensor<1>,
    ) -> Option<Term> {
        if weight == 0.0 {
            return None;
        }
        let [u, a, b] = targets.shape();
        let wrong = self.config.wrong_relation_negatives && u > 1;
        if wrong || u * a * b > MOST_AT_ONCE {
            // The same without a dense matrix of scores.
            let contest = Contest {
                views: vec![x.anchors.clone(), y.candidates.clone()],
                candidates: targets.candidates(&y.present),
                positives: targets.positives(self.config.average, &x.present, &y.present),
            };
            let divergence = Separate { denominator: self.config.denominator };
            if contest.positives.row_weights(&contest.candidates, true).iter().all(|weight| *weight == 0.0) {
                return None;
            }
            let logits = Logits::new(scale.clone()).evaluated(Evaluation::Kernel);
            let across = || AcrossRelations::new(x, y, targets, contest.positives.rows());
            let value = match wrong.then(across).flatten() {
                Some(pairs) => {
                    let rivals = pairs.wrong(scale, targets.correction());
                    contest.separate_beside(divergence, &rivals, &logits)?
                }
                None => contest.against(&divergence, &contest.positives, &logits),
            };
            return Some(Term { name: format!("{kind}/{}>{}", x.name, y.name), weight, value });
        }
        let pairs = targets.weigh(self.config.average, &x.present, &y.present);
        if pairs.positions.is_empty() {
            return None;
        }
        let mut logits =
            x.anchors.clone().matmul(y.candidates.clone().swap_dims(1, 2)) * scale.clone().unsqueeze::<3>();
        if !targets.correction().is_empty() {
            logits = logits - Tensor::<1>::from_floats(targets.correction(), &scale.device()).unsqueeze::<3>();
        }
        let value = info_nce(logits, &pairs, self.config.denominator)?;
        Some(Term { name: format!("{kind}/{}>{}", x.name, y.name), weight, value })
    }

    /// The weighted sum, `None` without terms.
    pub fn sum(terms: &[Term]) -> Option<Tensor<1>> {
        terms.iter().map(|term| term.value.clone().mul_scalar(term.weight)).reduce(|a, b| a + b)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AnchorRow;
    use burn::tensor::{Device, Distribution};
    use rcml_kernels::l2_normalize;

    fn anchor(row: u32, positives: &[u32]) -> AnchorRow<'_> {
        AnchorRow { row, positives, excluded: &[] }
    }

    fn modality(name: &str, device: &Device, targets: &PairTargets, present: Vec<bool>) -> ConditionedModality {
        let [u, a, b] = targets.shape();
        let random = |shape| l2_normalize(Tensor::<3>::random(shape, Distribution::Normal(0.0, 1.0), device));
        ConditionedModality {
            everyone: Some((random([u, b, 6]), None)),
            ..ConditionedModality::new(name, random([u, a, 6]), random([u, b, 6]), present)
        }
    }

    #[test]
    fn terms_follow_the_configuration() {
        let device = rcml_kernels::device::parse("cpu").unwrap();
        let targets = PairTargets::new(5, &[vec![anchor(0, &[1]), anchor(2, &[3, 4])]]);
        let modalities = ["text", "image"].map(|name| modality(name, &device, &targets, vec![]));
        let scale = Tensor::from_floats([10.0], &device);
        let names = |config: ObjectiveConfig| -> Vec<(String, f64)> {
            let terms = Objective::new(config).related(&modalities, &targets, &scale);
            terms.into_iter().map(|t| (t.name, t.weight)).collect()
        };
        let paper = ObjectiveConfig { fused: 0.0, ..ObjectiveConfig::default() };
        let expected = [("text>text", 0.5), ("text>image", 0.5), ("image>text", 0.5), ("image>image", 0.5)];
        assert_eq!(names(paper), expected.map(|(name, weight)| (format!("related/{name}"), weight)));
        let inter_only = ObjectiveConfig { intra: 0.0, fused: 0.0, ..ObjectiveConfig::default() };
        assert_eq!(names(inter_only).len(), 2);
        assert_eq!(names(ObjectiveConfig::default()).last(), Some(&("related/fused>fused".into(), 1.0)));
    }

    /// With the log of a chance q taken off each logit, the softmax is over exp(logit) / q.
    #[test]
    fn a_correction_divides_by_the_chance_of_a_candidate() {
        for (name, device) in rcml_kernels::device::test_devices() {
            let targets = PairTargets::new(3, &[vec![anchor(0, &[1])]]);
            let anchors = Tensor::from_floats([[[1.0, 0.0]]], &device);
            let candidates = Tensor::from_floats([[[1.0, 0.0], [0.6, 0.8], [0.8, 0.6]]], &device);
            let modality = ConditionedModality::new("x", anchors, candidates, vec![]);
            let scale = Tensor::from_floats([2.0], &device);
            let config = ObjectiveConfig { intra: 1.0, fused: 0.0, ..ObjectiveConfig::default() };
            let value = |targets: &PairTargets| {
                let terms = Objective::new(config.clone()).related(std::slice::from_ref(&modality), targets, &scale);
                Objective::sum(&terms).unwrap().into_scalar::<f32>()
            };
            let (positive, negative) = ((2.0f32 * 0.6).exp() / 0.5, (2.0f32 * 0.8).exp() / 0.1);
            let expected = -(positive / (positive + negative)).ln();
            let corrected = targets.clone().with_correction([0.9f32, 0.5, 0.1].map(f32::ln).to_vec());
            assert!((value(&corrected) - expected).abs() < 1e-5, "{name}");
            assert!((value(&targets) - expected).abs() > 0.1, "{name}");
        }
    }

    /// The values of an item that lacks a modality must not reach the loss.
    #[test]
    fn a_missing_modality_never_reaches_the_loss() {
        for (name, device) in rcml_kernels::device::test_devices() {
            device.seed(5);
            let targets = PairTargets::new(4, &[vec![anchor(0, &[1, 2]), anchor(3, &[0])]]);
            let text = modality("text", &device, &targets, vec![]);
            let image = modality("image", &device, &targets, vec![true, false, true, false]);
            let mut other = image.clone();
            let noise = Tensor::<3>::random([1, 4, 6], Distribution::Normal(0.0, 1.0), &device);
            let missing = Tensor::<3>::from_floats([[[0.0], [1.0], [0.0], [1.0]]], &device);
            other.candidates = other.candidates + noise * missing;
            let anchor_missing = Tensor::<3>::from_floats([[[0.0], [1.0]]], &device);
            other.anchors = other.anchors + anchor_missing;
            let scale = Tensor::from_floats([5.0], &device);
            let objective = Objective::new(ObjectiveConfig::default());
            let value = |image: ConditionedModality| {
                let terms = objective.related(&[text.clone(), image], &targets, &scale);
                Objective::sum(&terms).unwrap().into_scalar::<f32>()
            };
            assert_eq!(value(image), value(other), "{name}");
        }
    }
}
