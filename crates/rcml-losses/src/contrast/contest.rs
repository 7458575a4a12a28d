//! Anchors against candidates: where the four sockets meet.

use burn::tensor::Tensor;

use super::{
    Block, Candidates, Cosine, CrossEntropy, Distribution, Divergence, Evaluation, Matching, Positives, Scorer,
    Separate, Targets, by_rows, constant,
};

/// From scores to logits: scale * score + bias, and how much of them exists at a time.
#[derive(Debug, Clone)]
pub struct Logits {
    /// 1 / temperature, `[1]`.
    pub scale: Tensor<1>,
    /// Added to every logit, `[1]`. A softmax does not see it, a sigmoid does.
    pub bias: Option<Tensor<1>>,
    /// How the loss is evaluated.
    pub evaluation: Evaluation,
}

impl Logits {
    /// Scores times `scale` = 1 / temperature, `[1]`.
    pub fn new(scale: Tensor<1>) -> Self {
        Self { scale, bias: None, evaluation: Evaluation::Auto }
    }

    /// Scores divided by a fixed temperature; device and type are those of `like`.
    pub fn fixed<const D: usize>(temperature: f64, like: &Tensor<D>) -> Self {
        Self::new(constant(vec![1.0 / temperature], [1], like))
    }

    /// The same with a bias, `[1]`.
    pub fn with_bias(self, bias: Tensor<1>) -> Self {
        Self { bias: Some(bias), ..self }
    }

    /// The same, evaluated in another way.
    pub fn evaluated(self, evaluation: Evaluation) -> Self {
        Self { evaluation, ..self }
    }

    /// The same evaluation at another, fixed temperature.
    pub fn at(&self, temperature: f64) -> Self {
        Self::fixed(temperature, &self.scale).evaluated(self.evaluation)
    }
}

/// Anchors, the candidates that they compete for, and which of these are positive.
///
/// # Shapes
/// - `views[0]`: anchors, `[U, A, D]`
/// - `views[1..]`: candidates, `[U, M, D]`, one view for most scorers
#[derive(Debug, Clone)]
pub struct Contest {
    /// Embeddings.
    pub views: Vec<Tensor<3>>,
    /// Who competes.
    pub candidates: Candidates,
    /// Who should win.
    pub positives: Positives,
}

impl Contest {
    /// Row i of x against all rows of y, with row i of y as its positive.
    ///
    /// # Shapes
    /// - x: `[N, D]`
    /// - y: `[M, D]`, M at least N: rows beyond N are negatives of all
    pub fn own(x: Tensor<2>, y: Tensor<2>) -> Self {
        let (n, m) = (x.dims()[0], y.dims()[0]);
        Self {
            views: vec![x.unsqueeze_dim(0), y.unsqueeze_dim(0)],
            candidates: Candidates::all([1, n, m]),
            positives: Matching::own(n).into(),
        }
    }

    /// The rows of z against each other, itself left out; rows of the same label are positives.
    ///
    /// # Panics
    /// If there is not one label a row.
    pub fn among(z: Tensor<2>, labels: &[u32]) -> Self {
        let n = z.dims()[0];
        assert_eq!(labels.len(), n, "labels are not one a row");
        let z: Tensor<3> = z.unsqueeze_dim(0);
        Self {
            views: vec![z.clone(), z],
            candidates: Candidates::all([1, n, n]).without_own(),
            positives: Positives::of_labels(labels, labels),
        }
    }

    /// The same with other positives.
    pub fn with_positives(self, positives: Positives) -> Self {
        Self { positives, ..self }
    }

    /// The divergence of the scores from the targets, a weighted mean over rows, `[1]`. 0 where no row counts.
    ///
    /// # Panics
    /// If a view, the candidates and the targets differ in shape.
    pub fn loss<S: Scorer, D: Divergence>(
        &self,
        scorer: &S,
        divergence: &D,
        targets: &D::Targets,
        logits: &Logits,
    ) -> Tensor<1> {
        let shape @ [u, a, _] = self.candidates.shape();
        let weights = targets.row_weights(&self.candidates, D::NEEDS_NEGATIVE);
        assert_eq!(weights.len(), u * a, "targets are not one set a row");
        if scorer.is_inner_product()
            && logits.evaluation.takes_kernel(shape, &self.views[0].device())
            && let Some(loss) = self.streamed(divergence, targets, &weights, logits, None)
        {
            return loss;
        }
        let like = self.views[0].clone().without_autodiff();
        let (views, bias) = (self.views.len(), logits.bias.is_some());
        let parameters =
            std::iter::once(&logits.scale).chain(&logits.bias).map(|value| value.clone().reshape([1, 1, 1]));
        let inputs: Vec<Tensor<3>> = self.views.iter().cloned().chain(parameters).collect();
        let everything = self.candidates.is_everything();
        by_rows(&inputs, a, logits.evaluation.block(shape), |inputs, rows| {
            let scale = inputs[views].clone();
            let mut logits = scorer.score(&inputs[..views], rows.clone()) * scale.clone();
            if bias {
                logits = logits + inputs[views + 1].clone();
            }
            if !self.candidates.correction().is_empty() {
                let correction = self.candidates.correction().to_vec();
                logits = logits - constant(correction, [1, 1, shape[2]], &like);
            }
            let included = self.candidates.mask(rows.clone(), &like);
            let mut target = targets.dense(shape, rows.clone(), &like);
            if !everything {
                target = targets.within(target, included.clone());
            }
            let count = rows.len();
            let weights = (0..u).flat_map(|u| weights[u * a..][rows.clone()].iter().copied()).collect();
            let weights: Tensor<2> = constant::<f64, 2, 3>(weights, [u, count], &like);
            (divergence.rows(&Block { logits, included, target, scale }) * weights).sum()
        })
    }

    /// Cross-entropy with the positives, equally weighted, by the cosine: what most methods start from.
    pub fn cross_entropy(&self, logits: &Logits) -> Tensor<1> {
        self.against(&CrossEntropy, &self.positives.clone().into(), logits)
    }

    /// Another divergence and targets by the cosine.
    pub fn against<D: Divergence>(&self, divergence: &D, targets: &D::Targets, logits: &Logits) -> Tensor<1> {
        self.loss(&Cosine, divergence, targets, logits)
    }

    /// Every positive for itself ([`Separate`]), with more in its denominator than the row's columns.
    ///
    /// # Shapes
    /// - rivals: `[P]`, the logarithm of what is added, for the positives that take part, in the order of their sets
    pub(crate) fn separate_beside(
        &self,
        divergence: Separate,
        rivals: &Tensor<1>,
        logits: &Logits,
    ) -> Option<Tensor<1>> {
        let weights = self.positives.row_weights(&self.candidates, Separate::NEEDS_NEGATIVE);
        self.streamed(&divergence, &self.positives, &weights, logits, Some(rivals))
    }

    /// The positives as soft targets.
    pub fn distribution(&self) -> Distribution {
        self.positives.clone().into()
    }

    /// Candidates become anchors. For two views, and candidates that all have a row each.
    ///
    /// # Panics
    /// If there are more views than two, or a correction of logits, which belongs to candidates alone.
    pub fn reversed(&self) -> Self {
        let [u, _, m] = self.candidates.shape();
        assert_eq!(self.views.len(), 2, "a contest of more than two views has no other direction");
        assert!(self.candidates.correction().is_empty(), "corrected candidates cannot become anchors");
        Self {
            views: self.views.iter().rev().cloned().collect(),
            candidates: self.candidates.transposed(),
            positives: self.positives.transposed(u, m),
        }
    }

    /// The mean of a loss over both directions.
    pub fn both_ways(&self, loss: impl Fn(&Self) -> Tensor<1>) -> Tensor<1> {
        (loss(self) + loss(&self.reversed())).mul_scalar(0.5)
    }
}
