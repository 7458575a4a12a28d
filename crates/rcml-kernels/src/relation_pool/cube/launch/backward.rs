//! The kernels of the gradients, and which of them a launch takes.

use burn::backend::TensorMetadata;
use burn::tensor::DType;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::calculate_cube_count_elemwise;
use cubecl::prelude::*;

use super::super::mma::{self, Mma};
use super::super::wide::Wide;
use super::super::{corrections, query_gradients, token_gradients, wide};
use super::{Both, Launch, address};
use crate::cpu::Needs;

/// Cubes that the queries' gradient is spread over at least, where there are so many items: a few for each multiprocessor of
/// a large GPU. Fixed, so that sums are the same on every device.
const SPREAD: usize = 512;
/// As [`SPREAD`], of cubes that have more shared memory and registers: two for each multiprocessor of a large GPU.
const MMA_SPREAD: usize = 256;

impl Launch<'_> {
    /// Gradients of tokens, bias and queries; an empty tensor for one that is not needed.
    pub(in super::super) fn backward(
        &self,
        pooled: CubeTensor,
        stats: CubeTensor,
        grad: CubeTensor,
        needs: Needs,
    ) -> (CubeTensor, CubeTensor, CubeTensor) {
        let [pooled, stats, grad] = [pooled, stats, grad].map(into_contiguous);
        let of_tokens = needs.tokens || needs.bias;
        let (mut tokens, mut queries) = (None, None);
        if let Some(plan) = self.mma {
            // Half precision is too short for the sum of what several blocks give.
            let addable = self.most() <= plan.base.rows || self.tokens.dtype() == DType::F32;
            let wanted = [of_tokens && addable, needs.queries && self.pairs.is_none()];
            (tokens, queries) = self.by_matrices(&grad, &stats, plan, wanted);
        }
        let (of_tokens, of_queries) = (of_tokens && tokens.is_none(), needs.queries && queries.is_none());
        if of_tokens || of_queries {
            let saved = self.corrections(pooled, stats, &grad);
            if let Some(plan) = self.joint.filter(|_| of_tokens && of_queries) {
                let (d_tokens, d_bias, d_queries) = self.of_both(&grad, &saved, plan);
                (tokens, queries) = (Some((d_tokens, d_bias)), Some(d_queries));
            } else {
                tokens = if of_tokens { Some(self.of_tokens(&grad, &saved)) } else { tokens };
                queries = if of_queries { Some(self.of_queries(&grad, &saved)) } else { queries };
            }
        }
        let unneeded = || self.empty(&[0], DType::F32);
        let (d_tokens, d_bias) = tokens.unwrap_or_else(|| (unneeded(), unneeded()));
        (d_tokens, d_bias, queries.unwrap_or_else(unneeded))
    }

    fn corrections(&self, pooled: CubeTensor, stats: CubeTensor, grad: &CubeTensor) -> CubeTensor {
        let rows = stats.shape().num_elements() / 2;
        let saved = self.empty(&[rows, 3], DType::F32);
        let cubes = rows.div_ceil(self.plan.teams);
        // SAFETY: rows past the last are read as the last and not written.
        #[allow(unsafe_code, reason = "without checks of every index")]
        unsafe {
            corrections::corrections::launch_unchecked(
                &self.tokens.client,
                self.count(cubes),
                self.plan.cube_dim(),
                address(&[&pooled]),
                self.vector,
                pooled.into_buffer_arg(),
                stats.into_buffer_arg(),
                grad.clone().into_buffer_arg(),
                saved.clone().into_buffer_arg(),
                rows as u32,
                self.plan,
            );
        }
        saved
    }

    fn of_tokens(&self, grad: &CubeTensor, saved: &CubeTensor) -> (CubeTensor, CubeTensor) {
        let [n, t, d, r, h] = self.dims;
        let d_tokens = self.empty(&[n, t, d], self.tokens.dtype());
        let d_bias = self.empty(&[n, t], DType::F32);
        let table = self.pairs.as_ref().map_or_else(|| self.nothing(), |table| self.upload(&table.by_item()));
        let cubes = n * t.div_ceil(self.wide.map_or(self.plan.tokens, |wide| wide.blocks.base.tokens));
        let [tokens, bias, queries] = self.inputs();
        // SAFETY: as in `forward`.
        #[allow(unsafe_code, reason = "without checks of every index")]
        unsafe {
            launch!(
                self,
                blocks,
                token_gradients::token_gradients(
                    &self.tokens.client,
                    self.count(cubes),
                    address(&[&self.tokens, grad]),
                    self.vector,
                    tokens,
                    bias,
                    queries,
                    grad.clone().into_buffer_arg(),
                    saved.clone().into_buffer_arg(),
                    table,
                    d_tokens.clone().into_buffer_arg(),
                    d_bias.clone().into_buffer_arg(),
                    n as u32,
                    t as u32,
                    (r * h) as u32,
                )
            );
        }
        (d_tokens, d_bias)
    }

    fn of_both(&self, grad: &CubeTensor, saved: &CubeTensor, plan: Wide) -> (CubeTensor, CubeTensor, CubeTensor) {
        let [n, t, d, r, h] = self.dims;
        let d_tokens = self.empty(&[n, t, d], self.tokens.dtype());
        let d_bias = self.empty(&[n, t], DType::F32);
        let chunk = n.div_ceil(SPREAD);
        let cubes = n.div_ceil(chunk);
        let parts = self.empty(&[cubes, plan.base.rows, d], DType::F32);
        let [tokens, bias, queries] = self.inputs();
        // SAFETY: as in `forward`; each cube writes the rows of its part.
        #[allow(unsafe_code, reason = "without checks of every index")]
        unsafe {
            wide::gradients::gradients::launch_unchecked(
                &self.tokens.client,
                self.count(cubes),
                self.plan.cube_dim(),
                address(&[&self.tokens, grad, &parts]),
                self.vector,
                tokens,
                bias,
                queries,
                grad.clone().into_buffer_arg(),
                saved.clone().into_buffer_arg(),
                d_tokens.clone().into_buffer_arg(),
                d_bias.clone().into_buffer_arg(),
                parts.clone().into_buffer_arg(),
                n as u32,
                t as u32,
                (r * h) as u32,
                chunk as u32,
                cubes as u32,
                plan,
                self.element,
            );
        }
        (d_tokens, d_bias, self.total_of_cubes(parts, cubes, plan.base.rows))
    }

    /// The gradients of tokens and bias, and of queries, those that are asked for.
    fn by_matrices(
        &self,
        grad: &CubeTensor,
        stats: &CubeTensor,
        plan: Mma,
        [of_tokens, of_queries]: [bool; 2],
    ) -> (Option<(CubeTensor, CubeTensor)>, Option<CubeTensor>) {
        if !of_tokens && !of_queries {
            return (None, None);
        }
        let ([n, t, d, r, h], plan) = (self.dims, plan.of_gradients());
        // Something for what the kernel does not write.
        let made = |wanted: bool, shape: &[usize], dtype| self.empty(if wanted { shape } else { &[4] }, dtype);
        let d_tokens = made(of_tokens, &[n, t, d], self.tokens.dtype());
        let d_bias = made(of_tokens, &[n, t], DType::F32);
        let chunk = if of_queries { n.div_ceil(MMA_SPREAD) } else { 1 };
        let cubes = n.div_ceil(chunk);
        let parts = made(of_queries, &[cubes, r * h, d], DType::F32);
        let table = self.pairs.as_ref().map_or_else(|| self.nothing(), |table| self.upload(&table.by_item()));
        let [tokens, bias, queries] = self.inputs();
        // SAFETY: as in `forward`; each cube writes the rows of its part, which the first of its items fills.
        #[allow(unsafe_code, reason = "without checks of every index")]
        unsafe {
            mma::gradients::gradients::launch_unchecked(
                &self.tokens.client,
                self.count(cubes),
                plan.base.cube_dim(),
                address(&[&self.tokens, grad, &parts]),
                self.vector,
                tokens,
                bias,
                queries,
                grad.clone().into_buffer_arg(),
                stats.clone().into_buffer_arg(),
                table,
                d_tokens.clone().into_buffer_arg(),
                d_bias.clone().into_buffer_arg(),
                parts.clone().into_buffer_arg(),
                n as u32,
                t as u32,
                (r * h) as u32,
                chunk as u32,
                cubes as u32,
                plan,
                of_tokens,
                of_queries,
                self.element,
            );
        }
        let d_queries = of_queries.then(|| self.total_of_cubes(parts, cubes, r * h));
        (of_tokens.then_some((d_tokens, d_bias)), d_queries)
    }

    fn of_queries(&self, grad: &CubeTensor, saved: &CubeTensor) -> CubeTensor {
        let [n, t, d, r, h] = self.dims;
        let block = self.rows();
        let (table, sums, chunk, cubes) = match &self.pairs {
            Some(table) => {
                let chunk = (table.pairs.len() * h.div_ceil(block)).div_ceil(SPREAD);
                let (table, sums, cubes) = table.by_relation(block, chunk);
                (self.upload(&table), sums, chunk, cubes)
            }
            None => {
                let blocks = (r * h).div_ceil(block);
                let chunk = (n * blocks).div_ceil(SPREAD);
                let chunks = n.div_ceil(chunk);
                let sum = |row: usize| [row / block * block + row % block, chunks, blocks * block].map(|x| x as u32);
                (self.nothing(), (0..r * h).flat_map(sum).collect(), chunk, chunks * blocks)
            }
        };
        let parts = self.empty(&[cubes, block, d], DType::F32);
        let client = &self.tokens.client;
        let [tokens, bias, queries] = self.inputs();
        // SAFETY: as in `forward`; each cube writes the rows of its part.
        #[allow(unsafe_code, reason = "without checks of every index")]
        unsafe {
            launch!(
                self,
                tiles,
                query_gradients::query_gradients(
                    client,
                    self.count(cubes),
                    address(&[&self.tokens, grad, &parts]),
                    self.vector,
                    tokens,
                    bias,
                    queries,
                    grad.clone().into_buffer_arg(),
                    saved.clone().into_buffer_arg(),
                    table,
                    parts.clone().into_buffer_arg(),
                    n as u32,
                    t as u32,
                    (r * h) as u32,
                    chunk as u32,
                    cubes as u32,
                )
            );
        }
        self.total(parts, &sums)
    }

    /// The queries' gradient from parts that each of the `cubes` has of all rows, `apart` from the next one's.
    fn total_of_cubes(&self, parts: CubeTensor, cubes: usize, apart: usize) -> CubeTensor {
        let [_, _, _, r, h] = self.dims;
        let sums: Vec<u32> = (0..r * h).flat_map(|row| [row, cubes, apart].map(|x| x as u32)).collect();
        self.total(parts, &sums)
    }

    /// The queries' gradient from its parts; `sums`: for each query row the row of its first part, how many, how far apart.
    fn total(&self, parts: CubeTensor, sums: &[u32]) -> CubeTensor {
        let [_, _, d, r, h] = self.dims;
        let client = &self.tokens.client;
        let total = self.empty(&[r, h, d], DType::F32);
        let vectors = r * h * self.plan.width;
        let units = CubeDim::new(client, vectors);
        // SAFETY: `sums` names parts that a kernel has written; units past the last row do nothing.
        #[allow(unsafe_code, reason = "without checks of every index")]
        unsafe {
            query_gradients::sum_parts::launch_unchecked(
                client,
                calculate_cube_count_elemwise(client, vectors, units),
                units,
                address(&[&parts]),
                self.vector,
                parts.into_buffer_arg(),
                self.upload(sums),
                total.clone().into_buffer_arg(),
                (r * h) as u32,
                self.plan.width,
            );
        }
        total
    }
}
