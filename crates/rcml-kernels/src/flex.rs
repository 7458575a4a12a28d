//! Tensors of Burn's CPU backend `flex` as values and back.

use burn::tensor::{DType, Shape, TensorData};
use burn_flex::FlexTensor;

/// The values of a contiguous tensor; `None` for other types than f32, which take the composed form.
pub(crate) fn f32s(tensor: &FlexTensor) -> Option<&[f32]> {
    if tensor.dtype() == DType::F32 { tensor.as_slice::<f32>() } else { None }
}

/// A tensor of values, without a copy.
pub(crate) fn tensor(values: Vec<f32>, shape: impl Into<Shape>) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape.into()))
}

/// What stands for a result that nobody asked for.
pub(crate) fn empty() -> FlexTensor {
    tensor(Vec::new(), [0])
}
