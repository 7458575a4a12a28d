//! What an encoder hands over.

use burn::tensor::{Int, Tensor};

/// Token states of N items, with the summary (CLS, EOT or a mean) among them.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// `[N, T, D]`.
    pub states: Tensor<3>,
    /// Added to attention logits: 0 for a token, -1e9 for padding, `[N, T]`. `None` = no padding.
    pub log_bias: Option<Tensor<2>>,
    /// The summary vector, `[N, D]`.
    pub summary: Tensor<2>,
    /// 1 at the summary token's position, 0 elsewhere, `[N, T]`.
    pub summary_mark: Tensor<2>,
}

impl Tokens {
    /// Tokens whose first one is the summary.
    pub fn with_summary_first(states: Tensor<3>, log_bias: Option<Tensor<2>>) -> Self {
        let [n, t, d] = states.dims();
        let summary = states.clone().narrow(1, 0, 1).reshape([n, d]);
        let position = Tensor::<1, Int>::arange(0..t as i64, &states.device());
        let summary_mark = position.equal_elem(0).float().reshape([1, t]).repeat_dim(0, n);
        Self { states, log_bias, summary, summary_mark }
    }

    /// N, T, D.
    pub fn dims(&self) -> [usize; 3] {
        self.states.dims()
    }

    /// The items at `rows`, in that order.
    pub fn select(&self, rows: Tensor<1, Int>) -> Self {
        Self {
            states: self.states.clone().select(0, rows.clone()),
            log_bias: self.log_bias.clone().map(|bias| bias.select(0, rows.clone())),
            summary: self.summary.clone().select(0, rows.clone()),
            summary_mark: self.summary_mark.clone().select(0, rows),
        }
    }
}
