//! Pictures moved a little, so that an encoder does not learn them by heart.

use super::ImageBatch;

impl ImageBatch {
    /// Moves each picture to the right and down by what `by` says (in pixels, once per picture). What comes in from beyond an
    /// edge repeats the pixels of the edge.
    pub fn shift(&mut self, mut by: impl FnMut() -> [isize; 2]) {
        let pixels = self.pixels.len() / self.present.len().max(1);
        let side = (pixels / 3).isqrt();
        if side == 0 {
            return;
        }
        let mut source = Vec::new();
        for picture in self.pixels.chunks_exact_mut(pixels) {
            let [right, down] = by();
            if [right, down] == [0, 0] {
                continue;
            }
            source.clear();
            source.extend_from_slice(picture);
            let from = |to: usize, by: isize| to.saturating_add_signed(-by).min(side - 1);
            for (channel, source) in picture.chunks_exact_mut(side * side).zip(source.chunks_exact(side * side)) {
                for (y, row) in channel.chunks_exact_mut(side).enumerate() {
                    let source = &source[from(y, down) * side..][..side];
                    row.iter_mut().enumerate().for_each(|(x, value)| *value = source[from(x, right)]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_move_on_their_own_and_edges_repeat() {
        let channel = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];
        let pixels: Vec<f32> = channel.iter().cycle().take(2 * 3 * 9).copied().collect();
        let mut batch = ImageBatch { pixels: pixels.clone(), present: vec![true; 2] };
        let mut moves = [[1, 0], [-1, 5]].into_iter();
        batch.shift(|| moves.next().unwrap());
        let expected = [[1.0, 1.0, 2.0, 4.0, 4.0, 5.0, 7.0, 7.0, 8.0], [2.0, 3.0, 3.0, 2.0, 3.0, 3.0, 2.0, 3.0, 3.0]];
        for (picture, expected) in batch.pixels.chunks(27).zip(expected) {
            picture.chunks(9).for_each(|channel| assert_eq!(channel, expected));
        }
        let mut still = ImageBatch { pixels: pixels.clone(), present: vec![true; 2] };
        still.shift(|| [0, 0]);
        assert_eq!(still.pixels, pixels);
        ImageBatch { pixels: vec![], present: vec![] }.shift(|| unreachable!());
    }
}
