//! The pooling of SigLIP.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::Tensor;
use rcml_kernels::{Heads, attention};

use super::block::BlockShape;
use super::layer::{Activation, Norm, transposed};
use super::weights::Weights;
use crate::Result;
use crate::transformer::linear;

/// Multi-head attention pooling with one learned query (SigLIP).
#[derive(Module, Debug)]
pub(crate) struct Probe {
    query: Param<Tensor<3>>,
    map_query: Linear,
    map_key: Linear,
    map_value: Linear,
    output: Linear,
    norm: Norm,
    up: Linear,
    down: Linear,
    heads: usize,
    #[module(skip)]
    activation: Activation,
}

impl Probe {
    pub(crate) fn read(weights: &mut Weights, name: &str, shape: &BlockShape) -> Result<Self> {
        let width = shape.width;
        let path = |part: &str| format!("{name}.{part}");
        let query = Param::from_tensor(weights.tensor(&path("probe"), [1, 1, width])?);
        let joined = weights.values(&path("attention.in_proj_weight"), &[3 * width, width])?;
        let biases = weights.values(&path("attention.in_proj_bias"), &[3 * width])?;
        let device = weights.device().clone();
        let part = |which: usize| {
            let rows = &joined[which * width * width..][..width * width];
            let bias = &biases[which * width..][..width];
            Linear {
                weight: Param::from_tensor(transposed(rows, width, width, &device)),
                bias: Some(Param::from_tensor(Tensor::from_floats(bias, &device))),
            }
        };
        Ok(Self {
            query,
            map_query: part(0),
            map_key: part(1),
            map_value: part(2),
            output: weights.linear(&path("attention.out_proj"), width, width)?,
            norm: weights.norm(&path("layernorm"), width, shape.epsilon)?,
            up: weights.linear(&path("mlp.fc1"), width, shape.hidden)?,
            down: weights.linear(&path("mlp.fc2"), shape.hidden, width)?,
            heads: shape.heads,
            activation: shape.activation,
        })
    }

    /// `[N, T, W]` -> `[N, 1, W]`.
    pub(crate) fn forward(&self, states: Tensor<3>) -> Tensor<3> {
        let query = self.query.val().repeat_dim(0, states.dims()[0]);
        let (q, k) = (linear(&self.map_query, query), linear(&self.map_key, states.clone()));
        let heads = Heads { count: self.heads, causal: false };
        let x = linear(&self.output, attention(q, k, linear(&self.map_value, states), None, heads));
        let y = self.activation.after(&self.up, self.norm.forward(x.clone()));
        x + linear(&self.down, y)
    }
}
