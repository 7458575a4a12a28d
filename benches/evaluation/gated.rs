//! A method that costs nothing but its products: a vector an item, and a gate over its channels for each relation.

use rayon::prelude::*;
use rcml_eval::{RelationRef, Result, Scorer, View};
use rcml_kernels::row_products;

/// z(item, relation) = unit(gate(relation) * z(item)). The vectors of one relation are in memory at a time, as with a trained model.
pub(crate) struct Gated {
    base: Vec<f32>,
    gates: Vec<f32>,
    width: usize,
    relation: Option<u32>,
    vectors: Vec<f32>,
}

impl Gated {
    pub(crate) fn new(items: usize, relations: usize, width: usize) -> Self {
        let (base, gates) = (values(items, width, 1), values(relations, width, 2));
        Self { base, gates, width, relation: None, vectors: Vec::new() }
    }

    fn turn(&mut self, relation: u32) {
        if self.relation == Some(relation) {
            return;
        }
        let gate = &self.gates[relation as usize * self.width..][..self.width];
        self.vectors.resize(self.base.len(), 0.0);
        self.vectors.par_chunks_mut(self.width).zip(self.base.par_chunks(self.width)).for_each(|(out, row)| {
            out.iter_mut().zip(row).zip(gate).for_each(|((out, value), gate)| *out = (1.0 + gate) * value);
            let length = out.iter().map(|v| v * v).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
            out.iter_mut().for_each(|v| *v /= length);
        });
        self.relation = Some(relation);
    }

    fn rows(&self, items: &[u32]) -> Vec<f32> {
        let mut rows = Vec::with_capacity(items.len() * self.width);
        items
            .iter()
            .for_each(|item| rows.extend_from_slice(&self.vectors[*item as usize * self.width..][..self.width]));
        rows
    }
}

impl Scorer for Gated {
    fn name(&self) -> &str {
        "gated"
    }

    fn views(&self) -> Vec<View> {
        vec![View::avg()]
    }

    fn scores(&mut self, relation: RelationRef, _: &View, queries: &[u32], candidates: &[u32]) -> Result<Vec<f32>> {
        let RelationRef::Index(relation) = relation else {
            return Ok(vec![f32::NAN; queries.len() * candidates.len()]);
        };
        self.turn(relation);
        let mut scores = vec![0.0; queries.len() * candidates.len()];
        let queries = self.rows(queries);
        // The corpus is asked for in its order.
        let first = candidates.first().map_or(0, |first| *first as usize);
        if candidates.iter().zip(first..).all(|(item, row)| *item as usize == row) {
            let part = &self.vectors[first * self.width..][..candidates.len() * self.width];
            row_products(&queries, part, self.width, &mut scores);
        } else {
            row_products(&queries, &self.rows(candidates), self.width, &mut scores);
        }
        Ok(scores)
    }

    fn pair_scores(&mut self, relation: RelationRef, _: &View, pairs: &[(u32, u32)]) -> Result<Vec<f32>> {
        let RelationRef::Index(relation) = relation else { return Ok(vec![f32::NAN; pairs.len()]) };
        self.turn(relation);
        let row = |item: u32| &self.vectors[item as usize * self.width..][..self.width];
        let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum();
        Ok(pairs.par_iter().map(|&(query, candidate)| product(row(query), row(candidate))).collect())
    }
}

/// Rows of unit length, the same for the same seed.
pub(crate) fn values(rows: usize, width: usize, seed: u64) -> Vec<f32> {
    let mut values = vec![0.0; rows * width];
    values.par_chunks_mut(width).enumerate().for_each(|(row, out)| {
        let mut state = (row as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ seed.wrapping_mul(0xD1B5_4A32_D192_ED03);
        for value in out.iter_mut() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *value = (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0;
        }
        let length = out.iter().map(|v| v * v).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
        out.iter_mut().for_each(|v| *v /= length);
    });
    values
}
