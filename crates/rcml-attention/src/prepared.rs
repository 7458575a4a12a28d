//! Relations made ready once, for any number of items.

#![allow(unsafe_code, reason = "the matrix library's interface is made of pointers")]

use burn::tensor::Tensor;
use gemm::{Parallelism, gemm};
use rayon::prelude::*;
use rcml_kernels::{Algorithm, LengthError, TokenView, pool_slices};

use crate::{Conditioner, Relations};

/// Everything of a [`Conditioner`] that depends on the relations alone, as plain values: folded queries, maps and gates.
/// Items then need no tensor: their tokens are read where they lie, f16 and int8 as well.
#[derive(Debug, Clone)]
pub struct PreparedRelations {
    relations: usize,
    width: usize,
    attention: Option<PreparedAttention>,
    /// A_r `[R, k, D]`, B_r `[R, D, k]`, k.
    low_rank: Option<(Vec<f32>, Vec<f32>, usize)>,
    /// `[R, D]`.
    gate: Option<Vec<f32>>,
    /// `[R, D]`.
    translations: Option<Vec<f32>>,
}

#[derive(Debug, Clone)]
pub(crate) struct PreparedAttention {
    pub(crate) heads: usize,
    /// `[R, H, D]`.
    pub(crate) queries: Vec<f32>,
    /// One head: W_V W_O. More: W_V, and W_O beside it. `[D, D]`.
    pub(crate) values: Vec<f32>,
    pub(crate) output: Option<Vec<f32>>,
    /// tanh(a) of z = summary + tanh(a) attention.
    pub(crate) residual: Option<f32>,
}

/// Rows that are worked on at a time: bounds the memory between the steps.
const ROWS: usize = 1024;

/// c (rows x columns) = scale c + a b, with the distance between rows of each.
#[derive(Clone, Copy)]
struct Product<'a> {
    a: &'a [f32],
    a_row: usize,
    b: &'a [f32],
    b_row: usize,
    size: [usize; 3],
}

impl Product<'_> {
    fn add_into(self, c: &mut [f32], c_row: usize, add: bool) {
        let [rows, columns, inner] = self.size;
        if rows == 0 {
            return;
        }
        let reaches = |row: usize, count: usize, width: usize| (count - 1) * row + width;
        assert!(
            reaches(self.a_row, rows, inner) <= self.a.len() && reaches(self.b_row, inner, columns) <= self.b.len()
        );
        assert!(reaches(c_row, rows, columns) <= c.len());
        let (a_row, b_row, c_row) = (self.a_row as isize, self.b_row as isize, c_row as isize);
        let (a, b, c, all) = (self.a.as_ptr(), self.b.as_ptr(), c.as_mut_ptr(), Parallelism::Rayon(0));
        let keep = if add { 1.0 } else { 0.0 };
        // SAFETY: the last element of each matrix lies within its slice.
        unsafe {
            gemm(rows, columns, inner, c, 1, c_row, add, a, 1, a_row, b, 1, b_row, keep, 1.0, false, false, false, all);
        }
    }
}

impl PreparedRelations {
    pub(crate) fn new(conditioner: &Conditioner, relations: Relations) -> Option<Self> {
        let [r, d] = relations.dims();
        let Relations { embeddings: relations, translations } = relations;
        let attention = match &conditioner.attention {
            Some(attention) => Some(attention.prepare(relations.clone())?),
            None => None,
        };
        let low_rank = match &conditioner.low_rank {
            Some(low_rank) => {
                let (a, b, rank) = low_rank.factors(relations.clone());
                Some((values(a)?, values(b)?, rank))
            }
            None => None,
        };
        let gate = match &conditioner.gate {
            Some(gate) => Some(values(gate.gates(relations))?),
            None => None,
        };
        let translations = match translations {
            Some(translations) => Some(values(translations)?),
            None => None,
        };
        Some(Self { relations: r, width: d, attention, low_rank, gate, translations })
    }

    /// R, D.
    pub fn dims(&self) -> [usize; 2] {
        [self.relations, self.width]
    }

    /// Embeds items under every relation.
    ///
    /// # Shapes
    /// - tokens: `[N, T, D]`, an item's summary first
    /// - log-bias: `[N, T]`
    /// - out: `[N, R, D]`, unit rows, overwritten
    ///
    /// # Errors
    /// A length that does not fit.
    pub fn condition(
        &self,
        tokens: TokenView<'_>,
        items: usize,
        t: usize,
        log_bias: Option<&[f32]>,
        out: &mut [f32],
    ) -> Result<(), LengthError> {
        let (r, d) = (self.relations, self.width);
        tokens.check(items * t, d)?;
        LengthError::check("embeddings", items * r * d, out.len())?;
        if let Some(bias) = log_bias {
            LengthError::check("log-bias", items * t, bias.len())?;
        }
        if t == 0 {
            out.fill(0.0);
            return Ok(());
        }
        let per_block = (ROWS / r.max(1)).max(1);
        for (block, out) in out.chunks_mut((per_block * r * d).max(1)).enumerate() {
            let first = block * per_block;
            let count = per_block.min(items - first);
            let tokens = tokens.tokens(first * t..(first + count) * t, d);
            let log_bias = log_bias.map(|bias| &bias[first * t..(first + count) * t]);
            self.block(tokens, [count, t, d], log_bias, out)?;
        }
        Ok(())
    }

    fn block(
        &self,
        tokens: TokenView<'_>,
        [n, t, d]: [usize; 3],
        log_bias: Option<&[f32]>,
        out: &mut [f32],
    ) -> Result<(), LengthError> {
        let r = self.relations;
        let mut summaries = vec![0.0; n * d];
        summaries.chunks_exact_mut(d).enumerate().for_each(|(i, row)| tokens.widen(i * t, d, row));
        match &self.attention {
            Some(attention) => {
                let mut pooled = vec![0.0; n * r * attention.heads * d];
                pool_slices(Algorithm::Auto, tokens, [n, t, d], log_bias, &attention.queries, &mut pooled)?;
                attention.project(&pooled, d, out);
                if let Some(residual) = attention.residual {
                    for (rows, summary) in out.chunks_exact_mut(r * d).zip(summaries.chunks_exact(d)) {
                        for row in rows.chunks_exact_mut(d) {
                            row.iter_mut().zip(summary).for_each(|(z, g)| *z = g + *z * residual);
                        }
                    }
                }
            }
            None => {
                for (rows, summary) in out.chunks_exact_mut(r * d).zip(summaries.chunks_exact(d)) {
                    rows.chunks_exact_mut(d).for_each(|row| row.copy_from_slice(summary));
                }
            }
        }
        if let Some((a, b, k)) = &self.low_rank {
            let mut codes = vec![0.0; n * k];
            for relation in 0..r {
                let (a, b) = (&a[relation * k * d..][..k * d], &b[relation * d * k..][..d * k]);
                let rows = &mut out[relation * d..];
                let code = Product { a: rows, a_row: r * d, b, b_row: *k, size: [n, *k, d] };
                code.add_into(&mut codes, *k, false);
                Product { a: &codes, a_row: *k, b: a, b_row: d, size: [n, d, *k] }.add_into(rows, r * d, true);
            }
        }
        // The gate, the norm and the translation in one pass over each row.
        out.par_chunks_mut(d).with_min_len(64).enumerate().for_each(|(i, row)| {
            if let Some(gate) = &self.gate {
                row.iter_mut().zip(&gate[i % r * d..]).for_each(|(z, g)| *z *= g);
            }
            to_unit(row);
            if let Some(translations) = &self.translations {
                row.iter_mut().zip(&translations[i % r * d..]).for_each(|(z, t)| *z += t);
                to_unit(row);
            }
        });
        Ok(())
    }
}

fn to_unit(row: &mut [f32]) {
    let squares: f32 = row.iter().map(|z| z * z).sum();
    let scale = 1.0 / squares.max(1e-12).sqrt();
    row.iter_mut().for_each(|z| *z *= scale);
}

impl PreparedAttention {
    /// W_V and W_O after pooling: `[rows, H, D]` -> `[rows, D]`.
    fn project(&self, pooled: &[f32], d: usize, out: &mut [f32]) {
        let (rows, heads) = (out.len() / d, self.heads);
        let Some(output) = &self.output else {
            return Product { a: pooled, a_row: d, b: &self.values, b_row: d, size: [rows, d, d] }
                .add_into(out, d, false);
        };
        let width = d / heads;
        let mut values = vec![0.0; rows * d];
        for head in 0..heads {
            let (a, b) = (&pooled[head * d..], &self.values[head * width..]);
            Product { a, a_row: heads * d, b, b_row: d, size: [rows, width, d] }.add_into(
                &mut values[head * width..],
                d,
                false,
            );
        }
        Product { a: &values, a_row: d, b: output, b_row: d, size: [rows, d, d] }.add_into(out, d, false);
    }
}

/// A tensor's values; nothing if the device fails.
pub(crate) fn values<const D: usize>(tensor: Tensor<D>) -> Option<Vec<f32>> {
    tensor.try_into_vec_as().ok()
}
