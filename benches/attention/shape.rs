//! What is measured.

use std::fmt;

/// N items of T tokens of width D under R relations with H heads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    pub n: usize,
    pub t: usize,
    pub d: usize,
    pub r: usize,
    pub h: usize,
}

impl Shape {
    const fn new(n: usize, t: usize, d: usize, r: usize, h: usize) -> Self {
        Self { n, t, d, r, h }
    }

    /// Queries, R H.
    pub fn queries(&self) -> usize {
        self.r * self.h
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} x {} x {}, R {}, H {}", self.n, self.t, self.d, self.r, self.h)
    }
}

/// Pooling alone, `[N, T, D]` and `[R, H, D]` to `[N, R, H, D]`.
pub const POOL: [Shape; 16] = [
    Shape::new(1024, 50, 512, 1, 1),
    Shape::new(1024, 50, 512, 1, 8),
    Shape::new(1024, 50, 512, 4, 1),
    Shape::new(1024, 50, 512, 11, 1),
    Shape::new(1024, 50, 512, 11, 8),
    Shape::new(1024, 50, 512, 64, 1),
    Shape::new(256, 50, 512, 1, 1),
    Shape::new(256, 50, 512, 256, 1),
    Shape::new(256, 50, 512, 64, 8),
    Shape::new(2048, 8, 512, 1, 1),
    Shape::new(2048, 8, 512, 11, 1),
    Shape::new(512, 77, 512, 1, 1),
    Shape::new(512, 77, 512, 11, 1),
    Shape::new(256, 197, 768, 1, 1),
    Shape::new(256, 197, 768, 11, 1),
    // a batch of training of the preset on small items
    Shape::new(128, 32, 192, 8, 1),
];

/// The whole module, relation embeddings to `[N, R, D]`.
pub const MODULE: [Shape; 5] = [
    Shape::new(1024, 50, 512, 1, 1),
    Shape::new(1024, 50, 512, 1, 8),
    Shape::new(1024, 50, 512, 11, 1),
    Shape::new(1024, 50, 512, 11, 8),
    Shape::new(256, 50, 512, 64, 8),
];

/// The shapes that targets are set for, and little else.
pub const HEADLINE: [Shape; 5] = [POOL[0], POOL[3], POOL[1], POOL[5], POOL[13]];
/// The same for the module.
pub const HEADLINE_MODULE: [Shape; 4] = [MODULE[0], MODULE[2], MODULE[1], MODULE[3]];

/// What fills a large GPU: tokens many times its cache.
pub const LARGE: [Shape; 8] = [
    Shape::new(16384, 50, 512, 1, 1),
    Shape::new(16384, 50, 512, 11, 1),
    Shape::new(16384, 50, 512, 1, 8),
    Shape::new(8192, 50, 512, 64, 1),
    Shape::new(2048, 50, 512, 64, 8),
    Shape::new(32768, 8, 512, 11, 1),
    Shape::new(4096, 197, 768, 1, 1),
    Shape::new(4096, 197, 768, 11, 1),
];
/// The same for the module.
pub const LARGE_MODULE: [Shape; 4] = [LARGE[0], LARGE[1], LARGE[2], LARGE[4]];

/// A few small ones, for `--quick` and for devices in software.
pub const QUICK: [Shape; 3] =
    [Shape::new(64, 50, 128, 1, 1), Shape::new(64, 50, 128, 11, 1), Shape::new(32, 50, 128, 8, 8)];
