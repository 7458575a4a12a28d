//! The layers that pretrained encoders are made of, each read from its tensors.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::{Device, Int, Tensor, TensorData, activation, module::embedding};
use rcml_kernels::{add_layer_norm, layer_norm};

use super::weights::Weights;
use crate::Result;
use crate::error::ErrorKind;
use crate::transformer::{activated, linear};

impl Weights {
    /// A linear map. PyTorch keeps `[out, in]`, Burn multiplies by `[in, out]`.
    pub(crate) fn linear(&mut self, name: &str, input: usize, output: usize) -> Result<Linear> {
        let bias = self.tensor(&format!("{name}.bias"), [output])?;
        Ok(Linear { bias: Some(Param::from_tensor(bias)), ..self.linear_without_bias(name, input, output)? })
    }

    /// A linear map without bias.
    pub(crate) fn linear_without_bias(&mut self, name: &str, input: usize, output: usize) -> Result<Linear> {
        let values = self.values(&format!("{name}.weight"), &[output, input])?;
        Ok(Linear { weight: Param::from_tensor(transposed(&values, output, input, self.device())), bias: None })
    }

    /// A layer norm. Weights that came from TensorFlow (`bert-base-uncased`) call its parts gamma and beta.
    pub(crate) fn norm(&mut self, name: &str, width: usize, epsilon: f64) -> Result<Norm> {
        let old = !self.has(&format!("{name}.weight")) && self.has(&format!("{name}.gamma"));
        let [gamma, beta] = if old { ["gamma", "beta"] } else { ["weight", "bias"] };
        Ok(Norm {
            gamma: Param::from_tensor(self.tensor(&format!("{name}.{gamma}"), [width])?),
            beta: Param::from_tensor(self.tensor(&format!("{name}.{beta}"), [width])?),
            epsilon,
        })
    }

    /// A table of vectors.
    pub(crate) fn table(&mut self, name: &str, rows: usize, width: usize) -> Result<Param<Tensor<2>>> {
        Ok(Param::from_tensor(self.tensor(name, [rows, width])?))
    }
}

/// `[rows, columns]` on the host -> `[columns, rows]` on the device, in that order of memory.
pub(crate) fn transposed(values: &[f32], rows: usize, columns: usize, device: &Device) -> Tensor<2> {
    let mut out = vec![0.0; values.len()];
    for (r, row) in values.chunks_exact(columns.max(1)).enumerate() {
        for (c, value) in row.iter().enumerate() {
            out[c * rows + r] = *value;
        }
    }
    Tensor::from_data(TensorData::new(out, [columns, rows]), device)
}

/// Layer normalisation through the fused kernel.
#[derive(Module, Debug)]
pub(crate) struct Norm {
    gamma: Param<Tensor<1>>,
    beta: Param<Tensor<1>>,
    epsilon: f64,
}

impl Norm {
    /// # Shapes
    /// - x, output: `[N, T, W]`
    pub(crate) fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        layer_norm(x, self.gamma.val(), self.beta.val(), self.epsilon as f32)
    }

    /// x + y, and the norm of that, in one pass.
    ///
    /// # Shapes
    /// - x, y, outputs: `[N, T, W]`
    pub(crate) fn after(&self, x: Tensor<3>, y: Tensor<3>) -> (Tensor<3>, Tensor<3>) {
        add_layer_norm(x, y, self.gamma.val(), self.beta.val(), self.epsilon as f32)
    }
}

/// Rows of a table by index.
pub(crate) fn rows(table: &Param<Tensor<2>>, index: Tensor<2, Int>) -> Tensor<3> {
    embedding(table.val(), index)
}

/// The non-linearity of a feed-forward layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activation {
    /// x Phi(x).
    Gelu,
    /// Its tanh approximation.
    GeluTanh,
    /// x sigmoid(1.702 x), of the original CLIP.
    QuickGelu,
    /// max(x, 0).
    Relu,
}

impl Activation {
    /// By its name in a `config.json`.
    pub(crate) fn parse(name: &str) -> Result<Self> {
        match name {
            "gelu" => Ok(Self::Gelu),
            "gelu_pytorch_tanh" | "gelu_new" | "gelu_fast" => Ok(Self::GeluTanh),
            "quick_gelu" => Ok(Self::QuickGelu),
            "relu" => Ok(Self::Relu),
            other => Err(ErrorKind::Unsupported(format!(
                "hidden_act: expected gelu, gelu_pytorch_tanh, quick_gelu or relu, found {other:?}"
            ))
            .into()),
        }
    }

    /// What follows the linear map `map`, together with it.
    ///
    /// # Shapes
    /// - x: `[N, T, in]`
    /// - output: `[N, T, out]`
    pub(crate) fn after(self, map: &Linear, x: Tensor<3>) -> Tensor<3> {
        match self {
            Self::Gelu => activated(map, x, rcml_kernels::Activation::Gelu),
            Self::QuickGelu => activated(map, x, rcml_kernels::Activation::QuickGelu),
            Self::Relu => activation::relu(linear(map, x)),
            Self::GeluTanh => {
                let x = linear(map, x);
                let inner = (x.clone().powi_scalar(3) * 0.044_715 + x.clone()) * (2.0 / std::f64::consts::PI).sqrt();
                x * (inner.tanh() + 1.0) * 0.5
            }
        }
    }
}
