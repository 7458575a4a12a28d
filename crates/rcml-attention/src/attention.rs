//! Relation attention: the relation is the query, the item's tokens are keys and values.

use burn::module::{Initializer, Module, Param};
use burn::tensor::{Device, Tensor};
use rcml_kernels::{
    Algorithm, Heads, PairList, RowIds, Tokens, attention, pick_rows, relation_pool, relation_pool_pairs,
};
use serde::{Deserialize, Serialize};

use crate::Form;
use crate::prepared::{PreparedAttention, values};
use crate::tall;

/// How strongly the summary token is preferred under the generic relation (the vector B of the paper is `summary_bias`
/// at the summary token, 0 elsewhere).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SummaryBias {
    /// B = s at the summary token; s = 1 is the paper to the letter.
    Scale(f64),
    /// The limit of s -> infinity (for beta > 0): the summary token alone.
    Hard,
}

/// How W_V and W_O start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttentionInit {
    /// The identity: at the start z is a relation-weighted mean of the encoder's own tokens.
    #[default]
    Identity,
    /// Random, as the paper has it.
    Random,
}

/// Relation attention as data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AttentionConfig {
    /// Heads; divides the width.
    pub heads: usize,
    /// Share of the logits that the summary bias takes, 0..=1.
    pub beta: f64,
    /// Strength of the bias under the generic relation.
    pub summary_bias: SummaryBias,
    /// Start of W_V and W_O.
    pub init: AttentionInit,
    /// Gated residual: z = summary + tanh(a) * attention, a trained. `false`: z = attention (the paper).
    pub residual: bool,
    /// The residual's a at the start; 0 starts at the summary alone.
    pub residual_init: f64,
}

impl Default for AttentionConfig {
    fn default() -> Self {
        Self {
            heads: 1,
            beta: 0.0,
            summary_bias: SummaryBias::Scale(1.0),
            init: AttentionInit::Identity,
            residual: true,
            residual_init: 0.0,
        }
    }
}

impl AttentionConfig {
    /// Checks the values for embeddings of width `width`.
    ///
    /// # Errors
    /// Names the key, the value found and what was expected.
    pub fn validate(&self, width: usize) -> Result<(), String> {
        if self.heads == 0 || !width.is_multiple_of(self.heads) {
            return Err(format!("heads: expected a divisor of the width {width}, found {}", self.heads));
        }
        if !(0.0..=1.0).contains(&self.beta) {
            return Err(format!("beta: expected a number from 0 to 1, found {}", self.beta));
        }
        if let SummaryBias::Scale(scale) = self.summary_bias
            && !(scale.is_finite() && scale >= 0.0)
        {
            return Err(format!("summary_bias: expected a number of at least 0 or \"hard\", found {scale}"));
        }
        if !self.residual_init.is_finite() {
            return Err(format!("residual_init: expected a number, found {}", self.residual_init));
        }
        Ok(())
    }

    /// Builds the module for embeddings of width `width`.
    pub fn init(&self, width: usize, device: &Device) -> RelationAttention {
        let normal = Initializer::Normal { mean: 0.0, std: 1.0 / (width as f64).sqrt() };
        let value = || match self.init {
            AttentionInit::Identity => Param::from_tensor(Tensor::eye(width, device)),
            AttentionInit::Random => normal.init([width, width], device),
        };
        RelationAttention {
            w_q: normal.init([width, width], device),
            w_k: normal.init([width, width], device),
            w_v: value(),
            w_o: value(),
            residual: self
                .residual
                .then(|| Param::from_tensor(Tensor::from_floats([self.residual_init as f32], device))),
            heads: self.heads,
            beta: self.beta,
            summary_scale: match self.summary_bias {
                SummaryBias::Scale(scale) => scale,
                SummaryBias::Hard => f64::INFINITY,
            },
        }
    }
}

/// Relation attention (PAPER: eqs. 4-6), one set of weights for all modalities:
///
/// ```text
/// q = (h_r W_Q) (H W_K)^T / sqrt(d)      A = softmax((1 - beta) q + beta B)      z = (A (H W_V)) W_O
/// ```
///
/// H are token states, h_r the relation's embedding, B marks the summary token under the generic relation and is 0
/// otherwise. With `heads` > 1, d is the width of a head. No key or value is projected: W_K is folded into the query and W_V
/// is applied after pooling, which is exact (docs/method.md). So is a map that the tokens have still to go through
/// ([`Tokens::map`]).
#[derive(Module, Debug)]
pub struct RelationAttention {
    w_q: Param<Tensor<2>>,
    w_k: Param<Tensor<2>>,
    w_v: Param<Tensor<2>>,
    w_o: Param<Tensor<2>>,
    residual: Option<Param<Tensor<1>>>,
    heads: usize,
    beta: f64,
    summary_scale: f64,
}

impl RelationAttention {
    /// Pooled embeddings, not normalised.
    ///
    /// `generic` says that `relations` is the one generic "same item" relation, under which the summary bias acts.
    ///
    /// # Shapes
    /// - tokens: N items, T tokens, width D
    /// - relations h_r: `[R, D]`
    /// - output: `[N, R, D]`
    pub fn forward(&self, tokens: &Tokens, relations: Tensor<2>, generic: bool) -> Tensor<3> {
        self.forward_as(Form::Auto, tokens, relations, generic)
    }

    /// [`Self::forward`] in a chosen form; all give the same values up to rounding.
    ///
    /// # Shapes
    /// As [`Self::forward`].
    pub fn forward_as(&self, form: Form, tokens: &Tokens, relations: Tensor<2>, generic: bool) -> Tensor<3> {
        let [n, t, d] = tokens.dims();
        let [r, _] = relations.dims();
        let attended = if generic && self.beta > 0.0 && self.summary_scale.is_infinite() {
            let summary = tokens.summary.clone().reshape([n, 1, d]).repeat_dim(1, r);
            self.values(summary.reshape([n, r, 1, d]).repeat_dim(2, self.heads))
        } else {
            // Without beta there is no bias, be it ever so hard: 0 times infinity is no number.
            let biased = generic && self.beta > 0.0;
            let bias = biased.then(|| tokens.summary_mark.clone().mul_scalar(self.beta * self.summary_scale));
            let bias = match (tokens.log_bias.clone(), bias) {
                (Some(mask), Some(bias)) => Some(mask + bias),
                (mask, bias) => mask.or(bias),
            };
            match form.choose([t, d, r, self.heads]) {
                Form::Projected => self.projected(tokens.clone().applied().states, bias, relations),
                _ => {
                    let pool = |states, queries| relation_pool(states, bias, queries).flatten::<3>(0, 1);
                    self.values(self.folded(tokens, relations, n * r, pool).reshape([n, r, self.heads, d]))
                }
            }
        };
        self.beside(tokens.summary.clone().reshape([n, 1, d]), attended)
    }

    /// Pooled embeddings of some items under each relation, not normalised.
    ///
    /// # Shapes
    /// - tokens: N items, T tokens, width D
    /// - rows: `[R, A]`, positions of items
    /// - relations h_r: `[R, D]`
    /// - output: `[R, A, D]`
    ///
    /// # Panics
    /// If a row is no item, or there are not as many for each relation.
    pub fn forward_rows(&self, tokens: &Tokens, rows: &[u32], relations: Tensor<2>) -> Tensor<3> {
        let ([n, _, d], [r, _]) = (tokens.dims(), relations.dims());
        let a = rows.len() / r.max(1);
        assert_eq!(rows.len(), r * a, "{} rows are not as many for each of {r} relations", rows.len());
        let pairs = rows.iter().enumerate().map(|(place, row)| (*row, (place / a.max(1)) as u32)).collect();
        assert!(rows.iter().all(|row| (*row as usize) < n), "a row is none of {n} items");
        let Ok(pairs) = PairList::new(pairs, n, r) else { unreachable!("rows and places are within their bounds") };
        let pool =
            |states, queries| relation_pool_pairs(Algorithm::Auto, states, tokens.log_bias.clone(), queries, &pairs);
        let attended = self.values(self.folded(tokens, relations, r * a, pool).reshape([r, a, self.heads, d]));
        self.beside(pick_rows(tokens.summary.clone(), &RowIds::new(rows)).reshape([r, a, d]), attended)
    }

    /// What `pool` makes of token states and folded queries of their width: `[M, H, D]`, M `vectors` times heads.
    fn folded(
        &self,
        tokens: &Tokens,
        relations: Tensor<2>,
        vectors: usize,
        pool: impl FnOnce(Tensor<3>, Tensor<3>) -> Tensor<3>,
    ) -> Tensor<3> {
        let ([n, t, d], [r, _]) = (tokens.dims(), relations.dims());
        let queries = self.fold(relations).mul_scalar(1.0 - self.beta);
        match &tokens.map {
            // Fewer vectors come out of the pooling than go in: those are mapped.
            Some(map) if vectors * self.heads < n * t => {
                // What the shift adds to a logit is the same for all tokens.
                let [inputs, _] = map.weight.dims();
                let queries = queries.reshape([r * self.heads, d]).matmul(map.weight.clone().transpose());
                let pooled = pool(tokens.states.clone(), queries.reshape([r, self.heads, inputs]));
                map.apply(pooled.reshape([vectors * self.heads, inputs])).reshape([vectors, self.heads, d])
            }
            _ => pool(tokens.clone().applied().states, queries),
        }
    }

    /// The summary, and what attention adds to it; attention alone where the module has no residual.
    fn beside(&self, summary: Tensor<3>, attended: Tensor<3>) -> Tensor<3> {
        match &self.residual {
            Some(a) => summary + attended * a.val().tanh().reshape([1, 1, 1]),
            None => attended,
        }
    }

    /// W_K^T W_Q h_r / sqrt(d) per head: `[R, D]` -> `[R, H, D]`.
    fn fold(&self, relations: Tensor<2>) -> Tensor<3> {
        let [r, d] = relations.dims();
        let (h, width) = (self.heads, d / self.heads);
        let q = relations.matmul(self.w_q.val()).reshape([r, h, width]).swap_dims(0, 1);
        let w_k = self.w_k.val().reshape([d, h, width]).permute([1, 2, 0]);
        q.matmul(w_k).swap_dims(0, 1).div_scalar((width as f64).sqrt())
    }

    /// What serving needs under these relations; nothing if the device fails.
    pub(crate) fn prepare(&self, relations: Tensor<2>) -> Option<PreparedAttention> {
        let one = self.heads == 1;
        let (w_v, w_o) = (self.w_v.val(), self.w_o.val());
        let residual = match &self.residual {
            Some(a) => Some(*values(a.val().tanh())?.first()?),
            None => None,
        };
        Some(PreparedAttention {
            heads: self.heads,
            queries: values(self.fold(relations).mul_scalar(1.0 - self.beta))?,
            values: values(if one { w_v.matmul(w_o.clone()) } else { w_v })?,
            output: if one { None } else { Some(values(w_o)?) },
            residual,
        })
    }

    /// The textbook's way, `[N, T, D]` -> `[N, R, D]`: every token has a key and a value.
    fn projected(&self, states: Tensor<3>, bias: Option<Tensor<2>>, relations: Tensor<2>) -> Tensor<3> {
        let ([n, t, d], [r, _]) = (states.dims(), relations.dims());
        let flat = states.reshape([n * t, d]);
        let project = |weight: &Param<Tensor<2>>| flat.clone().matmul(weight.val()).reshape([n, t, d]);
        let queries = relations.matmul(self.w_q.val()).mul_scalar(1.0 - self.beta);
        let queries = queries.reshape([1, r, d]).repeat_dim(0, n);
        let heads = Heads { count: self.heads, causal: false };
        let attended = attention(queries, project(&self.w_k), project(&self.w_v), bias, heads).reshape([n * r, d]);
        attended.matmul(self.w_o.val()).reshape([n, r, d])
    }

    /// W_O applied to the heads' values: `[N, R, H, D]` -> `[N, R, D]`.
    fn values(&self, pooled: Tensor<4>) -> Tensor<3> {
        let [n, r, h, d] = pooled.dims();
        let width = d / h;
        let pieces = tall::pieces(n * r, &pooled.device());
        let (w_v, w_o) = (self.w_v.val(), self.w_o.val());
        // One head needs one product with W_V W_O, which pays when there are more rows than it has.
        if h == 1 && n * r > d {
            return tall::product(pooled.reshape([n * r, d]), w_v.matmul(w_o), pieces).reshape([n, r, d]);
        }
        let heads = if h == 1 {
            pooled.reshape([n * r, d]).matmul(w_v)
        } else {
            let w_v = w_v.reshape([d, h, width]).swap_dims(0, 1);
            tall::product_of_heads(pooled.reshape([n * r, h, d]), w_v, pieces)
        };
        tall::product(heads, w_o, pieces).reshape([n, r, d])
    }
}

#[cfg(test)]
mod tests;
