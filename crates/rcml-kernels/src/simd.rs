//! Which instruction set a loop is compiled for, chosen when the program runs.

use pulp::{Arch, WithSimd};

/// Runs `op` compiled for the widest instruction set that the machine has and the build knows: AVX-512 or AVX2 with FMA on
/// x86-64, NEON on AArch64, otherwise what the target has at least.
///
/// `pulp::Arch` knows AVX2 only with a feature of pulp that gemm, and with it Burn's CPU backend, would be compiled again
/// for; the type for it is there without.
pub(crate) fn dispatch<Op: WithSimd>(op: Op) -> Op::Output {
    #[cfg(target_arch = "x86_64")]
    {
        if let Some(avx512) = pulp::x86::V4::try_new() {
            return pulp::Simd::vectorize(avx512, op);
        }
        if let Some(avx2) = pulp::x86::V3::try_new() {
            return pulp::Simd::vectorize(avx2, op);
        }
    }
    Arch::new().dispatch(op)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Lanes;
    impl WithSimd for Lanes {
        type Output = usize;
        fn with_simd<S: pulp::Simd>(self, _: S) -> usize {
            S::F32_LANES
        }
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn the_widest_is_used() {
        let expected = match (is_x86_feature_detected!("avx512vl"), is_x86_feature_detected!("avx2")) {
            (true, _) => 16,
            (false, true) => 8,
            (false, false) => 1,
        };
        assert_eq!(dispatch(Lanes), expected);
    }
}
