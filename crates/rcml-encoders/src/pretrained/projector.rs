//! From a pretrained encoder's width to the model's.

use burn::module::{Initializer, Module, Param};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor};
use rcml_kernels::{TokenMap, Tokens, layer_norm};
use serde::{Deserialize, Serialize};

/// How states of a pretrained encoder reach the model's width.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Projection {
    /// A layer norm and a learned linear map: the identity at the start where the widths are equal, else random directions,
    /// which keep angles nearly as they are (Johnson and Lindenstrauss 1984).
    #[default]
    Linear,
    /// Nothing: training starts at the original's own space, whose width must be the model's.
    None,
}

/// States of a pretrained encoder -> tokens of the model. The first state is the summary.
#[derive(Module, Debug)]
pub struct StateProjector {
    norm_gamma: Option<Param<Tensor<1>>>,
    norm_beta: Option<Param<Tensor<1>>>,
    project: Option<Linear>,
}

impl StateProjector {
    /// A projector from states of width `input` to tokens of width `width`.
    pub fn new(projection: Projection, input: usize, width: usize, device: &Device) -> Self {
        if projection == Projection::None {
            return Self { norm_gamma: None, norm_beta: None, project: None };
        }
        let std = 1.0 / (input as f64).sqrt();
        let map = LinearConfig::new(input, width).with_bias(false);
        let mut map = map.with_initializer(Initializer::Normal { mean: 0.0, std }).init(device);
        if input == width {
            map.weight = Param::from_tensor(Tensor::eye(width, device));
        }
        Self {
            norm_gamma: Some(Param::from_tensor(Tensor::ones([input], device))),
            norm_beta: Some(Param::from_tensor(Tensor::zeros([input], device))),
            project: Some(map),
        }
    }

    /// The same for states that stand as tokens already.
    pub fn project(&self, tokens: Tokens) -> Tokens {
        self.forward(tokens.states, tokens.log_bias)
    }

    /// # Shapes
    /// - states: `[N, T, input]`, the summary first
    /// - log_bias: `[N, T]`, about -1e9 at padding
    /// - output: T tokens of the model's width, which have the map still to go through
    pub fn forward(&self, states: Tensor<3>, log_bias: Option<Tensor<2>>) -> Tokens {
        let (Some(gamma), Some(beta), Some(project)) = (&self.norm_gamma, &self.norm_beta, &self.project) else {
            return Tokens::with_summary_first(states, log_bias);
        };
        // Norm without gain and shift: nothing is trained before the map, which takes both in.
        let [_, _, input] = states.dims();
        let device = states.device().inner();
        let states = layer_norm(states, Tensor::ones([input], &device), Tensor::zeros([input], &device), 1e-5);
        let weight = project.weight.val();
        let [_, width] = weight.dims();
        let shift = beta.val().reshape([1, input]).matmul(weight.clone()).reshape([width]);
        Tokens::mapped(states, log_bias, TokenMap { weight: gamma.val().reshape([input, 1]) * weight, shift })
    }
}
