//! Which parameters of a pretrained encoder are trained, and how.

use burn::module::{Lora, Module, ModuleVisitor, Param, ParamGroup};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

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
        }
    }
}

/// Parameters of one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterCount {
    /// The group: a part of the module by name, blocks taken together.
    pub group: String,
    /// Values that are trained.
    pub trainable: usize,
    /// All values.
    pub total: usize,
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
        for (key, pattern) in [("matrices", &self.matrices), ("also", &self.also), ("never", &self.never)] {
            ParamGroup::from_regex(pattern.as_str())
                .map_err(|error| format!("{key}: not a regular expression: {pattern:?} ({error:?})"))?;
        }
        Ok(())
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
            if !names.iter().any(|(name, id)| group.matches(id, Some(name))) {
                let shown: Vec<&str> = names.iter().take(8).map(|(name, _)| name.as_str()).collect();
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
                let blocks: Vec<String> = (first..depth).map(|block| block.to_string()).collect();
                let behind = r"\.(norm|post_norm|project|probe|head)\.";
                let pattern = format!(r"\.(layers|blocks)\.({})\.|{behind}", blocks.join("|"));
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

/// Trainable and all values of a module, block numbers taken together, in the module's order.
pub fn count_parameters<M: Module>(module: &M) -> Vec<ParameterCount> {
    let mut counter = Counter { path: Vec::new(), counts: Vec::new() };
    module.visit(&mut counter);
    counter.counts
}

fn names<M: Module>(module: &M) -> Vec<(String, burn::module::ParamId)> {
    let mut lister = Lister { path: Vec::new(), names: Vec::new() };
    module.visit(&mut lister);
    lister.names
}

struct Lister {
    path: Vec<String>,
    names: Vec<(String, burn::module::ParamId)>,
}

impl ModuleVisitor for Lister {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.into());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.names.push((self.path.join("."), param.id));
    }
}

struct Counter {
    path: Vec<String>,
    counts: Vec<ParameterCount>,
}

impl ModuleVisitor for Counter {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.into());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let is_block = |part: &&String| part.parse::<usize>().is_err();
        let mut group: Vec<&str> = self.path.iter().filter(is_block).take(3).map(String::as_str).collect();
        if self.path.iter().any(|part| part == "lora") {
            group.push("lora");
        }
        let (group, values) = (group.join("."), param.lazy_shape().num_elements());
        let trained = if param.is_require_grad() { values } else { 0 };
        match self.counts.iter_mut().find(|count| count.group == group) {
            Some(count) => (count.trainable, count.total) = (count.trainable + trained, count.total + values),
            None => self.counts.push(ParameterCount { group, trainable: trained, total: values }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use burn::module::ModuleMapper;
    use burn::tensor::{Device, Distribution};

    use super::super::{PretrainedFolder, TextTower};
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

        let misspelt = Adaptation { matrices: "qeury".into(), ..of(AdaptationMode::Lora) };
        let message = misspelt.apply(tower(&device), 2).unwrap_err().to_string();
        assert!(message.contains("qeury") && message.contains("words"), "{message}");
        let broken = Adaptation { also: "(".into(), ..Adaptation::default() };
        assert!(broken.validate().unwrap_err().contains("also"));
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
