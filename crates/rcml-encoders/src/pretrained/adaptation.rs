//! Which parameters of a pretrained encoder are trained, and how.

use burn::module::{Lora, Module, ParamGroup};
use serde::{Deserialize, Serialize};

use super::parameters::names;
use crate::Result;
use crate::error::ErrorKind;

/// What is trained of an encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AdaptationMode {
    /// Nothing.
    #[default]
    Frozen,
    /// The last blocks, and what comes behind them.
    Last,
    /// Low-rank additions to weight matrices (LoRA, Hu et al. 2022); the matrices stay as they are.
    Lora,
    /// Biases, and the gains and shifts of norms (BitFit, Ben Zaken et al. 2022).
    Bias,
    /// Everything.
    Full,
}

/// The adaptation of an encoder as data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Adaptation {
    /// What is trained.
    pub mode: AdaptationMode,
    /// Blocks that `last` trains.
    pub layers: usize,
    /// Rank of LoRA's additions.
    pub rank: usize,
    /// LoRA's additions are scaled by alpha / rank.
    pub alpha: f64,
    /// Regular expression over parameter names: the matrices that LoRA adds to.
    pub matrices: String,
    /// Regular expression over parameter names that are trained as well, whatever the mode; empty = none.
    pub also: String,
    /// Regular expression over parameter names that are never trained; empty = none.
    pub never: String,
    /// Learning rate of the encoder's last layers, as a share of the run's.
    pub rate: f64,
    /// What each layer's learning rate is of the one's above it: 1 = all the same.
    pub layer_decay: f64,
}

impl Default for Adaptation {
    fn default() -> Self {
        Self {
            mode: AdaptationMode::Frozen,
            layers: 1,
            rank: 8,
            alpha: 16.0,
            matrices: r"(query|value)\.weight$".into(),
            also: String::new(),
            never: String::new(),
            rate: 0.1,
            layer_decay: 1.0,
        }
    }
}

/// Parameters and the factor on their learning rate.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerRate {
    /// Regular expression over the names of the encoder's parameters.
    pub parameters: String,
    /// The factor.
    pub factor: f64,
}

/// Names of what comes behind the blocks, in any family.
const BEHIND: &str = r"^family\.[^.]+\.(norm|post_norm|project|probe|head|classify)\.";

/// Names of the parameters of some blocks, in any family.
fn blocks(range: std::ops::Range<usize>) -> String {
    let numbers: Vec<String> = range.map(|block| block.to_string()).collect();
    format!(r"^family\.[^.]+\.(layers|blocks)\.({})\.", numbers.join("|"))
}

impl Adaptation {
    /// Checks the values.
    ///
    /// # Errors
    /// Names the key, the value found and what was expected.
    pub fn validate(&self) -> Result<(), String> {
        if self.rank == 0 {
            return Err("rank: expected at least 1, found 0".into());
        }
        if !(self.alpha.is_finite() && self.alpha > 0.0) {
            return Err(format!("alpha: expected a number above 0, found {}", self.alpha));
        }
        for (key, value) in [("rate", self.rate), ("layer_decay", self.layer_decay)] {
            if !(value.is_finite() && value > 0.0 && (key == "rate" || value <= 1.0)) {
                let range = if key == "rate" { "above 0" } else { "above 0 and at most 1" };
                return Err(format!("{key}: expected a number {range}, found {value}"));
            }
        }
        for (key, pattern) in [("matrices", &self.matrices), ("also", &self.also), ("never", &self.never)] {
            ParamGroup::from_regex(pattern.as_str())
                .map_err(|error| format!("{key}: not a regular expression: {pattern:?} ({error:?})"))?;
        }
        Ok(())
    }

    /// Whether anything is trained.
    pub fn trains(&self) -> bool {
        self.mode != AdaptationMode::Frozen || !self.also.is_empty()
    }

    /// The rates of an encoder with `depth` blocks; of several that match a parameter, the last counts. What comes behind the
    /// blocks has `rate`, block k of L has `rate` times `layer_decay`^(L - k), what comes before them one power more
    /// (Clark et al. 2020).
    pub fn rates(&self, depth: usize) -> Vec<LayerRate> {
        let rate = |parameters: String, power: usize| {
            let factor = self.rate * self.layer_decay.powi(i32::try_from(power).unwrap_or(i32::MAX));
            LayerRate { parameters, factor }
        };
        let mut rates = vec![rate(String::new(), depth + 1), rate(BEHIND.into(), 0)];
        rates.extend((0..depth).map(|block| rate(blocks(block..block + 1), depth - block)));
        rates
    }

    /// Sets which parameters of a module with `depth` blocks are trained. The module must be on a device with autodiff.
    ///
    /// # Errors
    /// A pattern that is no regular expression, or one that no parameter's name matches: then something is misspelt.
    pub fn apply<M: Module>(&self, module: M, depth: usize) -> Result<M> {
        self.validate().map_err(ErrorKind::Unsupported)?;
        let names = names(&module);
        let group = |key: &str, pattern: &str| -> Result<ParamGroup> {
            let group = ParamGroup::from_regex(pattern);
            let group = group.map_err(|error| ErrorKind::Unsupported(format!("{key}: {pattern:?}: {error:?}")))?;
            if !names.iter().any(|(name, id, _)| group.matches(id, Some(name))) {
                let shown: Vec<&str> = names.iter().take(8).map(|(name, ..)| name.as_str()).collect();
                let shown = shown.join(", ");
                return Err(ErrorKind::Unsupported(format!(
                    "{key}: no parameter's name matches {pattern:?}; they are {shown} ..."
                ))
                .into());
            }
            Ok(group)
        };
        let mut module = match self.mode {
            AdaptationMode::Frozen => module.no_grad(),
            AdaptationMode::Full => module,
            AdaptationMode::Bias => {
                module.no_grad().set_require_grad_group(group("mode", r"(bias|beta|gamma)$")?, true)
            }
            AdaptationMode::Last => {
                let first = depth.saturating_sub(self.layers);
                let pattern = format!("{}|{BEHIND}", blocks(first..depth));
                module.no_grad().set_require_grad_group(group("mode", &pattern)?, true)
            }
            AdaptationMode::Lora => {
                let matrices = group("matrices", &self.matrices)?;
                module.apply_lora(Lora::new(self.rank, self.alpha).set_param_group(matrices))
            }
        };
        if !self.also.is_empty() {
            module = module.set_require_grad_group(group("also", &self.also)?, true);
        }
        if !self.never.is_empty() {
            module = module.set_require_grad_group(group("never", &self.never)?, false);
        }
        Ok(module)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use burn::module::{ModuleMapper, Param};
    use burn::tensor::{Device, Distribution, Tensor};

    use super::super::{ImageTower, PretrainedFolder, TextTower, count_parameters};
    use super::*;
    use crate::TokenIds;

    fn tower(device: &Device) -> TextTower {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join("bert");
        TextTower::load(&PretrainedFolder::at("bert", &folder).unwrap(), device).unwrap().0
    }

    fn pooled(tower: &TextTower, device: &Device) -> Vec<f32> {
        let ids = TokenIds::padded(vec![vec![2, 7, 9, 3], vec![2, 11, 3]], 0);
        tower.forward(&ids, device).pooled.try_into_vec_as().unwrap()
    }

    /// Moves LoRA's factors away from their start.
    struct Shake;
    impl ModuleMapper for Shake {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            if !param.is_require_grad() {
                return param;
            }
            param.map(|value| {
                let noise = value.random_like(Distribution::Normal(0.0, 0.1));
                (value + noise).detach().require_grad()
            })
        }
    }

    #[test]
    fn modes_train_what_they_say() {
        let device = rcml_kernels::device::parse("cpu").unwrap().autodiff();
        let all = tower(&device).num_params();
        let trained = |adaptation: &Adaptation| {
            let module = adaptation.apply(tower(&device), 2).unwrap();
            count_parameters(&module).iter().map(|count| count.trainable).sum::<usize>()
        };
        let of = |mode| Adaptation { mode, ..Adaptation::default() };
        let block = 4 * 32 * 32 + 2 * 32 * 64 + 4 * 32 + 64 + 32 + 4 * 32;
        assert_eq!(trained(&of(AdaptationMode::Frozen)), 0);
        assert_eq!(trained(&of(AdaptationMode::Full)), all);
        assert_eq!(trained(&Adaptation { layers: 2, ..of(AdaptationMode::Last) }), 2 * block);
        assert_eq!(trained(&of(AdaptationMode::Last)), block);
        assert_eq!(trained(&of(AdaptationMode::Bias)), 2 * (4 * 32 + 64 + 32 + 4 * 32) + 2 * 32);
        // Two matrices per block, two factors each.
        assert_eq!(trained(&Adaptation { rank: 4, ..of(AdaptationMode::Lora) }), 2 * 2 * 2 * 32 * 4);
        let also = Adaptation { also: r"words$".into(), ..of(AdaptationMode::Frozen) };
        assert!(trained(&also) > 1000);
        let never = Adaptation { never: r"\.layers\.".into(), ..of(AdaptationMode::Bias) };
        assert_eq!(trained(&never), 2 * 32);

        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join("efficientnet-lite");
        let folder = PretrainedFolder::at("efficientnet-lite", &folder).unwrap();
        let network = ImageTower::load(&folder, &device).unwrap().0;
        let depth = network.depth();
        let module = of(AdaptationMode::Last).apply(network, depth).unwrap();
        let trained: Vec<_> =
            names(&module).into_iter().filter(|(_, _, trained)| *trained).map(|name| name.0).collect();
        let block = format!("family.EfficientNet.blocks.{}.", depth - 1);
        let behind = ["family.EfficientNet.head.", "family.EfficientNet.classify."];
        assert!(trained.iter().all(|name| name.starts_with(&block) || behind.iter().any(|b| name.starts_with(b))));
        assert!(trained.iter().any(|name| name.starts_with(&block)), "{trained:?}");

        let misspelt = Adaptation { matrices: "qeury".into(), ..of(AdaptationMode::Lora) };
        let message = misspelt.apply(tower(&device), 2).unwrap_err().to_string();
        assert!(message.contains("qeury") && message.contains("words"), "{message}");
        let broken = Adaptation { also: "(".into(), ..Adaptation::default() };
        assert!(broken.validate().unwrap_err().contains("also"));
    }

    #[test]
    fn rates_fall_from_layer_to_layer() {
        let adaptation = Adaptation { rate: 0.5, layer_decay: 0.1, ..Adaptation::default() };
        let rates = adaptation.rates(2);
        let of = |name: &str| {
            let fits = |rate: &&LayerRate| {
                ParamGroup::from_regex(rate.parameters.as_str())
                    .unwrap()
                    .matches(&burn::module::ParamId::new(), Some(name))
            };
            rates.iter().rev().find(fits).unwrap().factor
        };
        let bert = |part: &str| of(&format!("family.Bert.{part}"));
        for (found, expected) in [
            (bert("words"), 5e-4),
            (bert("layers.0.query.weight"), 5e-3),
            (bert("layers.1.query.weight.lora.a"), 5e-2),
            (of("family.Joint.project.weight"), 0.5),
        ] {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
        for (wrong, key) in [
            (Adaptation { rate: 0.0, ..Adaptation::default() }, "rate"),
            (Adaptation { layer_decay: 1.5, ..Adaptation::default() }, "layer_decay"),
            (Adaptation { rank: 0, ..Adaptation::default() }, "rank"),
        ] {
            assert!(wrong.validate().unwrap_err().contains(key));
        }
    }

    #[test]
    fn lora_starts_at_the_frozen_encoder_and_merges_exactly() {
        let plain = rcml_kernels::device::parse("cpu").unwrap();
        let device = plain.clone().autodiff();
        device.seed(3);
        let frozen = pooled(&tower(&plain), &plain);
        let adaptation = Adaptation { mode: AdaptationMode::Lora, ..Adaptation::default() };
        let adapted = adaptation.apply(tower(&device), 2).unwrap();
        assert_eq!(pooled(&adapted.valid(), &plain), frozen, "to the bit");

        let moved = adapted.map(&mut Shake).valid();
        let with_adapter = pooled(&moved, &plain);
        let apart = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(apart(&with_adapter, &frozen) > 1e-3);
        let merged = moved.materialize();
        assert_eq!(count_parameters(&merged).iter().filter(|count| count.group.ends_with("lora")).count(), 0);
        let difference = apart(&pooled(&merged, &plain), &with_adapter);
        assert!(difference <= 1e-6, "{difference}");
    }
}
