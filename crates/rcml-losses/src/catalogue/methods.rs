//! The methods, in the order of the documentation.

mod geometry;
mod negatives;
mod pairs;
mod several;
mod soft;

use super::MethodInfo;

/// All methods.
pub const METHODS: &[MethodInfo] = &ALL;

const ALL: [MethodInfo; 48] =
    joined(&[&pairs::METHODS, &soft::METHODS, &negatives::METHODS, &geometry::METHODS, &several::METHODS]);

/// One table of several.
const fn joined<const N: usize>(parts: &[&[MethodInfo]]) -> [MethodInfo; N] {
    let mut all = [parts[0][0]; N];
    let (mut part, mut next) = (0, 0);
    while part < parts.len() {
        let mut i = 0;
        while i < parts[part].len() {
            all[next] = parts[part][i];
            next += 1;
            i += 1;
        }
        part += 1;
    }
    all
}
