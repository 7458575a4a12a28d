//! Products of small matrices in f32, by units that multiply tf32.

use cubecl::prelude::*;

/// A lane's four values of a matrix of 16 x 8: rows `lane / 4` and 8 more, of these columns `lane % 4`, then those 4 more. Of sums,
/// which are 16 x 8 as well: columns `lane % 4 * 2` and the next.
pub(super) type Four = Vector<f32, Const<4>>;
/// A lane's two values of a matrix of 8 x 8: rows `lane % 4` and 4 more of column `lane / 4`.
pub(super) type Two = Vector<f32, Const<2>>;

/// What tf32 keeps of each value: 11 bits, the nearest. Infinite where rounding leaves what f32 holds.
#[cube]
pub(super) fn upper<N: Size>(values: Vector<f32, N>) -> Vector<f32, N> {
    let bits = Vector::<u32, N>::reinterpret(values) + Vector::new(0x1000u32);
    Vector::<f32, N>::reinterpret(bits & Vector::new(0xffff_e000u32))
}

/// C + A B, in tf32, by all lanes of a plane.
#[cube]
pub(super) fn product(a: Four, b: Two, c: Four) -> Four {
    // PTX has bits for tf32, and no values.
    let a = Vector::<u32, Const<4>>::reinterpret(a);
    let b = Vector::<u32, Const<2>>::reinterpret(b);
    let sum: Four;
    gpu_asm!(
        "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {d}, {a}, {b}, {c};",
        a = in(_) a, b = in(_) b, c = in(_) c, d = out(_) sum,
        options(pure, nomem),
    );
    sum
}

/// Adds the products of `deep` left matrices with `wide` right ones to `sums[left * across + first + right]`, in f32: the three
/// products of upper parts and rests whose size counts. `exact`: right ones have no rest.
#[cube]
pub(super) fn add_products(
    sums: &mut Array<Four>,
    left: &Array<Four>,
    right: &Array<Two>,
    #[comptime] first: usize,
    #[comptime] across: usize,
    #[comptime] deep: usize,
    #[comptime] wide: usize,
    #[comptime] exact: bool,
) {
    let mut left_uppers = Array::<Four>::new(deep);
    let mut left_rests = Array::<Four>::new(deep);
    #[unroll]
    for m in 0..deep {
        left_uppers[m] = upper::<Const<4>>(left[m]);
        left_rests[m] = left[m] - left_uppers[m];
    }
    let mut uppers = Array::<Two>::new(wide);
    #[unroll]
    for n in 0..wide {
        uppers[n] = right[n];
        if comptime!(!exact) {
            uppers[n] = upper::<Const<2>>(right[n]);
        }
    }
    // One kind of product after the other, so that a sum is not waited for by the next product at once; the largest last.
    #[unroll]
    for m in 0..deep {
        #[unroll]
        for n in 0..wide {
            let at = comptime!(m * across + first + n);
            sums[at] = product(left_rests[m], uppers[n], sums[at]);
        }
    }
    if comptime!(!exact) {
        #[unroll]
        for m in 0..deep {
            #[unroll]
            for n in 0..wide {
                let at = comptime!(m * across + first + n);
                sums[at] = product(left_uppers[m], right[n] - uppers[n], sums[at]);
            }
        }
    }
    #[unroll]
    for m in 0..deep {
        #[unroll]
        for n in 0..wide {
            let at = comptime!(m * across + first + n);
            sums[at] = product(left_uppers[m], uppers[n], sums[at]);
        }
    }
}

/// `count` sums of nothing.
#[cube]
pub(super) fn zeros(#[comptime] count: usize) -> Array<Four> {
    let mut sums = Array::<Four>::new(count);
    #[unroll]
    for i in 0..count {
        sums[i] = Vector::new(0.0f32);
    }
    sums
}
