//! From tensors' values to the kernels for processors.

use crate::PairList;
use crate::cpu::{Algorithm, Gradients, Needs, Pairs, Problem, Stats, TokenView};

/// The operation's inputs as slices.
pub(super) struct Inputs<'a> {
    pub(super) tokens: TokenView<'a>,
    /// N, T, D.
    pub(super) dims: [usize; 3],
    pub(super) bias: Option<&'a [f32]>,
    pub(super) queries: &'a [f32],
    /// R, H.
    pub(super) relations: [usize; 2],
    pub(super) pairs: Option<&'a PairList>,
    pub(super) algorithm: Algorithm,
}

impl Inputs<'_> {
    fn problem(&self) -> Problem<'_> {
        let [r, h] = self.relations;
        let Self { tokens, dims, bias, queries, algorithm, .. } = *self;
        Problem { tokens, dims, bias, queries, count: r * h, algorithm }
    }

    /// Shapes of P and of the statistics.
    fn shapes(&self) -> (Vec<usize>, Vec<usize>) {
        let ([n, _, d], [r, h]) = (self.dims, self.relations);
        let rows = self.pairs.map_or(vec![n, r, h], |pairs| vec![pairs.len(), h]);
        ([&rows[..], &[d]].concat(), [&rows[..], &[2]].concat())
    }

    /// P and the statistics, each with its shape.
    pub(super) fn forward(&self) -> [(Vec<f32>, Vec<usize>); 2] {
        let problem = self.problem();
        let (pooled, stats) = match self.pairs {
            Some(pairs) => Pairs { problem, heads: self.relations[1], pairs }.forward(),
            None => problem.forward(),
        };
        let (pooled_shape, stats_shape) = self.shapes();
        let stats = stats.iter().flat_map(|stats| [stats.max, stats.sum]).collect();
        [(pooled, pooled_shape), (stats, stats_shape)]
    }

    /// Gradients of tokens, bias and queries, each with its shape; empty where not needed.
    pub(super) fn backward(
        &self,
        pooled: &[f32],
        stats: &[f32],
        grad: &[f32],
        needs: Needs,
    ) -> [(Vec<f32>, Vec<usize>); 3] {
        let stats: Vec<Stats> = stats.chunks_exact(2).map(|pair| Stats { max: pair[0], sum: pair[1] }).collect();
        let problem = self.problem();
        let Gradients { tokens, bias, queries } = match self.pairs {
            Some(pairs) => Pairs { problem, heads: self.relations[1], pairs }.backward(pooled, &stats, grad, needs),
            None => problem.backward(pooled, &stats, grad, needs),
        };
        let ([n, t, d], [r, h]) = (self.dims, self.relations);
        let shaped = |values: Option<Vec<f32>>, shape: Vec<usize>| match values {
            Some(values) => (values, shape),
            None => (vec![], vec![0]),
        };
        [shaped(tokens, vec![n, t, d]), shaped(bias, vec![n, t]), shaped(queries, vec![r, h, d])]
    }
}
