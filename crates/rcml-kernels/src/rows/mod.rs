//! Passes over rows: unit length, the normaliser of a softmax, and rows picked from a table.
//!
//! Every backend gets the composed form; the CPU backend `flex` gets one pass over memory on all cores, forward and backward.

#![cfg_attr(
    feature = "ndarray",
    allow(deprecated, reason = "Burn calls ndarray legacy; it stays as a second implementation to test against")
)]

mod autodiff;
mod composed;
mod flex;
mod row_ids;

use burn::backend::{Backend, Dispatch, backend_extension, tensor::FloatTensor};
use burn::tensor::Tensor;

pub use self::row_ids::RowIds;

/// The extension of Burn's backends.
#[backend_extension(Flex, NdArray: cfg(feature = "ndarray"), Cube: cfg(feature = "cube"), Autodiff)]
pub trait RowsBackend: Backend {
    /// x / sqrt(max(sum x^2, 1e-12)) of each row of `[M, W]`.
    fn rows_unit(x: FloatTensor<Self>) -> FloatTensor<Self> {
        composed::unit::<Self>(x)
    }

    /// Gradient of x.
    fn rows_unit_backward(x: FloatTensor<Self>, grad: FloatTensor<Self>) -> FloatTensor<Self> {
        composed::unit_backward::<Self>(x, grad)
    }

    /// log sum exp of each row of `[M, C]` over the columns that `included` has 1 for, `[M, 1]`.
    fn rows_log_sum_exp(logits: FloatTensor<Self>, included: FloatTensor<Self>) -> FloatTensor<Self> {
        composed::log_sum_exp::<Self>(logits, included)
    }

    /// Gradient of the logits: the softmax times the gradient of its normaliser.
    fn rows_log_sum_exp_backward(
        logits: FloatTensor<Self>,
        included: FloatTensor<Self>,
        sums: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        composed::log_sum_exp_backward::<Self>(logits, included, sums, grad)
    }

    /// Rows of a table `[V, W]`, in the order of `ids`.
    fn rows_picked(table: FloatTensor<Self>, ids: RowIds) -> FloatTensor<Self> {
        composed::picked::<Self>(table, &ids)
    }

    /// Gradient of a table of `rows` rows: for each the sum over the places where it was picked.
    fn rows_picked_backward(grad: FloatTensor<Self>, ids: RowIds, rows: usize) -> FloatTensor<Self> {
        composed::picked_backward::<Self>(grad, &ids, rows)
    }
}

#[cfg(feature = "ndarray")]
impl RowsBackend for burn::backend::NdArray {}

#[cfg(feature = "cube")]
impl RowsBackend for burn_cubecl::CubeBackend {}

/// Scales the last dimension to unit Euclidean length: y = x / sqrt(max(sum x^2, 1e-12)).
///
/// A zero vector stays zero and has a finite gradient.
pub fn l2_normalize<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let shape = x.shape();
    let rows = flat(x);
    Tensor::<2>::from_dispatch(Dispatch::rows_unit(rows.into_dispatch())).reshape(shape)
}

/// log sum over the last dimension of `included` columns of exp(logits): the normaliser of log-softmax and cross-entropy.
///
/// A row without an included column gives about -1e9, whose exponential is zero: it adds nothing to a denominator, and no
/// gradient goes through it. Nothing is differentiated with respect to `included`.
///
/// # Shapes
/// - logits: `[..., R, C]`
/// - included: `[..., R, C]`, 1 where the column takes part, 0 where not
/// - output: `[..., R, 1]`
pub fn row_logsumexp<const D: usize>(logits: Tensor<D>, included: Tensor<D>) -> Tensor<D> {
    let mut shape = logits.dims();
    let included = flat(included.expand(shape));
    let sums = Dispatch::rows_log_sum_exp(flat(logits).into_dispatch(), included.into_dispatch());
    shape[D - 1] = 1;
    Tensor::<2>::from_dispatch(sums).reshape(shape)
}

/// Rows of a table, as an embedding picks them; its gradient sums over the places where a row was picked, in their order.
///
/// # Shapes
/// - table: `[V, W]`
/// - output: `[M, W]`, a row for each of the M `ids`
///
/// # Panics
/// If an id is no row of the table.
pub fn pick_rows(table: Tensor<2>, ids: &RowIds) -> Tensor<2> {
    let [rows, _] = table.dims();
    assert!(ids.bound() <= rows, "row {} of a table of {rows}", ids.bound() - 1);
    Tensor::from_dispatch(Dispatch::rows_picked(table.into_dispatch(), ids.clone()))
}

/// `[..., W]` as rows.
fn flat<const D: usize>(x: Tensor<D>) -> Tensor<2> {
    let dims = x.dims();
    x.reshape([dims[..D - 1].iter().product::<usize>(), dims[D - 1]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unit_rows_and_a_zero_row() {
        for (name, device) in crate::device::test_devices() {
            let x = Tensor::<2>::from_floats([[3.0, 4.0], [0.0, 0.0]], &device.autodiff()).require_grad();
            let y = l2_normalize(x.clone());
            let values: Vec<f32> = y.clone().try_into_vec_as().unwrap();
            for (value, expected) in values.iter().zip([0.6, 0.8, 0.0, 0.0]) {
                assert!((value - expected).abs() < 1e-6, "{name}: {values:?}");
            }
            let gradient: Vec<f32> = x.grad(&y.sum().backward()).unwrap().try_into_vec_as().unwrap();
            assert!(gradient.iter().all(|g| g.is_finite()), "{name}: {gradient:?}");
        }
    }

    #[test]
    fn equals_the_naive_sum_and_survives_empty_rows() {
        for (name, device) in crate::device::test_devices() {
            let logits = Tensor::<2>::from_floats([[1.0, 2.0, 300.0], [0.5, -0.5, 7.0]], &device);
            let included = Tensor::<2>::from_floats([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]], &device);
            let got: Vec<f32> = row_logsumexp(logits, included).try_into_vec_as().unwrap();
            assert!((f64::from(got[0]) - (1f64.exp() + 2f64.exp()).ln()).abs() < 1e-5, "{name}: {got:?}");
            assert!(got[1] < -1e8 && got[1].is_finite(), "{name}: {got:?}");
        }
    }

    #[test]
    #[should_panic(expected = "row 3 of a table of 3")]
    fn an_id_that_is_no_row() {
        let device = crate::device::parse("cpu").unwrap();
        let _ = pick_rows(Tensor::zeros([3, 2], &device), &RowIds::new(vec![0, 3]));
    }
}
