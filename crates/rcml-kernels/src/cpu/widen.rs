//! f16 to f32, with the machine's own instruction.

#![allow(unsafe_code, reason = "an instruction that the compiler does not choose by itself")]

use half::f16;

/// wide[i] = half[i].
///
/// The crate `half` asks for the machine's features every eight values, which made f16 tokens as slow as f32 ones.
#[inline(always)]
pub(super) fn widen(half: &[f16], wide: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("f16c") && std::arch::is_x86_feature_detected!("avx") {
        // SAFETY: the machine has both features.
        return unsafe { f16c(half, wide) };
    }
    wide.iter_mut().zip(half).for_each(|(wide, half)| *wide = half.to_f32());
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx,f16c")]
fn f16c(half: &[f16], wide: &mut [f32]) {
    use std::arch::x86_64::{_mm_loadu_si128, _mm256_cvtph_ps, _mm256_storeu_ps};
    let (mut wide, mut half) = (wide.chunks_exact_mut(8), half.chunks_exact(8));
    for (wide, half) in wide.by_ref().zip(half.by_ref()) {
        // SAFETY: both hold eight values.
        unsafe { _mm256_storeu_ps(wide.as_mut_ptr(), _mm256_cvtph_ps(_mm_loadu_si128(half.as_ptr().cast()))) };
    }
    wide.into_remainder().iter_mut().zip(half.remainder()).for_each(|(wide, half)| *wide = half.to_f32());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every finite f16 against the crate `half`, at every offset of a block of eight.
    #[test]
    fn every_value() {
        let values: Vec<f16> = (0..=u16::MAX).map(f16::from_bits).filter(|x| x.is_finite()).collect();
        for offset in 0..8 {
            let half = &values[offset..];
            let mut wide = vec![0.0; half.len()];
            widen(half, &mut wide);
            assert!(half.iter().zip(&wide).all(|(half, wide)| half.to_f32().to_bits() == wide.to_bits()));
        }
    }
}
