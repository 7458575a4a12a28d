//! The normaliser of contrastive losses without the matrix of scores.

#![cfg_attr(
    feature = "ndarray",
    allow(deprecated, reason = "Burn calls ndarray legacy; it stays as a second implementation to test against")
)]

mod autodiff;
mod composed;
mod flex;
mod native;
#[cfg(feature = "ndarray")]
mod ndarray;
mod pairs;
mod plan;

use burn::backend::{Backend, Dispatch, backend_extension, tensor::FloatTensor};
use burn::tensor::{Device, Tensor};

pub use pairs::contrast_pairs;
pub use plan::ContrastPlan;

use crate::PairList;

/// The extension of Burn's backends.
#[backend_extension(Flex, NdArray: cfg(feature = "ndarray"), Cube: cfg(feature = "cube"), Autodiff)]
pub trait ContrastBackend: Backend {
    /// The log-sum-exp `[U, A]`, the candidates' mean under each row's softmax, `[U, A, D]`, or anything where it is not wanted, and
    /// what the backward pass may make use of, of any shape.
    fn contrast_forward(
        x: FloatTensor<Self>,
        y: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        plan: ContrastPlan,
        wants_mean: bool,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let _ = wants_mean;
        composed::forward::<Self>(x, y, scale, &plan)
    }

    /// The gradient of the candidates, from the rows' log-sum-exp, their gradients, and what the forward pass kept.
    fn contrast_candidates(
        x: FloatTensor<Self>,
        y: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        plan: ContrastPlan,
        lse: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        kept: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let _ = kept;
        composed::candidates::<Self>(&x, &y, &scale, &plan, &lse, &grad)
    }

    /// The inner product of both rows of every pair, `[P]`, from `[items, D]` and `[relations, D]`.
    fn contrast_pairs(x: FloatTensor<Self>, y: FloatTensor<Self>, pairs: PairList) -> FloatTensor<Self> {
        composed::pairs::<Self>(x, y, &pairs)
    }

    /// For every item, the sum over its pairs of factor times the other row: `[relations, D]` and `[P]` give `[items, D]`.
    fn contrast_sums(rows: FloatTensor<Self>, factors: FloatTensor<Self>, pairs: PairList) -> FloatTensor<Self> {
        composed::sums::<Self>(rows, factors, &pairs)
    }
}

#[cfg(feature = "cube")]
impl ContrastBackend for burn_cubecl::CubeBackend {}

/// Whether [`contrast_log_sum_exp`] is a kernel on a device, and not the same tiles made of Burn's operations: on the processor.
pub fn has_contrast_kernel(device: &Device) -> bool {
    crate::device::adapter(device).is_none()
}

/// log of the sum over each row's columns of exp(scale <x_i, y_j>), without the matrix of these: tiles of it are made and forgotten,
/// and made again for the gradient, so that memory is O((A + M) D).
///
/// With it -log softmax of sparse positives costs no A x M matrix either. A row without columns gives -1e9, whose exponential is
/// zero, and gets no gradient where none is asked for.
///
/// # Shapes
/// - anchors x: `[U, A, D]`
/// - candidates y: `[U, M, D]`
/// - scale: `[1]`
/// - output: `[U, A]`
///
/// # Panics
/// If the plan was made for another shape.
pub fn contrast_log_sum_exp(x: Tensor<3>, y: Tensor<3>, scale: Tensor<1>, plan: &ContrastPlan) -> Tensor<2> {
    let ([u, a, d], [v, m, e]) = (x.dims(), y.dims());
    assert_eq!(([u, a, m], u, d), (plan.shape, v, e), "the plan was made for another shape");
    let (x, y, scale) = (x.into_dispatch(), y.into_dispatch(), scale.into_dispatch());
    Tensor::from_dispatch(Dispatch::contrast_forward(x, y, scale, plan.clone(), false).0)
}
