//! Warm-up and cosine decay.

use crate::OptimizerConfig;

impl OptimizerConfig {
    /// The learning rate of a step (from 0) of `steps`: rises linearly over the warm-up, then falls along half a cosine to
    /// `final_share` of the highest.
    pub(crate) fn rate(&self, step: u64, steps: u64) -> f64 {
        let warmup = (self.warmup * steps as f64).ceil();
        let step = step as f64;
        if step < warmup {
            return self.learning_rate * (step + 1.0) / warmup;
        }
        let progress = (step - warmup) / (steps as f64 - warmup).max(1.0);
        let cosine = 0.5 * (1.0 + (std::f64::consts::PI * progress.min(1.0)).cos());
        self.learning_rate * (self.final_share + (1.0 - self.final_share) * cosine)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rises_then_falls() {
        let config =
            OptimizerConfig { learning_rate: 1.0, final_share: 0.1, warmup: 0.1, ..OptimizerConfig::default() };
        let rates: Vec<f64> = (0..100).map(|step| config.rate(step, 100)).collect();
        assert!((rates[0] - 0.1).abs() < 1e-12 && (rates[9] - 1.0).abs() < 1e-12 && (rates[10] - 1.0).abs() < 1e-12);
        assert!(rates[10..].windows(2).all(|pair| pair[1] <= pair[0]));
        assert!((rates[55] - 0.55).abs() < 1e-9, "half way down: {}", rates[55]);
        assert!((config.rate(100, 100) - 0.1).abs() < 1e-12);
    }
}
