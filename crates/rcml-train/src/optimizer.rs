//! AdamW with two groups: matrices decay, the rest does not.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use burn::module::ParamGroup;
use burn::optim::{AdamWState, AdaptiveMomentumState, ModuleOptimizer, Optimizer};
use burn::tensor::{Device, Tensor};
use rcml_kernels::{AdamWStep, adamw};

use crate::{Error, OptimizerConfig, Result};

/// Parameters whose size means something by itself, and rows of words that a batch may not even contain: pulling them to zero
/// would only fight the gradient.
const NOT_DECAYED: &str = r"(norm|bias|position|roles|translation|residual|temperature|text\.embed|salience|\.words$|\.kinds$|\.class$|\.registers$)";

/// AdamW (Loshchilov and Hutter 2019) whose step is one pass over a parameter; Burn's makes a dozen. The state is Burn's own,
/// so that their checkpoints can be read by each other.
#[derive(Debug, Clone)]
pub struct AdamW {
    /// Decay of the first moment.
    pub beta1: f32,
    /// Decay of the second moment.
    pub beta2: f32,
    /// Added to the root of the second moment.
    pub epsilon: f32,
    /// Decoupled weight decay.
    pub decay: f32,
    /// What gradients are multiplied by in the same pass.
    pub scale: GradientScale,
}

/// What the next steps multiply their gradients by, 1 at first: a handle that whoever clips their common norm shares with the
/// optimisers of all groups.
#[derive(Debug, Clone)]
pub struct GradientScale(Arc<AtomicU32>);

impl GradientScale {
    /// Sets it for the steps that follow.
    pub fn set(&self, scale: f32) {
        self.0.store(scale.to_bits(), Ordering::Relaxed);
    }

    fn get(&self) -> f32 {
        f32::from_bits(self.0.load(Ordering::Relaxed))
    }
}

impl Default for GradientScale {
    fn default() -> Self {
        Self(Arc::new(AtomicU32::new(1f32.to_bits())))
    }
}

impl AdamW {
    /// An optimiser of all parameters of a module.
    pub fn init(self) -> ModuleOptimizer {
        self.into()
    }
}

impl Optimizer for AdamW {
    type State<const D: usize> = AdamWState<D>;

    fn step<const D: usize>(
        &self,
        rate: f64,
        parameter: Tensor<D>,
        gradient: Tensor<D>,
        state: Option<AdamWState<D>>,
    ) -> (Tensor<D>, Option<AdamWState<D>>) {
        let (time, moments) = match state.map(|state| state.momentum) {
            Some(AdaptiveMomentumState { time, moment_1, moment_2, .. }) => (time + 1, [moment_1, moment_2]),
            None => (1, [gradient.zeros_like(), gradient.zeros_like()]),
        };
        let &Self { beta1, beta2, epsilon, decay, ref scale } = self;
        let (time_of_step, scale) = (i32::try_from(time).unwrap_or(i32::MAX), scale.get());
        let step = AdamWStep { rate, beta1, beta2, epsilon, decay, time: time_of_step, scale };
        let (parameter, [moment_1, moment_2]) = adamw(parameter, gradient, moments, step);
        (parameter, Some(AdamWState::new(AdaptiveMomentumState::new(time, moment_1, moment_2))))
    }

    fn to_device<const D: usize>(mut state: AdamWState<D>, device: &Device) -> AdamWState<D> {
        state.momentum = state.momentum.to_device(device);
        state
    }
}

/// Builds the optimiser; `scale` is what its steps multiply gradients by.
pub(crate) fn optimizer(config: &OptimizerConfig, scale: &GradientScale) -> Result<ModuleOptimizer> {
    let adamw = |decay: f64| AdamW {
        beta1: config.beta1 as f32,
        beta2: config.beta2 as f32,
        epsilon: config.epsilon as f32,
        decay: decay as f32,
        scale: scale.clone(),
    };
    let plain = ParamGroup::from_regex(NOT_DECAYED).map_err(|error| Error::input(format!("{error:?}")))?;
    Ok(adamw(config.weight_decay).init().with_group(plain, adamw(0.0), None))
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::nn::LinearConfig;
    use burn::optim::{AdamWConfig, GradientsParams};
    use burn::tensor::Tolerance;

    /// Weights after some steps against Burn's AdamW, whose checkpoint it continues in the middle.
    #[test]
    fn equals_burns() {
        for (_, device) in rcml_kernels::device::test_devices() {
            let device = device.autodiff();
            device.seed(3);
            let start = LinearConfig::new(7, 5).init(&device);
            let x = Tensor::<2>::ones([3, 7], &device);
            let burns = || {
                let config = AdamWConfig::new().with_beta_1(0.9).with_beta_2(0.98).with_epsilon(1e-8);
                config.with_weight_decay(0.05).init()
            };
            let scale = GradientScale::default();
            let ours = || AdamW { beta1: 0.9, beta2: 0.98, epsilon: 1e-8, decay: 0.05, scale: scale.clone() }.init();
            let run = |switch: Option<usize>, first: &dyn Fn() -> ModuleOptimizer| {
                let (mut model, mut optimizer) = (start.clone(), first());
                for step in 0..6 {
                    if switch == Some(step) {
                        optimizer = ours().load_record(optimizer.to_record());
                    }
                    let loss = (model.forward(x.clone()) - (step as f32)).square().sum();
                    let gradients = GradientsParams::from_grads(loss.backward(), &model);
                    model = optimizer.step(1e-2, model, gradients);
                }
                model.weight.val().into_data()
            };
            let expected = run(None, &burns);
            run(None, &ours).assert_approx_eq::<f32>(&expected, Tolerance::absolute(1e-6));
            run(Some(3), &burns).assert_approx_eq::<f32>(&expected, Tolerance::absolute(1e-6));
            // Halved gradients in both: AdamW moves by their direction, so the scale shows in epsilon and in the record alone.
            scale.set(0.5);
            let (gradient, moments) = (Tensor::<1>::ones([5], &start.weight.val().device().inner()), None);
            let (_, state) = Optimizer::step(
                &AdamW { beta1: 0.9, beta2: 0.98, epsilon: 1e-8, decay: 0.05, scale: scale.clone() },
                1e-2,
                gradient.clone(),
                gradient.clone(),
                moments,
            );
            let first = state.map(|state| state.momentum.moment_1).unwrap().into_data();
            first.assert_approx_eq::<f32>(&gradient.mul_scalar(0.05).into_data(), Tolerance::absolute(1e-7));
        }
    }
}
