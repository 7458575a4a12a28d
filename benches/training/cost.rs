//! What a step must compute at least.

use super::model::Size;

/// Floating-point operations of the matrix products of a step, forward and backward: the gradient of a product is two products
/// of its size, of which that of the pixels is not needed.
pub fn operations(size: &Size) -> f64 {
    let patches = (size.picture / size.patch).pow(2);
    let pixels = 3 * size.patch * size.patch;
    let embed = patches * pixels * size.image[0];
    let project = |tokens: usize, [width, ..]: [usize; 3]| tokens * width * size.width;
    let trunk = |tokens: usize, [width, depth, _]: [usize; 3]| {
        depth * (12 * tokens * width * width + 2 * tokens * tokens * width)
    };
    let towers = trunk(patches, size.image) + trunk(size.tokens, size.text);
    let ends = project(patches, size.image) + project(size.tokens, size.text);
    let (x, other, width) = (patches + 1, size.tokens + 1, size.width);
    let cross = if size.cross > 0 { 2 * (x + other) * width * width + 2 * x * other * width } else { 0 };
    2.0 * (size.batch * (3 * (towers + ends + cross) + 2 * embed)) as f64
}
