//! What is pooled, and our ways of doing it.

use burn::tensor::module::attention as burn_attention;
use burn::tensor::ops::AttentionModuleOptions;
use burn::tensor::{Device, Distribution, FloatDType, Tensor};
use rcml_attention::{AttentionConfig, AttentionInit, Form, RelationAttention, Tokens};
use rcml_kernels::{Algorithm, relation_pool_with};

use crate::shape::Shape;

/// Our implementations.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Ours {
    /// [`rcml_kernels::relation_pool`] by one algorithm.
    Pool(Algorithm),
    /// The same with tokens stored as f16.
    HalfTokens,
    /// Burn's own attention: folded queries, tokens as keys and values.
    BurnAttention,
    /// The whole module.
    Module(Form),
}

/// Whether a device holds f16 tokens.
pub fn holds_half(device: &Device) -> bool {
    device.supports_dtype(FloatDType::F16)
}

/// Tensors of one shape on one device.
pub struct Inputs {
    shape: Shape,
    device: Device,
    tokens: Tensor<3>,
    half: Option<Tensor<3>>,
    queries: Tensor<3>,
    relations: Tensor<2>,
    module: RelationAttention,
}

impl Inputs {
    pub fn new(shape: Shape, device: &Device) -> Self {
        let Shape { n, t, d, r, h } = shape;
        device.seed(1);
        let normal = |scale: f64| Distribution::Normal(0.0, scale);
        let config =
            AttentionConfig { heads: h, init: AttentionInit::Random, residual: false, ..AttentionConfig::default() };
        let tokens: Tensor<3> = Tensor::random([n, t, d], normal(1.0), device);
        let half = holds_half(device).then(|| tokens.clone().cast(FloatDType::F16));
        Self {
            shape,
            device: device.clone(),
            tokens,
            half,
            queries: Tensor::random([r, h, d], normal(1.0 / (d as f64).sqrt()), device),
            relations: Tensor::random([r, d], normal(1.0), device),
            module: config.init(d, device),
        }
    }

    /// One run; with `backward`, forward and the gradients of tokens and queries (of tokens and weights for the module).
    pub fn run(&self, ours: Ours, backward: bool) {
        self.runs(ours, backward, 1);
    }

    /// So many runs, then a wait for the device.
    pub fn runs(&self, ours: Ours, backward: bool, count: usize) {
        for _ in 0..count {
            if backward { self.both(ours) } else { self.forward(ours) }
        }
        let _ = self.device.sync();
    }

    fn forward(&self, ours: Ours) {
        let tokens = match (ours, &self.half) {
            (Ours::HalfTokens, Some(half)) => half.clone(),
            _ => self.tokens.clone(),
        };
        std::hint::black_box(self.output(ours, tokens, self.queries.clone(), &self.module));
    }

    fn both(&self, ours: Ours) {
        let tokens = self.tokens.clone().autodiff().require_grad();
        let queries = self.queries.clone().autodiff().require_grad();
        let module = if matches!(ours, Ours::Module(_)) {
            use burn::module::Module;
            self.module.clone().train()
        } else {
            self.module.clone()
        };
        let out = self.output(ours, tokens.clone(), queries, &module);
        // Every output is given the gradient 1, which is made here as the peer makes its own: it is as large as the output.
        let gradients = out.backward();
        std::hint::black_box(tokens.grad(&gradients));
    }

    fn output(&self, ours: Ours, tokens: Tensor<3>, queries: Tensor<3>, module: &RelationAttention) -> Tensor<1> {
        let Shape { n, t, d, r, h } = self.shape;
        match ours {
            Ours::Pool(algorithm) => relation_pool_with(algorithm, tokens, None, queries).reshape([n * r * h * d]),
            Ours::HalfTokens => relation_pool_with(Algorithm::Auto, tokens, None, queries).reshape([n * r * h * d]),
            Ours::BurnAttention => {
                let keys = tokens.reshape([n, 1, t, d]);
                let queries = queries.reshape([1, 1, r * h, d]).repeat_dim(0, n);
                let options = AttentionModuleOptions { scale: Some(1.0), ..Default::default() };
                burn_attention(queries, keys.clone(), keys, None, None, options).reshape([n * r * h * d])
            }
            Ours::Module(form) => {
                let tokens = Tokens::with_summary_first(tokens, None);
                module.forward_as(form, &tokens, self.relations.clone(), false).reshape([n * r * d])
            }
        }
    }
}
