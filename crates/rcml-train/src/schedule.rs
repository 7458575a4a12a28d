//! Warm-up and cosine decay.

use burn::lr_scheduler::LrSchedulerConfig;
use burn::lr_scheduler::module_lr_scheduler::{ModuleLearningRate, ModuleLrSchedulerConfig};
use burn::module::ParamGroup;
use rcml_encoders::pretrained::LayerRate;

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
}

/// Factors on the learning rate of parts of the model.
pub(crate) struct Rates(Vec<(ParamGroup, f64)>);

impl Rates {
    /// Those of the user, and of pretrained encoders that are adapted.
    pub(crate) fn new(config: &OptimizerConfig, towers: Vec<LayerRate>) -> Result<Self> {
        let mut parts: Vec<_> = config.rates.iter().collect();
        // Of several groups that match, the last counts.
        parts.sort_by_key(|(part, _)| part.len());
        let parts = parts.into_iter().map(|(part, factor)| (format!(r"^{}\.", part.replace('.', r"\.")), *factor));
        let towers = towers.into_iter().map(|rate| (rate.parameters, rate.factor));
        let group = |(pattern, factor): (String, f64)| {
            let group = ParamGroup::from_regex(pattern).map_err(|error| Error::input(format!("{error:?}")))?;
            Ok((group, factor))
        };
        Ok(Self(parts.chain(towers).map(group).collect::<Result<_>>()?))
    }

    /// The rate of every parameter where the rate of a step is `rate`.
    pub(crate) fn at(&self, rate: f64) -> Result<ModuleLearningRate> {
        let groups = ModuleLrSchedulerConfig::new(LrSchedulerConfig::Constant(rate));
        let groups = self.0.iter().fold(groups, |groups, (group, factor)| {
            groups.with_group(group.clone(), LrSchedulerConfig::Constant(rate * factor))
        });
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
        let config = OptimizerConfig { rates: rates.into(), ..OptimizerConfig::default() };
        let tower = LayerRate { parameters: r"^text_tower\..*\.layers\.1\.".into(), factor: 0.25 };
        let rates = Rates::new(&config, vec![tower]).unwrap().at(2.0).unwrap();
        let of = |path: &str| rates.lr_from_param(burn::module::ParamId::new(), Some(path));
        let found = ["text.position", "text.embed.weight", "text.embedding", "image.text.weight"].map(of);
        assert_eq!(found, [1.0, 0.2, 1.0, 2.0]);
        assert_eq!(["text_tower.family.Bert.layers.1.up.bias", "text_tower.words"].map(of), [0.5, 2.0]);
    }
}
