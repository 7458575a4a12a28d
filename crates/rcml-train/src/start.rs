//! The weights that a run began with, a share of which stays in those that it keeps (WiSE-FT, Wortsman et al. 2022, arXiv
//! 2109.01903): training bends what they say of all relations towards the relations that it sees.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::Tensor;
use rcml_model::{ModelConfig, Rcml, Share};

/// Where training makes of encoders what they are, and where it begins with ones that know the world (docs/decisions/0014).
const FROM_SCRATCH: f64 = 0.15;
const PRETRAINED: f64 = 0.7;

/// Share of the weights that a run of a model, whose modalities must be set, began with in those that it keeps: 0.7 by default where
/// pretrained encoders read all modalities and texts keep their encoder's width, else 0.15. A narrower model starts from a random
/// projection, which knows less.
pub(crate) fn start_share(share: Share, model: &ModelConfig) -> f64 {
    let pretrained = |name: &str| match name {
        "text" => model.pretrained.text.is_set(),
        "image" => model.pretrained.image.is_set(),
        _ => false,
    };
    match share {
        Share::Exactly(share) => share,
        Share::Auto
            if model.modalities.iter().all(|modality| pretrained(&modality.name))
                && model.width >= model.pretrained.text.width =>
        {
            PRETRAINED
        }
        Share::Auto => FROM_SCRATCH,
    }
}

/// The start of a run.
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

#[cfg(test)]
mod tests {
    use rcml_model::ModalityShape;

    use super::*;

    #[test]
    fn it_follows_the_encoders_unless_it_is_said() {
        let mut model = ModelConfig { modalities: vec![ModalityShape::raw("text")], ..ModelConfig::default() };
        assert_eq!(start_share(Share::Auto, &model), FROM_SCRATCH);
        model.pretrained.text.source = "minilm".into();
        assert_eq!(start_share(Share::Auto, &model), PRETRAINED);
        model.modalities.push(ModalityShape::raw("image"));
        assert_eq!(start_share(Share::Auto, &model), FROM_SCRATCH);
        model.pretrained.image.source = "efficientnet-lite0".into();
        assert_eq!(start_share(Share::Auto, &model), PRETRAINED);
        (model.pretrained.text.width, model.width) = (384, 128);
        assert_eq!(start_share(Share::Auto, &model), FROM_SCRATCH);
        model.width = 384;
        assert_eq!(start_share(Share::Auto, &model), PRETRAINED);
        assert_eq!(start_share(Share::Exactly(0.0), &model), 0.0);
    }
}
