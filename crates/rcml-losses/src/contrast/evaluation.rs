//! How a sum over rows is evaluated: at once, or a block of rows at a time.

use std::ops::Range;

use burn::tensor::{Device, Tensor};
use rcml_kernels::has_contrast_kernel;

/// How much of the score matrix exists at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Evaluation {
    /// All at once where the matrix is small, else a kernel where there is one, else blocks of rows.
    #[default]
    Auto,
    /// All at once: N x M numbers, several times over under autodiff.
    Dense,
    /// The kernel, where there is one, which holds no more than tiles of the matrix; else as `Auto`.
    Kernel,
    /// Blocks of so many rows: tiles of the kernel where there is one. Elsewhere value and gradient are computed together and the
    /// block is forgotten, so that memory is O(rows M + N D) whatever the method.
    Rows(usize),
}

/// Scores that `Auto` holds at once.
pub(crate) const MOST_AT_ONCE: usize = 1 << 22;
/// Scores from which on the kernel is faster than the dense form (docs/objectives.md).
const WORTH_A_KERNEL: usize = 1 << 16;
/// Scores of a block, where `Auto` takes blocks.
const BLOCK: usize = 1 << 20;

impl Evaluation {
    /// Rows of a block for scores `[U, A, M]`.
    pub(crate) fn block(self, [u, a, m]: [usize; 3]) -> usize {
        match self {
            Self::Rows(rows) => rows.max(1),
            Self::Auto | Self::Kernel if u * a * m > MOST_AT_ONCE => (BLOCK / (u * m).max(1)).max(1),
            Self::Auto | Self::Kernel | Self::Dense => a.max(1),
        }
    }

    /// Whether scores `[U, A, M]` go through the kernel, or where there is none through its tiles.
    pub(crate) fn takes_kernel(self, [u, a, m]: [usize; 3], device: &Device) -> bool {
        match self {
            Self::Auto if u * a * m > MOST_AT_ONCE => true,
            Self::Auto => u * a * m >= WORTH_A_KERNEL && has_contrast_kernel(device),
            Self::Dense => false,
            Self::Kernel | Self::Rows(_) => true,
        }
    }
}

/// sum over blocks of `loss(inputs, block)`, with gradients to the inputs.
///
/// More than one block: the gradient of each is taken at once, on a graph of its own, and kept as a constant g; what is
/// returned is value + <x, g> - <x, g>, whose second half is detached, so that its gradient is g times whatever comes from
/// above. This is the exchange of memory for a forward pass of GradCache (Gao et al. 2021), at the level of score rows.
pub(crate) fn by_rows(
    inputs: &[Tensor<3>],
    rows: usize,
    block: usize,
    loss: impl Fn(&[Tensor<3>], Range<usize>) -> Tensor<1>,
) -> Tensor<1> {
    if block >= rows {
        return loss(inputs, 0..rows);
    }
    let mut gradients: Vec<Option<Tensor<3>>> = vec![None; inputs.len()];
    let mut total: Option<Tensor<1>> = None;
    for start in (0..rows).step_by(block) {
        let leaves: Vec<Tensor<3>> = inputs.iter().map(leaf).collect();
        let value = loss(&leaves, start..(start + block).min(rows));
        if value.is_autodiff() {
            let found = value.backward();
            for (sum, leaf) in gradients.iter_mut().zip(&leaves).filter(|(_, leaf)| leaf.is_autodiff()) {
                *sum = match (sum.take(), leaf.grad(&found)) {
                    (Some(a), Some(b)) => Some(a + b),
                    (a, b) => a.or(b),
                };
            }
        }
        let value = value.without_autodiff();
        total = Some(match total {
            Some(total) => total + value,
            None => value,
        });
    }
    let total = total.unwrap_or_else(|| loss(inputs, 0..0));
    let slopes = inputs.iter().zip(gradients).filter_map(|(input, gradient)| Some((input.clone() * gradient?).sum()));
    match slopes.reduce(|a, b| a + b) {
        Some(slope) => total + (slope.clone() - slope.detach()),
        None => total,
    }
}

/// The same values at the root of a graph of their own.
fn leaf(input: &Tensor<3>) -> Tensor<3> {
    if input.is_autodiff() { input.clone().without_autodiff().autodiff().require_grad() } else { input.clone() }
}
