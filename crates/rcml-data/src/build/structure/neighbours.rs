//! "Looks alike", "sounds alike": the nearest neighbours of items by their feature vectors.

use rayon::prelude::*;

use super::draft::{Draft, attach, phrased};
use super::{Added, PruneOptions};
use crate::{Dataset, Error, Result};

/// How neighbours are found.
#[derive(Debug, Clone, PartialEq)]
pub struct NeighbourOptions {
    /// Feature modality whose vectors are compared; of token sequences, their means.
    pub modality: String,
    /// Nearest neighbours of each item.
    pub k: usize,
    /// Pairs with a lower cosine are left out.
    pub least: f32,
    /// Pairs with a higher cosine are left out: they are the same thing twice.
    pub most: f32,
    /// Whether both must be among the nearest of the other.
    pub mutual: bool,
    /// What the likeness is, completing "it ..."; empty for the usual phrasings of `verb`.
    pub phrasings: Vec<String>,
    /// "looks", "sounds", "reads", "feels": for the usual phrasings.
    pub verb: String,
    /// Edges of an item, and of the relation.
    pub prune: PruneOptions,
}

impl NeighbourOptions {
    /// Ten neighbours that look alike.
    pub fn new(modality: impl Into<String>) -> Self {
        Self {
            modality: modality.into(),
            k: 10,
            least: 0.0,
            most: 1.0,
            mutual: false,
            phrasings: Vec::new(),
            verb: "looks".into(),
            prune: PruneOptions::default(),
        }
    }
}

/// Rows compared with each other at a time: both blocks fit the second-level cache.
const BLOCK: usize = 128;

/// Adds the relation `VERB-alike`, weighted by the cosine. All pairs of items with the modality are compared: exact, and with
/// a cost that grows with the square of their number. Items that are too much alike (above `most`) do not count as
/// neighbours.
///
/// # Errors
/// A modality that the dataset lacks, `k` of 0, bounds that no cosine can meet.
pub fn add_neighbours(dataset: &mut Dataset, options: &NeighbourOptions) -> Result<Added> {
    let NeighbourOptions { k, least, most, .. } = *options;
    if k == 0 {
        return Err(Error::input("k: expected at least 1 neighbour, found 0"));
    }
    if !(least <= most && least <= 1.0 && most >= -1.0) {
        return Err(Error::input(format!("cosines from {least} to {most}: no pair can be between")));
    }
    let array = dataset.features(&options.modality)?;
    let with = |(item, number): (&crate::Item, u32)| Some((number, *item.features.get(&options.modality)?));
    let (items, rows): (Vec<u32>, Vec<usize>) = dataset.items.iter().zip(0..).filter_map(with).unzip();
    let (vectors, width) = unit_rows(&array, &rows);
    let nearest = nearest(&vectors, width, options);
    let mut edges = Vec::new();
    for (row, found) in nearest.iter().enumerate() {
        for &(cosine, other) in found {
            let back = || nearest[other as usize].iter().any(|&(_, back)| back as usize == row);
            if !options.mutual || back() {
                edges.push((items[row], items[other as usize], cosine.max(0.0)));
            }
        }
    }
    let verb = options.verb.trim();
    let phrasings = if options.phrasings.is_empty() {
        vec![
            format!("{verb} like it"),
            format!("{verb} much the same"),
            format!("{verb} alike, whatever it is for"),
            format!("is hard to tell from it by how it {verb}"),
        ]
    } else {
        options.phrasings.clone()
    };
    let relation = phrased(format!("{}-alike", crate::build::interactions::slug(verb)), "features", true, phrasings);
    let without = dataset.items.len() - items.len();
    let notes = if without > 0 { vec![format!("{without} items have no {}", options.modality)] } else { Vec::new() };
    attach(dataset, vec![Draft { relation, edges }], &options.prune, notes)?.or_nothing(&options.prune)
}

/// The vector of each item in unit length; of token sequences the mean first. Zero vectors stay zero.
fn unit_rows(array: &crate::FeatureArray, rows: &[usize]) -> (Vec<f32>, usize) {
    let width = array.shape.last().copied().unwrap_or(0);
    let size: usize = array.shape.iter().skip(1).product();
    let mut vectors = vec![0.0; rows.len() * width];
    if width == 0 {
        return (vectors, 0);
    }
    vectors.par_chunks_mut(width).zip(rows).for_each(|(vector, &row)| {
        // Missing vectors are NaN.
        let tokens = array.values[row * size..(row + 1) * size].chunks(width);
        for token in tokens.filter(|token| !token[0].is_nan()) {
            vector.iter_mut().zip(token).for_each(|(sum, value)| *sum += value);
        }
        let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
        if length > 0.0 {
            vector.iter_mut().for_each(|value| *value /= length);
        }
    });
    (vectors, width)
}

/// The k nearest rows of each row within the bounds, the nearest first; of equals, the first.
fn nearest(vectors: &[f32], width: usize, options: &NeighbourOptions) -> Vec<Vec<(f32, u32)>> {
    if width == 0 {
        return Vec::new();
    }
    let n = vectors.len() / width;
    let order = |a: &(f32, u32), b: &(f32, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
    (0..n.div_ceil(BLOCK))
        .into_par_iter()
        .flat_map_iter(|block| {
            let own = block * BLOCK..((block + 1) * BLOCK).min(n);
            let mut found: Vec<Vec<(f32, u32)>> = vec![Vec::new(); own.len()];
            for start in (0..n).step_by(BLOCK) {
                for (row, found) in own.clone().zip(&mut found) {
                    let vector = &vectors[row * width..(row + 1) * width];
                    for other in start..(start + BLOCK).min(n) {
                        let cosine = dot(vector, &vectors[other * width..(other + 1) * width]);
                        // Rounding lifts the cosine of equal vectors above 1.
                        let cosine = cosine.min(1.0);
                        if other != row && cosine >= options.least && cosine <= options.most {
                            found.push((cosine, other as u32));
                        }
                    }
                    if found.len() > options.k {
                        found.select_nth_unstable_by(options.k - 1, order);
                        found.truncate(options.k);
                    }
                }
            }
            found.iter_mut().for_each(|found| found.sort_unstable_by(order));
            found
        })
        .collect()
}

/// Eight sums at once, in a fixed order: the compiler makes vector instructions of it.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 8];
    let (whole_a, whole_b) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = whole_a.remainder().iter().zip(whole_b.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in whole_a.zip(whole_b) {
        for lane in 0..8 {
            sums[lane] += x[lane] * y[lane];
        }
    }
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::Item;

    fn vectors(n: usize, width: usize) -> Vec<f32> {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let array = crate::FeatureArray {
            shape: vec![n, width],
            values: (0..n * width).map(|_| rng.random::<f32>() - 0.5).collect(),
        };
        unit_rows(&array, &(0..n).collect::<Vec<_>>()).0
    }

    #[test]
    fn neighbours_are_those_of_comparing_all_with_all() {
        let (n, width) = (300, 19);
        let vectors = vectors(n, width);
        let cosine = |a: usize, b: usize| -> f64 {
            (0..width).map(|i| f64::from(vectors[a * width + i]) * f64::from(vectors[b * width + i])).sum()
        };
        let options = NeighbourOptions { k: 4, least: 0.2, most: 0.7, ..NeighbourOptions::new("x") };
        for (row, found) in nearest(&vectors, width, &options).iter().enumerate() {
            let mut all: Vec<usize> = (0..n).filter(|&o| o != row && (0.2..0.7).contains(&cosine(row, o))).collect();
            all.sort_by(|&a, &b| cosine(row, b).total_cmp(&cosine(row, a)));
            all.truncate(4);
            assert_eq!(found.iter().map(|f| f.1 as usize).collect::<Vec<_>>(), all, "row {row}");
        }
    }

    #[test]
    fn a_modality_becomes_a_relation() {
        let dir = tempfile::tempdir().unwrap();
        let values: [f32; 8] = [1.0, 0.0, 0.9, 0.1, 0.0, 1.0, 1.0, 0.0];
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, vec![4, 2], &bytes).unwrap();
        safetensors::serialize_to_file([("x", view)], None, &dir.path().join("x.safetensors")).unwrap();
        let mut dataset = Dataset { root: dir.path().into(), ..Dataset::default() };
        let info = crate::ModalityInfo { file: "x.safetensors".into(), tensor: None, shape: None, kind: None };
        dataset.info.modalities.insert("look".into(), info);
        for row in 0..5 {
            let mut item = Item::new(format!("{row}")).text("t");
            if row < 4 {
                item.features.insert("look".into(), row);
            }
            dataset.items.push(item);
        }
        // Items 0 and 3 are equal: not neighbours, but duplicates.
        let options = NeighbourOptions { k: 1, least: 0.5, most: 0.999, ..NeighbourOptions::new("look") };
        let prune = PruneOptions { support: 1, degree: 0 };
        let added = add_neighbours(&mut dataset, &NeighbourOptions { prune, ..options.clone() }).unwrap();
        assert_eq!(added.relations, [("looks-alike".to_owned(), 2)]);
        assert_eq!(added.notes, ["1 items have no look"]);
        let edges: Vec<_> = dataset.edges.iter().map(|e| (e.source, e.target)).collect();
        assert_eq!(edges, [(0, 1), (1, 3)]);
        assert!(dataset.edges.iter().all(|edge| edge.weight > 0.99 && edge.weight < 1.0));
        assert!(add_neighbours(&mut dataset, &NeighbourOptions { k: 0, ..options.clone() }).is_err());
        assert!(add_neighbours(&mut dataset, &NeighbourOptions { least: 0.9, most: 0.1, ..options }).is_err());
        assert!(add_neighbours(&mut dataset, &NeighbourOptions::new("sound")).is_err());
    }
}
