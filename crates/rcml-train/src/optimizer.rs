//! AdamW with two groups: matrices decay, the rest does not.

use burn::module::ParamGroup;
use burn::optim::{AdamWConfig, ModuleOptimizer};

use crate::{Error, OptimizerConfig, Result};

/// Parameters whose size means something by itself, and rows of words that a batch may not even contain: pulling them to zero
/// would only fight the gradient.
const NOT_DECAYED: &str =
    r"(norm|bias|position|roles|residual|temperature|text\.embed|salience|\.words$|\.kinds$|\.class$|\.registers$)";

/// Builds the optimiser.
pub(crate) fn optimizer(config: &OptimizerConfig) -> Result<ModuleOptimizer> {
    let adamw = |decay: f64| {
        AdamWConfig::new()
            .with_beta_1(config.beta1 as f32)
            .with_beta_2(config.beta2 as f32)
            .with_epsilon(config.epsilon as f32)
            .with_weight_decay(decay as f32)
    };
    let plain = ParamGroup::from_regex(NOT_DECAYED).map_err(|error| Error::input(format!("{error:?}")))?;
    Ok(adamw(config.weight_decay).init().with_group(plain, adamw(0.0).build(), None))
}
