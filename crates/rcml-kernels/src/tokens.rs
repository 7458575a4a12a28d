//! What an encoder hands over.

use burn::tensor::{Int, Tensor};

/// Token states of N items, with the summary (CLS, EOT or a mean) among them.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// `[N, T, D]`.
    pub states: Tensor<3>,
    /// Added to attention logits: 0 for a token, [`Self::PADDING`] for padding, `[N, T]`. `None` = no padding.
    pub log_bias: Option<Tensor<2>>,
    /// The summary vector, `[N, D]`.
    pub summary: Tensor<2>,
    /// 1 at the summary token's position, 0 elsewhere, `[N, T]`.
    pub summary_mark: Tensor<2>,
    /// What the states have still to go through; `None` = nothing.
    pub map: Option<TokenMap>,
}

/// Token states are x W + c of the given x, `[N, T, I]`. Pooling is linear, so that who pools R < T vectors an item maps those
/// in place of all tokens.
#[derive(Debug, Clone)]
pub struct TokenMap {
    /// W, `[I, D]`.
    pub weight: Tensor<2>,
    /// c, `[D]`.
    pub shift: Tensor<1>,
}

impl TokenMap {
    /// x W + c.
    ///
    /// # Shapes
    /// - x: `[M, I]`
    /// - output: `[M, D]`
    pub fn apply(&self, x: Tensor<2>) -> Tensor<2> {
        x.matmul(self.weight.clone()) + self.shift.clone().unsqueeze()
    }
}

impl Tokens {
    /// Log-bias of a place that is no token. Behind an item's last token nothing is read by [`crate::relation_pool`] on a processor.
    pub const PADDING: f32 = -1.0e9;

    /// Tokens whose first one is the summary.
    pub fn with_summary_first(states: Tensor<3>, log_bias: Option<Tensor<2>>) -> Self {
        let [n, t, d] = states.dims();
        let summary = states.clone().narrow(1, 0, 1).reshape([n, d]);
        let position = Tensor::<1, Int>::arange(0..t as i64, &states.device());
        let summary_mark = position.equal_elem(0).float().reshape([1, t]).repeat_dim(0, n);
        Self { states, log_bias, summary, summary_mark, map: None }
    }

    /// The same whose states have a map to go through, which the summary has.
    pub fn mapped(states: Tensor<3>, log_bias: Option<Tensor<2>>, map: TokenMap) -> Self {
        let tokens = Self::with_summary_first(states, log_bias);
        Self { summary: map.apply(tokens.summary), map: Some(map), ..tokens }
    }

    /// The same with the map applied to every token.
    pub fn applied(self) -> Self {
        let Some(map) = &self.map else { return self };
        let [n, t, d] = self.dims();
        let inputs = self.states.dims()[2];
        let states = map.apply(self.states.clone().reshape([n * t, inputs])).reshape([n, t, d]);
        Self { states, map: None, ..self }
    }

    /// N, T, D.
    pub fn dims(&self) -> [usize; 3] {
        let [n, t, d] = self.states.dims();
        [n, t, self.map.as_ref().map_or(d, |map| map.weight.dims()[1])]
    }

    /// The items at `rows`, in that order.
    pub fn select(&self, rows: Tensor<1, Int>) -> Self {
        Self {
            states: self.states.clone().select(0, rows.clone()),
            log_bias: self.log_bias.clone().map(|bias| bias.select(0, rows.clone())),
            summary: self.summary.clone().select(0, rows.clone()),
            summary_mark: self.summary_mark.clone().select(0, rows),
            map: self.map.clone(),
        }
    }
}
