//! What the machine can do at best, measured beside everything else.

use gemm::{Parallelism, gemm};
use rayon::prelude::*;

use crate::Clock;

/// Bytes a second and floating-point operations a second.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Reading memory, all threads.
    pub read: f64,
    /// Copying memory, bytes read plus bytes written.
    pub copy: f64,
    /// A matrix product of 1024 x 1024 x 1024 in f32.
    pub gemm: f64,
}

const VALUES: usize = 1 << 25;
const SIDE: usize = 1024;

/// Buffers to measure limits with, again and again between other measurements.
#[derive(Debug)]
pub struct Probe {
    source: Vec<f32>,
    target: Vec<f32>,
    runs: Vec<Limits>,
}

impl Probe {
    /// Before the first round.
    #[allow(clippy::new_without_default, reason = "256 MiB are no default")]
    pub fn new() -> Self {
        Self { source: vec![1.0; VALUES], target: vec![2.0; VALUES], runs: vec![] }
    }

    /// One more round.
    pub fn measure(&mut self, clock: Clock) {
        const PIECE: usize = 1 << 16;
        let Self { source, target, .. } = self;
        let bytes = (VALUES * 4) as f64;
        let read = clock.time(|| {
            let sum = |piece: &[f32]| {
                // Independent sums, so that the additions do not wait for one another.
                let mut sums = [0.0f32; 64];
                for row in piece.chunks_exact(64) {
                    sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
                }
                sums.iter().sum::<f32>()
            };
            std::hint::black_box(source.par_chunks(PIECE).map(sum).sum::<f32>());
        });
        let copy = clock.time(|| {
            let pieces = target.par_chunks_mut(PIECE).zip(source.par_chunks(PIECE));
            pieces.for_each(|(target, source)| target.copy_from_slice(source));
        });
        let side = SIDE as isize;
        let (a, b, c) = (source.as_ptr(), source[SIDE * SIDE..].as_ptr(), target.as_mut_ptr());
        let product = clock.time(|| {
            let all = Parallelism::Rayon(0);
            // SAFETY: each of the three matrices lies within its buffer, and c in one of its own.
            #[allow(unsafe_code, reason = "the library's interface is made of pointers")]
            unsafe {
                gemm(SIDE, SIDE, SIDE, c, side, 1, false, a, side, 1, b, side, 1, 0.0, 1.0, false, false, false, all);
            }
        });
        let operations = 2.0 * (SIDE as f64).powi(3);
        self.runs.push(Limits { read: bytes / read, copy: 2.0 * bytes / copy, gemm: operations / product });
    }

    /// The medians so far.
    pub fn limits(&self) -> Limits {
        let of = |field: fn(&Limits) -> f64| median(self.runs.iter().map(field).collect());
        Limits { read: of(|l| l.read), copy: of(|l| l.copy), gemm: of(|l| l.gemm) }
    }
}

/// The value in the middle; 0 of nothing.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}
