//! Tensors of Burn's legacy CPU backend `ndarray`, as values and back.

#![allow(deprecated, reason = "Burn calls ndarray legacy; it stays as a second implementation to test against")]

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use burn::backend::ops::FloatTensorOps;
use burn::backend::{NdArray, tensor::FloatTensor};
use burn::tensor::TensorData;

pub(crate) type Values = FloatTensor<NdArray>;

/// A tensor's values: on a CPU the future is ready at once.
pub(crate) fn read(tensor: &Values) -> Option<TensorData> {
    let future = pin!(NdArray::float_into_data(tensor.clone()));
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(data)) => Some(data),
        _ => None,
    }
}

/// A tensor of values.
pub(crate) fn tensor((values, shape): (Vec<f32>, Vec<usize>)) -> Values {
    NdArray::float_from_data(TensorData::new(values, shape), &burn::backend::NdArrayDevice::Cpu)
}
