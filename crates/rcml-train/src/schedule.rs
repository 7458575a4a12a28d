//! Warm-up and cosine decay.

use std::collections::BTreeSet;

use burn::lr_scheduler::LrSchedulerConfig;
use burn::lr_scheduler::module_lr_scheduler::{ModuleLearningRate, ModuleLrSchedulerConfig};
use burn::module::ParamGroup;
use rcml_encoders::pretrained::LayerRate;

use crate::{Error, OptimizerConfig, Result};

impl OptimizerConfig {
    /// The learning rate of a step (from 0) of `steps`: rises linearly over the warm-up, then falls along half a cosine towards
    /// `final_share` of the highest, where the step after the last would be.
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

/// The names that a part stands for: its own, and those under it.
fn pattern(part: &str) -> String {
    format!(r"^{}(\.|$)", part.replace('.', r"\."))
}

/// Whether a name is a part's own, or one under it.
fn is_under(name: &str, part: &str) -> bool {
    name.strip_prefix(part).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

impl OptimizerConfig {
    /// The parts among `rates` that a model does not have: nobody reads pictures, or a pretrained encoder does. `names` are those of its
    /// parameters.
    ///
    /// # Errors
    /// A part that no parameter belongs to, under one that the model has: names those that there are.
    pub(crate) fn idle_rates(&self, names: &[String]) -> Result<Vec<&str>> {
        let mut idle = Vec::new();
        for part in self.rates.keys().map(String::as_str) {
            if names.iter().any(|name| is_under(name, part)) {
                continue;
            }
            let first = part.split('.').next().unwrap_or(part);
            if !names.iter().any(|name| is_under(name, first)) {
                idle.push(part);
                continue;
            }
            // As far as the part goes right, and one step further.
            let mut known = part.match_indices('.').map(|(at, _)| &part[..at]);
            let right = known.rfind(|start| names.iter().any(|name| is_under(name, start))).unwrap_or(first);
            let next = |name: &String| {
                let rest = name.strip_prefix(right)?.strip_prefix('.')?;
                Some(format!("{right}.{}", rest.split('.').next().unwrap_or(rest)))
            };
            let under: BTreeSet<String> = names.iter().filter(|name| is_under(name, right)).filter_map(next).collect();
            let under: Vec<String> = under.into_iter().collect();
            return Err(Error::input(format!(
                "optimizer.rates: expected the start of parameter names, of which `{right}` has {}; found `{part}`, which no parameter has",
                if under.is_empty() { "none below it".into() } else { under.join(", ") }
            )));
        }
        Ok(idle)
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
        let parts = parts.into_iter().map(|(part, factor)| (pattern(part), *factor));
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
    fn a_rate_of_nothing_is_refused_or_told() {
        let names = ["text.embed.weight", "text.blocks.0.up.bias", "text.position", "roles"].map(String::from);
        let idle = |part: &str| {
            let config = OptimizerConfig { rates: [(part.to_string(), 0.5)].into(), ..OptimizerConfig::default() };
            config.idle_rates(&names).map(|idle| idle.into_iter().map(String::from).collect::<Vec<_>>())
        };
        for part in ["text", "text.embed", "text.position", "text.blocks.0", "roles"] {
            assert_eq!(idle(part).unwrap(), [""; 0], "{part}");
        }
        assert_eq!(idle("image.blocks").unwrap(), ["image.blocks"], "there is no such encoder at all");
        let below = "text.blocks, text.embed, text.position";
        for (part, under) in [("text.psition", below), ("text.emb", below), ("text.blocks.1", "text.blocks.0")] {
            let error = idle(part).unwrap_err();
            assert!(
                error.is_input() && error.to_string().contains(part) && error.to_string().contains(under),
                "{error}"
            );
        }
        assert!(idle("roles.source").unwrap_err().to_string().contains("none below"));
    }

    #[test]
    fn the_longest_part_sets_the_rate() {
        let rates = [("text", 0.5), ("text.embed", 0.1), ("roles", 0.0), ("text.position", 0.25)]
            .map(|(part, factor)| (part.to_owned(), factor));
        let config = OptimizerConfig { rates: rates.into(), ..OptimizerConfig::default() };
        let tower = LayerRate { parameters: r"^text_tower\..*\.layers\.1\.".into(), factor: 0.25 };
        let rates = Rates::new(&config, vec![tower]).unwrap().at(2.0).unwrap();
        let of = |path: &str| rates.lr_from_param(burn::module::ParamId::new(), Some(path));
        let found = ["text.norm", "text.embed.weight", "text.embedding", "image.text.weight"].map(of);
        assert_eq!(found, [1.0, 0.2, 1.0, 2.0]);
        // A parameter may have the part's name itself.
        assert_eq!(["roles", "text.position", "text.positions", "rolesandmore"].map(of), [0.0, 0.5, 1.0, 2.0]);
        assert_eq!(["text_tower.family.Bert.layers.1.up.bias", "text_tower.words"].map(of), [0.5, 2.0]);
    }
}
