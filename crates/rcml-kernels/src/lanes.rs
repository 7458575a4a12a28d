//! Arithmetic on slices that the compiler vectorises: independent lanes, no branches.
//!
//! `pulp` picks the machine's instruction set at run time; within a dispatch these functions are inlined.

const LANES: usize = 16;

/// exp(x), relative error below 2e-7 for x in [-87, 88]; beyond, the value at the bound (1.6e-38 stands for zero).
///
/// Cody and Waite's reduction with the polynomial of Cephes' `expf`.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23: adding it leaves the rounded integer in the low bits
    let x = x.clamp(-87.0, 88.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let p = 1.987_569_1e-4f32;
    let p = p * r + 1.398_2e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_5e-1;
    let p = p * r + 0.5;
    let mantissa = p * r * r + r + 1.0;
    mantissa * f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23))
}

/// Phi(x), the normal distribution function, and exp(-x^2 / 2); absolute error of Phi below 2e-7.
///
/// Abramowitz and Stegun 7.1.26 for erf(|x| / sqrt 2).
#[inline(always)]
pub(crate) fn normal(x: f32) -> (f32, f32) {
    let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let bell = exp(-z * z);
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let p = 1.061_405_4f32;
    let p = p * t - 1.453_152_1;
    let p = p * t + 1.421_413_8;
    let p = p * t - 0.284_496_72;
    let p = p * t + 0.254_829_6;
    // The upper tail 1 - erf keeps small values exact where Phi nears 0.
    let tail = 0.5 * p * t * bell;
    (if x < 0.0 { tail } else { 1.0 - tail }, bell)
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

    #[test]
    fn exp_over_its_range() {
        let mut worst = 0.0f64;
        for i in -870_000..880_000 {
            let x = i as f32 * 1e-4;
            worst = worst.max((f64::from(exp(x)) / f64::from(x).exp() - 1.0).abs());
        }
        assert!(worst < 2e-7, "{worst:e}");
        assert!(exp(-1e9) < 2e-38 && exp(1e9).is_finite());
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
