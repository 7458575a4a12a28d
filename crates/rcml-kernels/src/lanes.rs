//! Arithmetic on slices that the compiler vectorises: independent lanes, no branches.
//!
//! `pulp` picks the machine's instruction set at run time; within a dispatch these functions are inlined.

const LANES: usize = 16;

/// exp(x), at most 2 units in the last place from it over the whole range, with zero, subnormal numbers and infinity where they belong.
///
/// Cody and Waite's reduction with the polynomial of Cephes' `expf`. The power of two is multiplied in halves, since it may be
/// too large or too small for a number of its own.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23: adding it leaves the rounded integer in the low bits
    let x = x.clamp(-104.5, 89.0);
    let shifted = x.mul_add(std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = n.mul_add(2.121_944_4e-4, n.mul_add(-0.693_359_4, x));
    let p = 1.987_569_1e-4f32;
    let p = p.mul_add(r, 1.398_2e-3);
    let p = p.mul_add(r, 8.333_452e-3);
    let p = p.mul_add(r, 4.166_579_6e-2);
    let p = p.mul_add(r, 1.666_666_5e-1);
    let p = p.mul_add(r, 0.5);
    let mantissa = p.mul_add(r * r, r) + 1.0;
    let whole = (shifted.to_bits() as i32).wrapping_sub(ROUND.to_bits() as i32);
    let half = whole >> 1;
    mantissa * power_of_two(half) * power_of_two(whole.wrapping_sub(half))
}

/// 2^n for n in [-126, 127].
#[inline(always)]
fn power_of_two(n: i32) -> f32 {
    f32::from_bits((n.wrapping_add(127) << 23) as u32)
}

/// erf(x), at most 2 units in the last place from it over the whole range.
///
/// Two polynomials after N. Juffa: x + x P(x^2) near zero, 1 - exp(Q(|x|)) beyond. Both are computed and one is taken.
#[inline(always)]
pub(crate) fn erf(x: f32) -> f32 {
    let (t, s) = (x.abs(), x * x);
    let far = (-1.728_534_7e-5f32).mul_add(t, 3.831_971_3e-4);
    let far = far.mul_add(s, (-3.883_964_4e-3f32).mul_add(t, 2.425_462_2e-2));
    let far = far.mul_add(t, -1.067_778_8e-1);
    let far = far.mul_add(t, -6.348_467e-1);
    let far = far.mul_add(t, -1.287_175_1e-1);
    let far = 1.0 - exp(far.mul_add(t, -t));
    let near = -5.967_617e-4f32;
    let near = near.mul_add(s, 4.991_194_2e-3);
    let near = near.mul_add(s, -2.676_813_5e-2);
    let near = near.mul_add(s, 1.128_199_25e-1);
    let near = near.mul_add(s, -3.761_253_4e-1);
    let near = near.mul_add(s, 1.283_791_7e-1);
    let near = near.mul_add(x, x);
    if t > 0.927_734_4 { far.copysign(x) } else { near }
}

/// Phi(x), the normal distribution function; absolute error below 2e-7.
#[inline(always)]
pub(crate) fn normal(x: f32) -> f32 {
    0.5f32.mul_add(erf(x * std::f32::consts::FRAC_1_SQRT_2), 0.5)
}

/// Phi(x) + x phi(x), the slope of x Phi(x).
#[inline(always)]
pub(crate) fn gelu_slope(x: f32) -> f32 {
    const DENSITY: f32 = 0.398_942_3; // 1 / sqrt(2 pi)
    (x * DENSITY).mul_add(exp(-0.5 * x * x), normal(x))
}

/// 1 / (1 + exp(-x)).
#[inline(always)]
pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// sum over i of f(i), in lanes; the order depends on the length alone.
#[inline(always)]
pub(crate) fn sum(length: usize, f: impl Fn(usize) -> f32) -> f32 {
    let mut lanes = [0.0f32; LANES];
    let whole = length / LANES * LANES;
    let mut i = 0;
    while i < whole {
        for (lane, sum) in lanes.iter_mut().enumerate() {
            *sum += f(i + lane);
        }
        i += LANES;
    }
    let rest: f32 = (whole..length).map(&f).sum();
    lanes.iter().sum::<f32>() + rest
}

/// Largest f(i).
#[inline(always)]
pub(crate) fn max(length: usize, f: impl Fn(usize) -> f32) -> f32 {
    let larger = |a: f32, b: f32| if a > b { a } else { b };
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let whole = length / LANES * LANES;
    let mut i = 0;
    while i < whole {
        for (lane, max) in lanes.iter_mut().enumerate() {
            *max = larger(*max, f(i + lane));
        }
        i += LANES;
    }
    let rest = (whole..length).map(&f).fold(f32::NEG_INFINITY, larger);
    lanes.iter().copied().fold(rest, larger)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Units in the last place of a float between it and a value in double precision.
    fn ulps(got: f32, expected: f64) -> f64 {
        if f64::from(got) == expected {
            return 0.0;
        }
        let nearest = expected as f32;
        if nearest.is_infinite() {
            return if got == nearest { 0.0 } else { f64::INFINITY };
        }
        let unit = f64::from(f32::from_bits(nearest.abs().to_bits() + 1)) - f64::from(nearest.abs());
        (f64::from(got) - expected).abs() / unit
    }

    /// Every 251st float there is: all exponents, both signs.
    fn floats() -> impl Iterator<Item = f32> {
        (0..=u32::MAX).step_by(251).map(f32::from_bits).filter(|x| !x.is_nan())
    }

    struct Worst(fn(f32) -> f32, fn(f64) -> f64);
    impl pulp::WithSimd for Worst {
        type Output = (f64, f32);

        #[inline(always)]
        fn with_simd<S: pulp::Simd>(self, _: S) -> (f64, f32) {
            let of = |x: f32| (ulps((self.0)(x), (self.1)(f64::from(x))), x);
            floats().map(of).fold((0.0, 0.0), |worst, next| if next.0 > worst.0 { next } else { worst })
        }
    }

    #[test]
    fn exp_over_the_whole_range() {
        let (worst, at) = crate::simd::dispatch(Worst(exp, f64::exp));
        assert!(worst <= 2.0, "{worst} at {at}");
        assert_eq!([exp(f32::NEG_INFINITY), exp(f32::INFINITY), exp(0.0)], [0.0, f32::INFINITY, 1.0]);
        assert!(exp(f32::NAN).is_nan());
    }

    #[test]
    fn erf_over_the_whole_range() {
        let (worst, at) = crate::simd::dispatch(Worst(erf, libm::erf));
        assert!(worst <= 2.0, "{worst} at {at}");
        assert_eq!([erf(f32::NEG_INFINITY), erf(f32::INFINITY), erf(0.0)], [-1.0, 1.0, 0.0]);
        assert!(erf(f32::NAN).is_nan() && erf(-0.0).is_sign_negative());
    }

    #[test]
    fn sums_and_maxima() {
        for length in [0, 1, 15, 16, 17, 100] {
            let values: Vec<f32> = (0..length).map(|i| ((i * 7) % 11) as f32).collect();
            assert_eq!(sum(length, |i| values[i]), values.iter().sum::<f32>());
            assert_eq!(max(length, |i| values[i]), values.iter().copied().fold(f32::NEG_INFINITY, f32::max));
        }
    }
}
