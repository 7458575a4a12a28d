//! What a shape costs at least.

use crate::shape::Shape;

impl Shape {
    /// Floating-point operations of pooling: two products forward; five more backward (logits again, dA, two for dX, dU).
    pub fn flops(&self, backward: bool) -> f64 {
        let product = 2.0 * (self.n * self.t * self.d * self.queries()) as f64;
        product * if backward { 7.0 } else { 2.0 }
    }

    /// Bytes that must move once: tokens in, P out; backward again tokens, P and dP in, dX out.
    pub fn bytes(&self, backward: bool) -> f64 {
        let (tokens, pooled) = ((self.n * self.t * self.d) as f64, (self.n * self.queries() * self.d) as f64);
        4.0 * if backward { 3.0 * tokens + 3.0 * pooled } else { tokens + pooled }
    }
}
