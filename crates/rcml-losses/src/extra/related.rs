//! Terms over related pairs.

use burn::tensor::Tensor;

use super::Batch;
use crate::across::AcrossRelations;
use crate::contrast::{Contest, constant};
use crate::methods;
use crate::modality::{ConditionedModality, fuse};
use crate::objective::Term;
use crate::{Between, Denominator, TermConfig};

impl Batch<'_> {
    /// The parts of a term over related pairs.
    pub(crate) fn related(&self, term: &TermConfig) -> Vec<Term> {
        let count = self.modalities.len();
        let ordered = (count * count.saturating_sub(1)).max(1) as f64;
        if term.method == "sup-con" && term.between == Between::Inter {
            return self.one_set(term).into_iter().collect();
        }
        let part = |x: &ConditionedModality, y: &ConditionedModality, weight: f64| {
            let value = self.pair(term, x, y)?;
            Some(Term { name: format!("{}/related/{}>{}", term.method, x.name, y.name), weight, value })
        };
        let pairs = self.modalities.iter().flat_map(|x| self.modalities.iter().map(move |y| (x, y)));
        match term.between {
            Between::Inter => {
                // Published as the sum of both directions of a pair of modalities, where the others are their mean.
                let directions = if term.method == "sdm" { 2.0 } else { 1.0 };
                let weight = directions * term.weight / ordered;
                pairs.filter(|(x, y)| x.name != y.name).filter_map(|(x, y)| part(x, y, weight)).collect()
            }
            Between::Intra => self.modalities.iter().filter_map(|x| part(x, x, term.weight)).collect(),
            Between::Fused if count > 1 => {
                let fused = fuse(self.modalities, self.targets);
                part(&fused, &fused, term.weight).into_iter().collect()
            }
            Between::Fused => self.modalities.iter().filter_map(|x| part(x, x, term.weight)).collect(),
        }
    }

    fn pair(&self, term: &TermConfig, x: &ConditionedModality, y: &ConditionedModality) -> Option<Tensor<1>> {
        if term.method == "relation-contrast" {
            return self.relations(term, x, y);
        }
        let contest = Contest {
            views: vec![x.anchors.clone(), y.candidates.clone()],
            candidates: self.targets.candidates(&y.present),
            positives: self.targets.positives(self.average, &x.present, &y.present),
        };
        if contest.positives.rows().count() == 0 {
            return None;
        }
        let logits = self.logits(term);
        Some(match term.method.as_str() {
            "rcml" if term.parameter("decoupled") > 0.5 => methods::rcml(&contest, Denominator::Decoupled, &logits),
            "rcml" => methods::rcml(&contest, Denominator::Joint, &logits),
            // Within one modality, where an anchor does not meet itself, it is that modality as one set.
            "info-nce" | "sup-con" => methods::info_nce(&contest, &logits),
            "dcl" => methods::dcl(&contest, &logits),
            "siglip" => {
                let bias = constant(vec![term.parameter("bias")], [1], self.scale);
                methods::sig_lip(&contest, &logits.with_bias(bias))
            }
            "label-smoothing" => methods::label_smoothing(&contest, term.parameter("smoothing"), &logits),
            "mil-nce" => methods::mil_nce(&contest, &logits),
            "sdm" => methods::sdm(&contest, &logits),
            _ => return None,
        })
    }

    /// Every positive pair under every relation of the batch.
    fn relations(&self, term: &TermConfig, x: &ConditionedModality, y: &ConditionedModality) -> Option<Tensor<1>> {
        let positives = self.targets.positives(self.average, &x.present, &y.present);
        let pairs = AcrossRelations::new(x, y, self.targets, positives.rows())?;
        Some(methods::told_apart(pairs.similarity, &pairs.holds, &self.logits(term)))
    }
}
