//! Pool, modulate, translate.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use rcml_kernels::{RowIds, Tokens, l2_normalize, pick_rows};
use serde::{Deserialize, Serialize};

use crate::{AttentionConfig, Gate, LowRank, PreparedRelations, RelationAttention, Relations};

/// Which tokens speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pool {
    /// The summary vector: pooling does not look at the relation.
    Summary,
    /// Relation attention.
    #[default]
    Attention,
}

/// Which channels speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Modulate {
    /// All, as they are.
    None,
    /// A diagonal map made from the relation.
    Gate,
    /// A low-rank map made from the relation.
    LowRank,
    /// The low-rank map, then the gate.
    #[default]
    LowRankGate,
}

/// A conditioner as data. (summary, none) is CLIP; (attention, none) is the paper.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConditionerConfig {
    /// Which tokens speak.
    pub pool: Pool,
    /// Which channels speak.
    pub modulate: Modulate,
    /// Rank of the low-rank map.
    pub rank: usize,
    /// Relation attention's own settings.
    pub attention: AttentionConfig,
}

impl Default for ConditionerConfig {
    fn default() -> Self {
        Self { pool: Pool::Attention, modulate: Modulate::LowRankGate, rank: 16, attention: AttentionConfig::default() }
    }
}

impl ConditionerConfig {
    /// Checks the values for embeddings of width `width`.
    ///
    /// # Errors
    /// Names the key, the value found and what was expected.
    pub fn validate(&self, width: usize) -> Result<(), String> {
        if self.rank == 0 || self.rank > width {
            return Err(format!("rank: expected 1 to the width {width}, found {}", self.rank));
        }
        self.attention.validate(width).map_err(|message| format!("attention.{message}"))
    }

    /// Builds the module for embeddings of width `width`.
    pub fn init(&self, width: usize, device: &Device) -> Conditioner {
        let low_rank = matches!(self.modulate, Modulate::LowRank | Modulate::LowRankGate);
        let gate = matches!(self.modulate, Modulate::Gate | Modulate::LowRankGate);
        Conditioner {
            attention: (self.pool == Pool::Attention).then(|| self.attention.init(width, device)),
            low_rank: low_rank.then(|| LowRank::new(width, self.rank, device)),
            gate: gate.then(|| Gate::new(width, device)),
        }
    }

    /// Whether an embedding depends on the relation at all.
    pub fn conditions(&self) -> bool {
        self.pool != Pool::Summary || self.modulate != Modulate::None
    }
}

/// Tokens and relations -> one unit vector per item and relation.
#[derive(Module, Debug)]
pub struct Conditioner {
    pub(crate) attention: Option<RelationAttention>,
    pub(crate) low_rank: Option<LowRank>,
    pub(crate) gate: Option<Gate>,
}

impl Conditioner {
    /// Embeds every item under every relation.
    ///
    /// # Shapes
    /// - tokens: N items, width D
    /// - relations: R, width D
    /// - output: `[N, R, D]`, unit rows
    pub fn forward(&self, tokens: &Tokens, relations: impl Into<Relations>) -> Tensor<3> {
        self.condition(tokens, relations.into(), false)
    }

    /// Embeds every item under the generic "same item" relation, where relation attention's summary bias acts.
    ///
    /// # Shapes
    /// - relation: one, width D
    /// - output: `[N, 1, D]`, unit rows
    pub fn forward_generic(&self, tokens: &Tokens, relation: impl Into<Relations>) -> Tensor<3> {
        self.condition(tokens, relation.into(), true)
    }

    /// Makes relations ready for any number of items: for serving, and for stores of tokens larger than memory. Nothing if
    /// the device fails to hand its values over.
    ///
    /// # Shapes
    /// - relations: R, width D
    pub fn prepare(&self, relations: impl Into<Relations>) -> Option<PreparedRelations> {
        PreparedRelations::new(self, relations.into())
    }

    /// Embeds without any relation: the unit summary, `[N, D]`.
    pub fn unconditioned(&self, tokens: &Tokens) -> Tensor<2> {
        l2_normalize(tokens.summary.clone())
    }

    /// Embeds some items under each relation, others under another: for training, where few items ask under one relation.
    ///
    /// # Shapes
    /// - tokens: N items, width D
    /// - rows: `[R, A]`, positions of items, repeated or not
    /// - relations: R, width D
    /// - output: `[R, A, D]`, unit rows
    ///
    /// # Panics
    /// If a row is no item, or there are not as many for each relation.
    pub fn forward_rows(&self, tokens: &Tokens, rows: &[u32], relations: impl Into<Relations>) -> Tensor<3> {
        let relations: Relations = relations.into();
        let ([_, _, d], [r, _]) = (tokens.dims(), relations.dims());
        let z = match &self.attention {
            Some(attention) => attention.forward_rows(tokens, rows, relations.embeddings.clone()),
            None => pick_rows(tokens.summary.clone(), &RowIds::new(rows)).reshape([r, rows.len() / r.max(1), d]),
        };
        self.modulate(z, relations)
    }

    fn condition(&self, tokens: &Tokens, relations: Relations, generic: bool) -> Tensor<3> {
        let [n, _, d] = tokens.dims();
        let [r, _] = relations.dims();
        // Relations lead from here on: each has its own map of all items, a batch of GEMMs.
        let z = match &self.attention {
            Some(attention) => attention.forward(tokens, relations.embeddings.clone(), generic).swap_dims(0, 1),
            None => tokens.summary.clone().reshape([1, n, d]),
        };
        let z = self.modulate(z, relations);
        let z = if z.dims()[0] == r { z } else { z.repeat_dim(0, r) };
        z.swap_dims(0, 1)
    }

    /// What follows the pooling: `[R, N, D]` or `[1, N, D]` (one vector for all relations) -> the same, or `[R, N, D]`.
    fn modulate(&self, mut z: Tensor<3>, relations: Relations) -> Tensor<3> {
        let Relations { embeddings: relations, translations } = relations;
        if let Some(low_rank) = &self.low_rank {
            z = low_rank.forward(z, relations.clone());
        }
        if let Some(gate) = &self.gate {
            z = gate.forward(z, relations);
        }
        match translations {
            Some(translations) => l2_normalize(l2_normalize(z) + translations.unsqueeze_dim::<3>(1)),
            None => l2_normalize(z),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::module::{ModuleMapper, Param};
    use burn::tensor::{Distribution, TensorData, Tolerance};
    use rcml_kernels::device::test_slack;

    const ALL: [(Pool, Modulate); 8] = [
        (Pool::Summary, Modulate::None),
        (Pool::Summary, Modulate::Gate),
        (Pool::Summary, Modulate::LowRank),
        (Pool::Summary, Modulate::LowRankGate),
        (Pool::Attention, Modulate::None),
        (Pool::Attention, Modulate::Gate),
        (Pool::Attention, Modulate::LowRank),
        (Pool::Attention, Modulate::LowRankGate),
    ];

    fn config((pool, modulate): (Pool, Modulate)) -> ConditionerConfig {
        ConditionerConfig { pool, modulate, rank: 3, ..ConditionerConfig::default() }
    }

    fn random<const D: usize>(shape: [usize; D], device: &Device) -> Tensor<D> {
        Tensor::random(shape, Distribution::Normal(0.0, 1.0), device)
    }

    /// Moves every parameter away from its special start.
    struct Jitter;
    impl ModuleMapper for Jitter {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            param.map(|value| (value.clone() + value.random_like(Distribution::Normal(0.0, 0.2))).detach())
        }
    }

    #[test]
    fn every_combination_gives_unit_rows_and_starts_at_the_summary() {
        for (name, device) in rcml_kernels::device::test_devices() {
            for combination in ALL {
                let module = config(combination).init(8, &device);
                let tokens = Tokens::with_summary_first(random([5, 4, 8], &device), None);
                let z = module.forward(&tokens, random([3, 8], &device));
                assert_eq!(z.dims(), [5, 3, 8], "{name} {combination:?}");
                let start = module.unconditioned(&tokens).reshape([5, 1, 8]).repeat_dim(1, 3);
                z.into_data().assert_approx_eq::<f32>(&start.into_data(), Tolerance::absolute(1e-5 + test_slack()));

                let moved = module.map(&mut Jitter);
                let relations = random([3, 8], &device);
                let z = moved.forward(&tokens, relations.clone());
                let lengths: Vec<f32> = z.clone().square().sum_dim(2).try_into_vec_as().unwrap();
                assert!(
                    lengths.iter().all(|l| (l - 1.0).abs() < 1e-5 + test_slack()),
                    "{name} {combination:?}: {lengths:?}"
                );
                // Relations swapped -> results swapped, and different where anything conditions.
                let swapped = moved.forward(&tokens, relations.flip([0]));
                swapped.into_data().assert_approx_eq::<f32>(
                    &z.clone().flip([1]).into_data(),
                    Tolerance::absolute(1e-5 + test_slack()),
                );
                let apart = (z.clone().narrow(1, 0, 1) - z.narrow(1, 1, 1)).abs().max().into_scalar::<f32>();
                assert_eq!(apart > 1e-3, config(combination).conditions(), "{name} {combination:?}: {apart}");
            }
        }
    }

    /// The low-rank map against M_r = I + A_r B_r^T applied one vector at a time.
    #[test]
    fn low_rank_of_one_vector_equals_that_of_many() {
        for (_, device) in rcml_kernels::device::test_devices() {
            let module = LowRank::new(6, 2, &device).map(&mut Jitter);
            let (z, relations) = (random([1, 4, 6], &device), random([3, 6], &device));
            let shared = module.forward(z.clone(), relations.clone()).into_data();
            let repeated = module.forward(z.repeat_dim(0, 3), relations).into_data();
            shared.assert_approx_eq::<f32>(&repeated, Tolerance::absolute(1e-5 + test_slack()));
        }
    }

    /// Values and gradients are those of all items under all relations, picked.
    #[test]
    fn rows_are_some_of_all() {
        for (name, device) in rcml_kernels::device::test_devices() {
            let device = device.autodiff();
            for (heads, combination) in [1, 2].into_iter().flat_map(|heads| ALL.map(|combination| (heads, combination)))
            {
                device.seed(23);
                let mut config = config(combination);
                config.attention.heads = heads;
                let module = config.init(8, &device).map(&mut Jitter);
                let mask = Tensor::<2>::from_floats([[0.0, 0.0, -1e9], [0.0, 0.0, 0.0], [0.0, -1e9, -1e9]], &device);
                let [states, weights] = [[3, 3, 8], [2, 3, 8]].map(|shape| random(shape, &device));
                let [relations, translations] = [(); 2].map(|()| random([2, 8], &device));
                let rows = [2, 0, 0, 1, 2, 2];
                // Embeddings, and their gradients with respect to tokens and relations.
                let made = |some: bool| {
                    let states = states.clone().require_grad();
                    let relations = relations.clone().require_grad();
                    let tokens = Tokens::with_summary_first(states.clone(), Some(mask.clone()));
                    let given = Relations { embeddings: relations.clone(), translations: Some(translations.clone()) };
                    let z = if some {
                        module.forward_rows(&tokens, &rows, given)
                    } else {
                        let index = [4, 0, 0, 3, 5, 5];
                        let index = Tensor::<1, burn::tensor::Int>::from_ints(index, &device);
                        module.forward(&tokens, given).reshape([6, 8]).select(0, index).reshape([2, 3, 8])
                    };
                    let gradients = (z.clone() * weights.clone()).sum().backward();
                    let zeros = || TensorData::zeros::<f32, _>([2, 8]);
                    let of_relations = relations.grad(&gradients).map_or_else(zeros, Tensor::into_data);
                    [z.into_data(), states.grad(&gradients).unwrap().into_data(), of_relations]
                };
                println!("{name}, {heads} heads, {combination:?}");
                for (found, expected) in made(true).into_iter().zip(made(false)) {
                    found.assert_approx_eq::<f32>(&expected, Tolerance::absolute(1e-4 + test_slack()));
                }
            }
        }
    }

    #[test]
    fn prepared_relations_give_the_same() {
        use rcml_kernels::TokenView;
        for (name, device) in rcml_kernels::device::test_devices() {
            for (heads, combination) in [1, 2].into_iter().flat_map(|heads| ALL.map(|combination| (heads, combination)))
            {
                let mut config = config(combination);
                config.attention.heads = heads;
                let module = config.init(8, &device).map(&mut Jitter);
                let (n, t, r) = (700, 4, 3);
                let (states, relations) = (random([n, t, 8], &device), random([r, 8], &device));
                let bias: Vec<f32> = (0..n * t).map(|i| if i % 4 == 2 { -1e9 } else { 0.0 }).collect();
                let mask = Tensor::<1>::from_floats(bias.as_slice(), &device).reshape([n, t]);
                let tokens = Tokens::with_summary_first(states.clone(), Some(mask));
                let translations = (heads == 2).then(|| random([r, 8], &device));
                let relations = Relations { embeddings: relations, translations };
                let expected: Vec<f32> = module.forward(&tokens, relations.clone()).try_into_vec_as().unwrap();
                let values: Vec<f32> = states.try_into_vec_as().unwrap();
                let mut found = vec![0.0; n * r * 8];
                let prepared = module.prepare(relations).unwrap();
                prepared.condition(TokenView::F32(&values), n, t, Some(&bias), &mut found).unwrap();
                let worst = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(worst < 1e-5 + test_slack(), "{name} {heads} {combination:?}: off by {worst}");
                assert!(prepared.condition(TokenView::F32(&values), n, t + 1, None, &mut found).is_err());
            }
        }
    }
}
