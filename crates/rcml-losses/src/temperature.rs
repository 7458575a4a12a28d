//! The temperature, fixed or learned.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

use crate::TemperatureConfig;

/// The temperature tau as log(1 / tau), which is what CLIP trains.
#[derive(Module, Debug)]
pub struct Temperature {
    log_scale: Param<Tensor<1>>,
    learned: bool,
    min_log_scale: f64,
    max_log_scale: f64,
}

impl TemperatureConfig {
    /// Builds the parameter on a device.
    pub fn init(&self, device: &Device) -> Temperature {
        let log_scale = Param::from_tensor(Tensor::from_floats([(1.0 / self.initial).ln() as f32], device));
        Temperature {
            log_scale: if self.learned { log_scale } else { log_scale.no_grad() },
            learned: self.learned,
            min_log_scale: -self.max.ln(),
            max_log_scale: -self.min.ln(),
        }
    }
}

impl Temperature {
    /// 1 / tau, clamped to the configured bounds. Shape `[1]`.
    pub fn scale(&self) -> Tensor<1> {
        self.log_scale.val().clamp(self.min_log_scale, self.max_log_scale).exp()
    }

    /// Puts the parameter itself back between the bounds, as one does after an optimiser's step: the gradient is zero
    /// beyond a clamp, so a parameter left outside would stay there.
    pub fn clamped(mut self) -> Self {
        if self.learned {
            let (min, max) = (self.min_log_scale, self.max_log_scale);
            self.log_scale = self.log_scale.map(|value| {
                let trained = value.is_require_grad();
                let value = value.clamp(min, max).detach();
                if trained { value.require_grad() } else { value }
            });
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_where_told_and_stays_in_bounds() {
        for (name, device) in rcml_kernels::device::test_devices() {
            let config = TemperatureConfig { initial: 0.07, learned: true, min: 0.05, max: 0.2 };
            let tau = config.init(&device);
            let scale = tau.scale().into_scalar::<f32>();
            assert!((scale - 1.0 / 0.07).abs() < 1e-3, "{name}: {scale}");
            let mut far = tau;
            far.log_scale = Param::from_tensor(Tensor::from_floats([9.0], &device));
            let far = far.clamped();
            assert!((far.log_scale.val().into_scalar::<f32>() - 20f32.ln()).abs() < 1e-5, "{name}");
        }
    }
}
