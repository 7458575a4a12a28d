//! Which instruction set a loop is compiled for, chosen when the program runs.

use pulp::{Arch, WithSimd};

/// Runs `op` compiled for the widest instruction set that the machine has and the build knows: AVX-512, or AVX2 with FMA, on
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

/// The same for a closure, which must be `#[inline(always)]`.
///
/// `pulp` takes closures as well, by value: the compiler then makes a function of its own around the body, which it need not
/// inline and which knows no wide instructions.
pub(crate) fn vectorized<R>(f: impl FnMut() -> R) -> R {
    struct Call<F>(F);
    impl<R, F: FnMut() -> R> WithSimd for Call<F> {
        type Output = R;

        #[inline(always)]
        fn with_simd<S: pulp::Simd>(mut self, _: S) -> R {
            (self.0)()
        }
    }
    dispatch(Call(f))
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
    fn the_widest_lanes_are_used() {
        let has = |lanes: usize| match lanes {
            16 => pulp::x86::V4::try_new().is_some(),
            _ => std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma"),
        };
        let expected = [16, 8].into_iter().find(|lanes| has(*lanes)).unwrap_or(1);
        assert_eq!(dispatch(Lanes), expected);
    }
}
