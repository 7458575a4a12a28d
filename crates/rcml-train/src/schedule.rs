//! Warm-up and cosine decay.

use burn::lr_scheduler::LrSchedulerConfig;
use burn::lr_scheduler::module_lr_scheduler::{ModuleLearningRate, ModuleLrSchedulerConfig};
use burn::module::ParamGroup;

use crate::{Error, OptimizerConfig, Result};

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

    /// The rate of every parameter where the rate of a step is `rate`.
    pub(crate) fn rates(&self, rate: f64) -> Result<ModuleLearningRate> {
        let mut parts: Vec<_> = self.rates.iter().collect();
        // Of several groups that match, the last counts.
        parts.sort_by_key(|(part, _)| part.len());
        let groups = ModuleLrSchedulerConfig::new(LrSchedulerConfig::Constant(rate));
        let groups = parts.into_iter().try_fold(groups, |groups, (part, factor)| {
            let start = format!(r"^{}\.", part.replace('.', r"\."));
            let group = ParamGroup::from_regex(start).map_err(|error| Error::input(format!("{error:?}")))?;
            Ok::<_, Error>(groups.with_group(group, LrSchedulerConfig::Constant(rate * factor)))
        })?;
        Ok(groups.init().map_err(Error::input)?.step())
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

    #[test]
    fn the_longest_part_sets_the_rate() {
        let rates = [("text", 0.5), ("text.embed", 0.1)].map(|(part, factor)| (part.to_owned(), factor));
        let rates = OptimizerConfig { rates: rates.into(), ..OptimizerConfig::default() }.rates(2.0).unwrap();
        let of = |path: &str| rates.lr_from_param(burn::module::ParamId::new(), Some(path));
        let found = ["text.position", "text.embed.weight", "text.embedding", "image.text.weight"].map(of);
        assert_eq!(found, [1.0, 0.2, 1.0, 2.0]);
    }
}
