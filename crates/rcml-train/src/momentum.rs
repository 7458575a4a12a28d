//! A model that follows the trained one at a distance, and what it made of earlier batches (MoCo, He et al. 2020).

use std::collections::HashMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::{Device, Int, Tensor, TensorData};
use rcml_data::Role;
use rcml_kernels::Tokens;
use rcml_losses::methods::{Queue, follow};
use rcml_model::{ConditionedSide, ModelConfig, Rcml};

use crate::data::StepInput;

/// The momentum encoder and a queue for each modality.
pub(crate) struct Momentum {
    model: Rcml,
    /// In the order of the model's modalities.
    queues: Vec<Queue>,
    decay: f64,
    capacity: usize,
}

/// What it makes of a batch: modality and `[B, D]`.
pub(crate) type Seen = Vec<(String, Tensor<2>)>;

/// What a checkpoint keeps of it. Rows that a queue which is not full yet lacks are zero, and come first.
#[derive(Module, Debug)]
pub(crate) struct Kept {
    model: Rcml,
    queues: Vec<Param<Tensor<2>>>,
    /// Whose rows these are: high and low half of an item's number, which floats hold exactly; -1 where there is no row.
    ids: Vec<Param<Tensor<2>>>,
}

/// Numbers that the low half of an id has.
const HALF: u32 = 1 << 16;

impl Momentum {
    /// Starts as the trained model itself, with empty queues.
    pub(crate) fn new(model: &Rcml, config: &ModelConfig, (decay, capacity): (f64, usize)) -> Self {
        let queues = config.modalities.iter().map(|_| Queue::new(capacity)).collect();
        Self { model: model.valid(), queues, decay, capacity }
    }

    /// Embeds a batch as candidates: under the generic relation, or without one where candidates are not conditioned.
    pub(crate) fn embed(&self, config: &ModelConfig, input: &StepInput, device: &Device) -> Seen {
        let device = device.clone().without_autodiff();
        let Some(relation) = self.model.relations(&input.generic, &[Role::Either], &device) else { return vec![] };
        let encoded = self.model.encode_training(config, &input.items, &device);
        let conditioner = self.model.conditioner();
        let embed = |tokens: &Tokens| match config.side {
            ConditionedSide::Both => conditioner.forward_generic(tokens, relation.clone()).squeeze_dim::<2>(1),
            ConditionedSide::Query => conditioner.unconditioned(tokens),
        };
        encoded.iter().map(|modality| (modality.name.clone(), embed(&modality.tokens))).collect()
    }

    /// A modality's queue.
    pub(crate) fn queue(&self, config: &ModelConfig, modality: &str) -> Option<&Queue> {
        self.queues.get(config.modalities.iter().position(|known| known.name == modality)?)
    }

    /// After a step: follows the trained model, and takes in what was seen of the items, `ids`, that have each modality.
    pub(crate) fn advance(
        &mut self,
        trained: &Rcml,
        config: &ModelConfig,
        ids: &[u32],
        seen: Vec<(String, Tensor<2>, Vec<bool>)>,
    ) {
        let mut weights = Weights(HashMap::new());
        trained.visit(&mut weights);
        self.model = self.model.clone().map(&mut Follow { weights: weights.0, decay: self.decay });
        for (modality, rows, present) in seen {
            let there: Vec<i64> = (0..).zip(&present).filter(|(_, has)| **has).map(|(row, _)| row).collect();
            let slot = config.modalities.iter().position(|known| known.name == modality);
            let whose: Vec<u32> = ids.iter().zip(&present).filter(|(_, has)| **has).map(|(id, _)| *id).collect();
            if let Some(queue) = slot.and_then(|slot| self.queues.get_mut(slot)).filter(|_| !there.is_empty()) {
                let count = there.len();
                let there = Tensor::<1, Int>::from_data(TensorData::new(there, [count]), &rows.device());
                queue.push(rows.select(0, there), &whose);
            }
        }
    }

    /// For a checkpoint.
    pub(crate) fn kept(&self, config: &ModelConfig, device: &Device) -> Kept {
        let device = device.clone().without_autodiff();
        let padded = |queue: &Queue| {
            let empty = Tensor::zeros([self.capacity - queue.len(), config.width], &device);
            let rows = match queue.rows() {
                Some(rows) => Tensor::cat(vec![empty, rows.clone()], 0),
                None => empty,
            };
            Param::from_tensor(rows).no_grad()
        };
        let whose = |queue: &Queue| {
            let halves = queue.ids().iter().flat_map(|id| [(id / HALF) as f32, (id % HALF) as f32]);
            let empty = std::iter::repeat_n(-1.0, 2 * (self.capacity - queue.len()));
            let values: Vec<f32> = empty.chain(halves).collect();
            Param::from_tensor(Tensor::from_data(TensorData::new(values, [self.capacity, 2]), &device)).no_grad()
        };
        Kept {
            model: self.model.clone(),
            queues: self.queues.iter().map(padded).collect(),
            ids: self.queues.iter().map(whose).collect(),
        }
    }

    /// From a checkpoint.
    pub(crate) fn restored(&self, kept: Kept) -> Self {
        let queue = |(rows, ids): (&Param<Tensor<2>>, &Param<Tensor<2>>)| {
            let halves: Vec<f32> = ids.val().into_data().iter().collect();
            let id = |halves: &[f32]| (halves[0] >= 0.0).then(|| halves[0] as u32 * HALF + halves[1] as u32);
            let ids: Vec<u32> = halves.chunks_exact(2).filter_map(id).collect();
            let mut queue = Queue::new(self.capacity);
            if !ids.is_empty() {
                queue.push(rows.val().narrow(0, self.capacity - ids.len(), ids.len()), &ids);
            }
            queue
        };
        let queues = kept.queues.iter().zip(&kept.ids).map(queue).collect();
        Self { model: kept.model.valid(), queues, ..*self }
    }
}

/// All parameters, flat, by their identity.
struct Weights(HashMap<ParamId, Tensor<1>>);

impl ModuleVisitor for Weights {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.insert(param.id, param.val().without_autodiff().reshape([-1]));
    }
}

struct Follow {
    weights: HashMap<ParamId, Tensor<1>>,
    decay: f64,
}

impl ModuleMapper for Follow {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        match self.weights.remove(&param.id) {
            Some(new) => param.map(|old| {
                let shape = old.dims();
                follow(old, new.reshape(shape), self.decay)
            }),
            None => param,
        }
    }
}
