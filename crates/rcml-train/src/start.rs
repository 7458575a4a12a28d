//! The weights that a run began with, a share of which stays in those that it keeps (WiSE-FT, Wortsman et al. 2022, arXiv
//! 2109.01903): training bends what they say of all relations towards the relations that it sees.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::Tensor;
use rcml_model::Rcml;

pub(crate) struct Start {
    /// Flat, in the order of the model's parameters; none for those that are not trained.
    weights: Vec<Option<Tensor<1>>>,
    share: f64,
}

impl Start {
    /// From a model that no step has changed.
    pub(crate) fn new(model: &Rcml, share: f64) -> Self {
        let mut weights = Trained(Vec::new());
        if share > 0.0 {
            model.visit(&mut weights);
        }
        Self { weights: weights.0, share }
    }

    /// What is kept of a trained model, without gradients: each weight moved by the share towards where it began.
    pub(crate) fn kept(&self, trained: &Rcml) -> Rcml {
        trained.valid().map(&mut Towards { weights: self.weights.iter(), share: self.share })
    }
}

struct Trained(Vec<Option<Tensor<1>>>);

impl ModuleVisitor for Trained {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let weight = param.is_require_grad().then(|| param.val().without_autodiff().reshape([-1]));
        self.0.push(weight);
    }
}

struct Towards<'a> {
    weights: std::slice::Iter<'a, Option<Tensor<1>>>,
    share: f64,
}

impl ModuleMapper for Towards<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(Some(began)) = self.weights.next() else { return param };
        param.map(|now| {
            let shape = now.dims();
            now.clone() + (began.clone().reshape(shape) - now) * self.share
        })
    }
}
