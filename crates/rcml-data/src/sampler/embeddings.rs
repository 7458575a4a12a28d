//! Hard negatives: what an earlier model takes for answers.

use std::collections::HashSet;
use std::path::Path;

use rand_chacha::ChaCha8Rng;

use super::RelationSampler;
use super::draw::{Draw, Pair, pick};
use crate::{Dataset, Error, Result};

/// An embedding of every item, made by an earlier model.
#[derive(Debug, Clone, PartialEq)]
pub struct Embeddings {
    width: usize,
    /// Unit rows; zero where an item has none.
    values: Vec<f32>,
}

impl Embeddings {
    /// Reads the `[N, D]` array that `rcml embed` writes. A `.safetensors` file names the item of each row (metadata `ids`), a
    /// `.npy` file has them in the order of the dataset.
    ///
    /// # Errors
    /// A missing or malformed file, a shape that does not fit, an id that no item has, items without a row.
    pub fn open(path: impl AsRef<Path>, dataset: &Dataset) -> Result<Self> {
        let path = path.as_ref();
        let (array, ids) = crate::format::read_embeddings(path)?;
        let wrong = |message: String| Err(Error::input(format!("{}: {message}", path.display())));
        let &[rows, width] = array.shape.as_slice() else {
            return wrong(format!("the array has the shape {:?}, expected [N, D]", array.shape));
        };
        let items = dataset.items.len();
        let Some(ids) = ids else {
            if rows != items {
                return wrong(format!("has {rows} rows, expected one for each of {items} items"));
            }
            return Ok(Self::new(width, array.values));
        };
        if ids.len() != rows {
            return wrong(format!("has {rows} rows, but names {} items", ids.len()));
        }
        let index = dataset.item_index();
        let mut values = vec![0.0; items * width];
        let mut missing = vec![true; items];
        for (id, row) in ids.iter().zip(array.values.chunks_exact(width.max(1))) {
            // Other items' embeddings do no harm: the model may have embedded more than is trained on.
            if let Some(&item) = index.get(id.as_str()) {
                values[item as usize * width..][..width].copy_from_slice(row);
                missing[item as usize] = false;
            }
        }
        match missing.iter().position(|&missing| missing) {
            Some(first) => {
                let count = missing.iter().filter(|&&missing| missing).count();
                wrong(format!("{count} items have no row, the first is {:?}", dataset.items[first].id))
            }
            None => Ok(Self::new(width, values)),
        }
    }

    /// Embeddings `[N, width]`, row-major; rows are scaled to unit length.
    pub fn new(width: usize, mut values: Vec<f32>) -> Self {
        for row in values.chunks_exact_mut(width.max(1)) {
            let norm = dot(row, row).sqrt();
            if norm > 0.0 {
                row.iter_mut().for_each(|value| *value /= norm);
            }
        }
        Self { width, values }
    }

    /// Number of items.
    pub fn len(&self) -> usize {
        self.values.len().checked_div(self.width).unwrap_or(0)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn row(&self, item: u32) -> &[f32] {
        self.values.get(item as usize * self.width..).and_then(|rest| rest.get(..self.width)).unwrap_or_default()
    }

    /// Cosine of two items' embeddings.
    pub fn cosine(&self, a: u32, b: u32) -> f32 {
        dot(self.row(a), self.row(b))
    }

    /// Adds up to `wanted` rows: anchor by anchor, the item of a random pool that is nearest to it and not known to be related,
    /// then the next nearest.
    pub(super) fn draw_hard(
        &self,
        sampler: &RelationSampler,
        pairs: &[Pair],
        wanted: usize,
        draw: &mut Draw<'_>,
        rng: &mut ChaCha8Rng,
    ) {
        let mut seen = HashSet::new();
        let anchors: Vec<u32> = pairs.iter().map(|pair| pair.anchor).filter(|&anchor| seen.insert(anchor)).collect();
        let anchors = &anchors[..anchors.len().min(wanted)];
        if anchors.is_empty() {
            return;
        }
        let pool = sampler.pool(rng);
        // Two to spare for each anchor, as its nearest may be others' as well.
        let depth = wanted.div_ceil(anchors.len()) + 2;
        let mut nearest: Vec<Vec<(f32, u32)>> =
            anchors.iter().map(|&a| self.nearest(sampler, a, &pool, depth)).collect();
        let mut left = wanted;
        for _ in 0..depth {
            for list in &mut nearest {
                if left == 0 || draw.is_full() {
                    return;
                }
                // Ascending: the last is the nearest.
                while let Some((_, item)) = list.pop() {
                    if draw.insert(item) {
                        left -= 1;
                        break;
                    }
                }
            }
        }
    }

    /// The `depth` items of the pool nearest to an anchor, farthest first.
    fn nearest(&self, sampler: &RelationSampler, anchor: u32, pool: &[u32], depth: usize) -> Vec<(f32, u32)> {
        let mut nearest: Vec<(f32, u32)> = Vec::with_capacity(depth + 1);
        for &item in pool {
            let score = self.cosine(anchor, item);
            let full = nearest.len() == depth;
            if full && nearest.first().is_some_and(|worst| worst.0 >= score) {
                continue;
            }
            if item == anchor || sampler.graph.related(anchor, item) || sampler.duplicates.same(anchor, item) {
                continue;
            }
            let place = nearest.partition_point(|other| other.0 < score);
            nearest.insert(place, (score, item));
            if full {
                nearest.remove(0);
            }
        }
        nearest
    }
}

impl RelationSampler {
    /// Random training items without repetition, ascending; all of them where the pool is as large.
    fn pool(&self, rng: &mut ChaCha8Rng) -> Vec<u32> {
        let size = self.config.hard_pool;
        if size >= self.items.len() {
            return self.items.clone();
        }
        let mut pool: Vec<u32> = (0..size).filter_map(|_| pick(&self.items, rng)).collect();
        pool.sort_unstable();
        pool.dedup();
        pool
    }
}

/// In eight sums, which the compiler turns into vectors and every machine adds in one order.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0f32; 8];
    let (a, b) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    for (x, y) in a.0.iter().zip(b.0) {
        for i in 0..8 {
            sums[i] += x[i] * y[i];
        }
    }
    let rest: f32 = a.1.iter().zip(b.1).map(|(x, y)| x * y).sum();
    sums.iter().sum::<f32>() + rest
}
