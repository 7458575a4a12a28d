//! What is made of a row of scores and its targets.

use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use rcml_kernels::row_logsumexp;

use super::{Distribution, Matching, Positives, Targets};
use crate::Denominator;

/// Compares rows of scores with rows of targets.
///
/// The type of the targets is part of the divergence: what needs one positive a row, or a set of equals, cannot be given a
/// soft distribution. The other way is a conversion, from [`Matching`] to [`Positives`] to [`Distribution`].
///
/// ```compile_fail
/// use rcml_losses::contrast::{Contest, Cosine, Distribution, Hinge, HingeOver, Logits};
/// fn refused(contest: &Contest, soft: &Distribution, logits: &Logits) {
///     contest.loss(&Cosine, &Hinge { margin: 0.2, over: HingeOver::Sum }, soft, logits);
/// }
/// ```
pub trait Divergence {
    /// The targets that it takes.
    type Targets: Targets;

    /// Whether a row without a negative says nothing.
    const NEEDS_NEGATIVE: bool = false;

    /// The loss of each row of a block, `[U, C]`.
    fn rows(&self, block: &Block) -> Tensor<2>;

    /// Where it is a weighted sum over positives of -log(e^l / denominator): which denominator. There is a kernel for these.
    fn denominators(&self) -> Option<Denominators> {
        None
    }
}

/// What stands in the denominator of a positive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denominators {
    /// All columns of the row.
    All,
    /// The positive itself and the row's negatives.
    OwnAndNegatives,
    /// The row's negatives.
    Negatives,
}

/// A block of rows of every group: everything is `[U, C, M]` but the scale.
#[derive(Debug, Clone)]
pub struct Block {
    /// Scores divided by the temperature.
    pub logits: Tensor<3>,
    /// 1 where a column takes part.
    pub included: Tensor<3>,
    /// How positive each column is; 0 where it takes no part.
    pub target: Tensor<3>,
    /// 1 / temperature, `[1, 1, 1]`.
    pub scale: Tensor<3>,
}

impl Block {
    fn negatives(&self) -> Tensor<3> {
        self.included.clone() * (self.target.clone().neg() + 1.0)
    }

    /// The logit of each row's one positive, `[U, C, 1]`.
    fn positive(&self) -> Tensor<3> {
        (self.logits.clone() * self.target.clone()).sum_dim(2)
    }

    /// log softmax over the columns that take part, 0 elsewhere.
    fn log_probabilities(&self) -> Tensor<3> {
        (self.logits.clone() - row_logsumexp(self.logits.clone(), self.included.clone())) * self.included.clone()
    }
}

/// `[U, C, 1]` -> `[U, C]`.
fn row(values: Tensor<3>) -> Tensor<2> {
    values.squeeze_dim::<2>(2)
}

/// log(1 + e^x), written so that neither side overflows.
pub(crate) fn softplus<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    relu(x.clone()) + x.abs().neg().exp().log1p()
}

/// - sum_j t_j log softmax_j(l).
#[derive(Debug, Clone, Copy, Default)]
pub struct CrossEntropy;

impl Divergence for CrossEntropy {
    type Targets = Distribution;

    fn rows(&self, block: &Block) -> Tensor<2> {
        let mass = block.target.clone().sum_dim(2);
        let denominator = row_logsumexp(block.logits.clone(), block.included.clone());
        row(mass * denominator - (block.target.clone() * block.logits.clone()).sum_dim(2))
    }

    fn denominators(&self) -> Option<Denominators> {
        Some(Denominators::All)
    }
}

/// Mean over the positives of -log(e^l / denominator), where other positives stand in no denominator.
#[derive(Debug, Clone, Copy, Default)]
pub struct Separate {
    /// Whether a positive stands in its own denominator.
    pub denominator: Denominator,
}

impl Divergence for Separate {
    type Targets = Positives;
    const NEEDS_NEGATIVE: bool = true;

    fn rows(&self, block: &Block) -> Tensor<2> {
        let gap = row_logsumexp(block.logits.clone(), block.negatives()) - block.logits.clone();
        let loss = match self.denominator {
            Denominator::Joint => softplus(gap),
            Denominator::Decoupled => gap,
        };
        let count = block.target.clone().sum_dim(2).clamp_min(1.0);
        row((loss * block.target.clone()).sum_dim(2) / count)
    }

    fn denominators(&self) -> Option<Denominators> {
        Some(match self.denominator {
            Denominator::Joint => Denominators::OwnAndNegatives,
            Denominator::Decoupled => Denominators::Negatives,
        })
    }
}

/// log sum over all of e^l - log sum over the positives of e^l: the positives share the probability.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogSum;

impl Divergence for LogSum {
    type Targets = Positives;

    fn rows(&self, block: &Block) -> Tensor<2> {
        let all = row_logsumexp(block.logits.clone(), block.included.clone());
        row(all - row_logsumexp(block.logits.clone(), block.target.clone()))
    }
}

/// Each column for itself: sum_j -log sigmoid(+-l_j), + for positives.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sigmoid;

impl Divergence for Sigmoid {
    type Targets = Positives;

    fn rows(&self, block: &Block) -> Tensor<2> {
        let loss = softplus(block.logits.clone()) * block.included.clone();
        row((loss - block.logits.clone() * block.target.clone()).sum_dim(2))
    }
}

/// factor * KL(t, softmax(l)).
#[derive(Debug, Clone, Copy)]
pub struct Kl {
    /// T^2 where both sides are softened by a temperature T (Hinton et al. 2015).
    pub factor: f64,
}

impl Divergence for Kl {
    type Targets = Distribution;

    fn rows(&self, block: &Block) -> Tensor<2> {
        let log_target = block.target.clone().clamp_min(1e-30).log();
        let gap = block.target.clone() * (log_target - block.log_probabilities());
        row(gap.sum_dim(2)).mul_scalar(self.factor)
    }
}

/// KL(softmax(l), t + epsilon): seeks the targets' modes, where the forward direction covers them.
#[derive(Debug, Clone, Copy)]
pub struct ReverseKl {
    /// Keeps log(t) finite.
    pub epsilon: f64,
}

impl Divergence for ReverseKl {
    type Targets = Distribution;

    fn rows(&self, block: &Block) -> Tensor<2> {
        let log_p = block.log_probabilities();
        let p = log_p.clone().exp() * block.included.clone();
        row((p * (log_p - (block.target.clone() + self.epsilon).log())).sum_dim(2))
    }
}

/// What a hinge is taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HingeOver {
    /// All negatives, summed.
    Sum,
    /// The hardest negative.
    Hardest,
}

/// max(0, l_j - l_positive + margin) over negatives j.
#[derive(Debug, Clone, Copy)]
pub struct Hinge {
    /// In units of the logits: of the score itself at temperature 1.
    pub margin: f64,
    /// Over which negatives.
    pub over: HingeOver,
}

impl Divergence for Hinge {
    type Targets = Matching;
    const NEEDS_NEGATIVE: bool = true;

    fn rows(&self, block: &Block) -> Tensor<2> {
        let positive = block.positive();
        let violation = relu(block.logits.clone() - positive + self.margin) * block.negatives();
        row(match self.over {
            HingeOver::Sum => violation.sum_dim(2),
            HingeOver::Hardest => violation.max_dim(2),
        })
    }
}

/// Mean over negatives j of -log sigmoid(l_positive - l_j): the chance that a positive is ranked above a negative, pair by pair
/// (Rendle et al. 2009).
#[derive(Debug, Clone, Copy, Default)]
pub struct Ranking;

impl Divergence for Ranking {
    type Targets = Matching;
    const NEEDS_NEGATIVE: bool = true;

    fn rows(&self, block: &Block) -> Tensor<2> {
        let negatives = block.negatives();
        let positive = block.positive();
        let count = negatives.clone().sum_dim(2).clamp_min(1.0);
        row((softplus(block.logits.clone() - positive) * negatives).sum_dim(2) / count)
    }
}

/// Cross-entropy whose negatives are weighted towards the hard ones and corrected for false ones (Robinson et al. 2021).
///
/// ```text
/// R = sum_j w_j e^{l_j} / mean_j w_j,  w_j = e^{beta l_j}      N = max( (R - tau_plus M e^{l+}) / (1 - tau_plus), M e^{-1/tau} )
/// loss = -log( e^{l+} / (e^{l+} + N) )        over the M negatives j of the row
/// ```
#[derive(Debug, Clone, Copy)]
pub struct HardNegatives {
    /// Concentration: 0 weighs all negatives alike.
    pub beta: f64,
    /// Share of negatives that are thought to be positives.
    pub tau_plus: f64,
}

impl Divergence for HardNegatives {
    type Targets = Matching;
    const NEEDS_NEGATIVE: bool = true;

    fn rows(&self, block: &Block) -> Tensor<2> {
        let negatives = block.negatives();
        let positive = block.positive();
        let count = negatives.clone().sum_dim(2).clamp_min(1.0);
        let gained = |gain: f64| row_logsumexp(block.logits.clone().mul_scalar(gain), negatives.clone());
        let log_r = gained(1.0 + self.beta) - gained(self.beta) + count.clone().log();
        // Everything is divided by e^shift, so that nothing overflows at a low temperature.
        let shift = positive.clone().max_pair(log_r.clone()).detach();
        let own = (positive.clone() - shift.clone()).exp();
        let corrected = (log_r - shift.clone()).exp() - own.clone() * count.clone().mul_scalar(self.tau_plus);
        let least = count * (block.scale.clone().neg() - shift.clone()).exp();
        let negative = corrected.div_scalar(1.0 - self.tau_plus).max_pair(least);
        // The positive itself may be so far below the negatives that its exponential is 0: not its logarithm, which is known.
        row((own + negative).log() - (positive - shift))
    }
}
