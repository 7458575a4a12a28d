//! Softened negatives and latent reconstruction.

use std::ops::Range;

use burn::tensor::Tensor;

use crate::contrast::{Contest, Cosine, CrossEntropy, Logits, Scorer, constant};

/// The cosine divided by 1 + gain w_ij: a temperature of its own for each pair.
#[derive(Debug, Clone)]
pub struct Softened {
    /// w in [0, 1], N x M values, row by row: how related each pair is; 0 for partners.
    pub relatedness: Vec<f64>,
    /// How much a fully related pair is softened.
    pub gain: f64,
}

impl Scorer for Softened {
    fn score(&self, views: &[Tensor<3>], rows: Range<usize>) -> Tensor<3> {
        let scores = Cosine.score(views, rows.clone());
        let [_, count, m] = scores.dims();
        let temperature = self.relatedness[rows.start * m..rows.end * m].iter().map(|w| 1.0 + self.gain * w).collect();
        scores.clone() / constant::<f64, 3, 3>(temperature, [1, count, m], &scores)
    }
}

/// CLSR-style ("Contrastive Latent Space Reconstruction Learning for Audio-Text Retrieval"): CLIP whose related negatives have a higher temperature, intra-modal separability, and reconstruction of
/// each modality from the other. The rule of the temperature, tau (1 + gain w), is our definition. Provenance: our definition.
///
/// # Shapes
/// - x, y: `[N, D]` unit rows
/// - decoded: y's decoder applied to x and x's decoder applied to y, `[N, D]` each
pub fn clsr(
    [x, y]: [Tensor<2>; 2],
    decoded: [Tensor<2>; 2],
    softened: &Softened,
    [intra, reconstruction]: [f64; 2],
    logits: &Logits,
) -> Tensor<1> {
    let contest = Contest::own(x.clone(), y.clone());
    let targets = contest.distribution();
    let [_, n, m] = contest.candidates.shape();
    let back = Softened {
        relatedness: (0..m * n).map(|at| softened.relatedness[at % n * m + at / n]).collect(),
        gain: softened.gain,
    };
    let forward = contest.loss(softened, &CrossEntropy, &targets, logits);
    let across = (forward + contest.reversed().loss(&back, &CrossEntropy, &targets, logits)).mul_scalar(0.5);
    let within = |z: &Tensor<2>| Contest::own(z.clone(), z.clone()).cross_entropy(logits);
    let [y_from_x, x_from_y] = decoded;
    let error = |from: Tensor<2>, to: &Tensor<2>| (from - to.clone().detach()).square().mean();
    let rebuilt = error(y_from_x, &y) + error(x_from_y, &x);
    across + (within(&x) + within(&y)).mul_scalar(intra) + rebuilt.mul_scalar(reconstruction)
}
