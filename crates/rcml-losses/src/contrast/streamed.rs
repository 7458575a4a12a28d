//! Cross-entropies with sparse positives through the kernel: no matrix of scores at all.

use burn::tensor::{Int, Tensor, TensorData};
use rcml_kernels::{ContrastPlan, contrast_log_sum_exp, contrast_pairs};

use super::divergence::softplus;
use super::{Contest, Denominators, Divergence, Logits, Targets, constant};

impl Contest {
    /// sum over positives p of w_p f(log denominator of its row - l_p). `None` where the divergence or the targets have no such form.
    /// `rivals` has the logarithm of what else stands in the denominator of each positive.
    pub(super) fn streamed<D: Divergence>(
        &self,
        divergence: &D,
        targets: &D::Targets,
        weights: &[f64],
        logits: &Logits,
        rivals: Option<&Tensor<1>>,
    ) -> Option<Tensor<1>> {
        let denominators = divergence.denominators()?;
        let (pairs, shares) = targets.sparse(&self.candidates)?;
        let shape @ [u, a, _] = self.candidates.shape();
        let (x, y) = (self.views[0].clone(), self.views[1].clone());
        if pairs.count() == 0 {
            return Some(logits.scale.clone().mul_scalar(0.0));
        }
        let excluded = match denominators {
            Denominators::All => self.candidates.excluded().clone(),
            Denominators::OwnAndNegatives | Denominators::Negatives => self.candidates.excluded().union(&pairs),
        };
        let correction = self.candidates.correction();
        let plan = ContrastPlan::new(shape, excluded).with_columns(self.candidates.presence(), correction);
        let plan = match logits.evaluation {
            super::Evaluation::Rows(rows) => plan.tiled(rows, 512),
            _ => plan,
        };
        let all = contrast_log_sum_exp(x.clone(), y.clone(), logits.scale.clone(), &plan).reshape([u * a]);

        let count = pairs.count();
        let rows: Vec<i64> = pairs.iter().map(|(row, _)| row as i64).collect();
        let rows = Tensor::<1, Int>::from_data(TensorData::new(rows, [count]), &x.device());
        let mut positives = contrast_pairs(x, y, &pairs) * logits.scale.clone();
        if !correction.is_empty() {
            let taken: Vec<f32> = pairs.iter().map(|(_, column)| correction[column as usize]).collect();
            positives = positives - constant(taken, [count], &logits.scale);
        }
        let mut rest = all.select(0, rows);
        if let Some(rivals) = rivals {
            rest = rest.clone() + softplus(rivals.clone() - rest);
        }
        let gap = rest - positives;
        let loss = if denominators == Denominators::OwnAndNegatives { softplus(gap) } else { gap };
        let weights: Vec<f64> = pairs.iter().zip(shares).map(|((row, _), share)| weights[row] * share).collect();
        Some((loss * constant(weights, [count], &logits.scale)).sum())
    }
}
