//! GPU backends: one source of kernels for WebGPU's shading language and for CUDA.
//!
//! `plan` cuts a launch into cubes, `table` says which rows a list of pairs has, `launch` calls the kernels: `forward`,
//! `corrections`, `token_gradients` and `query_gradients`, those of `wide` where an item has more than a few rows, and in place of
//! these those of `mma` where the device multiplies matrices. The first two are made of what a cube's units share (`block`, `rows`,
//! `tile`, `slopes`) and what each adds up (`sums`).

mod block;
mod corrections;
mod forward;
mod launch;
mod mma;
mod plan;
mod query_gradients;
mod rows;
mod slopes;
mod sums;
mod table;
#[cfg(test)]
mod tests;
mod tile;
mod token_gradients;
mod wide;

use burn_cubecl::{CubeBackend, tensor::CubeTensor};

use self::launch::Launch;
use super::{PoolBackend, composed};
use crate::PairList;
use crate::cpu::{Algorithm, Needs};

impl PoolBackend for CubeBackend {
    fn pool_forward(
        tokens: CubeTensor,
        bias: CubeTensor,
        queries: CubeTensor,
        pairs: Option<PairList>,
        algorithm: Algorithm,
    ) -> (CubeTensor, CubeTensor) {
        match Launch::new(&tokens, &bias, &queries, pairs.as_ref(), algorithm) {
            Some(launch) => launch.forward(),
            None => composed::forward::<Self>(tokens, bias, queries, pairs.as_ref()),
        }
    }

    fn pool_backward(
        tokens: CubeTensor,
        bias: CubeTensor,
        queries: CubeTensor,
        pairs: Option<PairList>,
        algorithm: Algorithm,
        pooled: CubeTensor,
        stats: CubeTensor,
        grad: CubeTensor,
        needs: Needs,
    ) -> (CubeTensor, CubeTensor, CubeTensor) {
        match Launch::new(&tokens, &bias, &queries, pairs.as_ref(), algorithm) {
            Some(launch) => launch.backward(pooled, stats, grad, needs),
            None => composed::backward::<Self>(tokens, bias, queries, pairs.as_ref(), [pooled, stats, grad], needs),
        }
    }
}
