//! Attention on slices: rayon over items, an item's heads one after the other, nothing of it leaves the cache but the result.

use super::Heads;
use crate::by_rows::{by_rows, filled, rows_of_a_task};
use crate::lanes::{exp, max, sum};
use crate::matrix::{Matrix, add_product};
use crate::simd::vectorized;

/// Values of the inputs that a task handles at least.
const GRAIN: usize = 16 * 1024;

/// q `[N, T, W]`, k and v `[N, S, W]`, log-bias `[N or 1, S]`.
pub(super) struct Problem<'a> {
    pub(super) q: &'a [f32],
    pub(super) k: &'a [f32],
    pub(super) v: &'a [f32],
    pub(super) log_bias: &'a [f32],
    pub(super) heads: Heads,
    pub(super) n: usize,
    pub(super) t: usize,
    pub(super) s: usize,
    pub(super) width: usize,
}

/// One head of one item.
#[derive(Clone, Copy)]
struct Head<'a> {
    q: Matrix<'a>,
    k: Matrix<'a>,
    v: Matrix<'a>,
    log_bias: &'a [f32],
}

impl<'a> Problem<'a> {
    /// Width of a head.
    fn d(&self) -> usize {
        self.width / self.heads.count
    }

    fn scale(&self) -> f32 {
        1.0 / (self.d() as f32).sqrt()
    }

    /// The softmax of all heads is kept where it is no larger than twice the queries, and made again otherwise.
    fn keeps(&self) -> bool {
        self.s <= 2 * self.d()
    }

    fn items_of_a_task(&self) -> usize {
        rows_of_a_task(self.n, self.width * (self.t + self.s), GRAIN)
    }

    fn head(&self, item: usize, head: usize) -> Head<'a> {
        let (d, width) = (self.d(), self.width);
        let part =
            |values: &'a [f32], rows: usize| Matrix::within(&values[item * rows * width + head * d..], rows, d, width);
        let biases = self.log_bias.len() / self.s;
        let log_bias = &self.log_bias[(item % biases) * self.s..][..self.s];
        Head { q: part(self.q, self.t), k: part(self.k, self.s), v: part(self.v, self.s), log_bias }
    }

    /// softmax(q k^T / sqrt(d) + b) of one head, `[T, S]`.
    fn weights(&self, head: &Head<'_>, out: &mut [f32]) {
        add_product(out, self.s, false, head.q, head.k.transposed(), self.scale());
        let (s, causal, bias) = (self.s, self.heads.causal, head.log_bias);
        vectorized(
            #[inline(always)]
            || {
                for (query, row) in out.chunks_exact_mut(s).enumerate() {
                    let (seen, hidden) = row.split_at_mut(if causal { (query + 1).min(s) } else { s });
                    softmax(seen, &bias[..seen.len()]);
                    hidden.fill(0.0);
                }
            },
        );
    }

    /// The result `[N, T, W]` and, where they are kept, the weights `[N, H, T, S]`.
    pub(super) fn forward(&self, keep: bool) -> (Vec<f32>, Option<Vec<f32>>) {
        let keep = keep && self.keeps();
        let (rows, count, d, width) = (self.t * self.s, self.heads.count, self.d(), self.width);
        let widths = [self.t * width, if keep { count * rows } else { 0 }];
        let ([out, weights], _) = by_rows(self.n, self.items_of_a_task(), widths, |first, [out, weights]| {
            let (out, weights) = (filled(out, 0.0), filled(weights, 0.0));
            let mut scratch = vec![0.0; if keep { 0 } else { rows }];
            for (i, out) in out.chunks_exact_mut(self.t * width).enumerate() {
                for h in 0..count {
                    let head = self.head(first + i, h);
                    let w = if keep { &mut weights[(i * count + h) * rows..][..rows] } else { &mut scratch[..] };
                    self.weights(&head, w);
                    add_product(&mut out[h * d..], width, false, Matrix::new(w, self.s), head.v, 1.0);
                }
            }
            ([out, weights], ())
        });
        (out, keep.then_some(weights))
    }

    /// Gradients of q, k and v; `weights` are empty where they were not kept.
    pub(super) fn backward(&self, weights: &[f32], grad: &[f32]) -> [Vec<f32>; 3] {
        let (rows, count, d, width) = (self.t * self.s, self.heads.count, self.d(), self.width);
        let (t, s, scale) = (self.t, self.s, self.scale());
        let widths = [t * width, s * width, s * width];
        let (slopes, _) = by_rows(self.n, self.items_of_a_task(), widths, |first, [d_q, d_k, d_v]| {
            let [d_q, d_k, d_v] = [d_q, d_k, d_v].map(|room| filled(room, 0.0));
            let mut made = vec![0.0; if weights.is_empty() { rows } else { 0 }];
            let mut d_logits = vec![0.0; rows];
            let items = d_q.chunks_exact_mut(t * width).zip(d_k.chunks_exact_mut(s * width));
            for (i, ((d_q, d_k), d_v)) in items.zip(d_v.chunks_exact_mut(s * width)).enumerate() {
                let item = first + i;
                for h in 0..count {
                    let head = self.head(item, h);
                    let w: &[f32] = if weights.is_empty() {
                        self.weights(&head, &mut made);
                        &made
                    } else {
                        &weights[(item * count + h) * rows..][..rows]
                    };
                    let grad = Matrix::within(&grad[item * t * width + h * d..], t, d, width);
                    let p = Matrix::new(w, s);
                    add_product(&mut d_v[h * d..], width, false, p.transposed(), grad, 1.0);
                    add_product(&mut d_logits, s, false, grad, head.v.transposed(), 1.0);
                    softmax_slopes(&mut d_logits, w, s);
                    let d_logits = Matrix::new(&d_logits, s);
                    add_product(&mut d_q[h * d..], width, false, d_logits, head.k, scale);
                    add_product(&mut d_k[h * d..], width, false, d_logits.transposed(), head.q, scale);
                }
            }
            ([d_q, d_k, d_v], ())
        });
        slopes
    }
}

/// softmax(x + bias), in place.
#[inline(always)]
fn softmax(x: &mut [f32], bias: &[f32]) {
    let length = x.len();
    let top = max(
        length,
        #[inline(always)]
        |i| x[i] + bias[i],
    );
    for i in 0..length {
        x[i] = exp(x[i] + bias[i] - top);
    }
    let scale = 1.0
        / sum(
            length,
            #[inline(always)]
            |i| x[i],
        );
    x.iter_mut().for_each(|x| *x *= scale);
}

/// p (g - sum(g p)) of each row, in place of g.
fn softmax_slopes(g: &mut [f32], p: &[f32], s: usize) {
    vectorized(
        #[inline(always)]
        || {
            for (g, p) in g.chunks_exact_mut(s).zip(p.chunks_exact(s)) {
                let dot = sum(
                    s,
                    #[inline(always)]
                    |i| g[i] * p[i],
                );
                for i in 0..s {
                    g[i] = p[i] * (g[i] - dot);
                }
            }
        },
    );
}
