//! Latent semantic analysis: vectors of words from which documents they stand in.

use std::collections::BTreeSet;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// Documents counted at most: a vocabulary of some thousand words is known well long before.
const DOCUMENTS: usize = 50_000;
/// Documents per direction at least: fewer would give every document a direction of its own, and its words nothing in common
/// with others.
const PER_DIRECTION: usize = 8;
/// Rounds of the iteration; the spectrum of texts falls slowly, but a vector only has to lie near the subspace.
const ROUNDS: usize = 5;
/// Share of the mean of the kept squared singular values that is added to each: how far rare directions are spread out.
const RIDGE: f64 = 0.3;

/// Sparse rows: row i holds `columns[starts[i]..starts[i + 1]]` with their values.
struct SparseRows {
    starts: Vec<usize>,
    columns: Vec<u32>,
    values: Vec<f32>,
}

impl SparseRows {
    /// Unit rows of count x idf, one per document, whose words are in ascending order.
    fn of_documents(documents: impl Iterator<Item = Vec<u32>>, idf: &[f32]) -> Self {
        let mut rows = Self { starts: vec![0], columns: vec![], values: vec![] };
        for terms in documents {
            let first = rows.columns.len();
            for run in terms.chunk_by(|a, b| a == b) {
                rows.columns.push(run[0]);
                rows.values.push(run.len() as f32 * idf[run[0] as usize]);
            }
            let values = &mut rows.values[first..];
            let length = values.iter().map(|value| value * value).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
            values.iter_mut().for_each(|value| *value /= length);
            rows.starts.push(rows.columns.len());
        }
        rows
    }

    fn transposed(&self, columns: usize) -> Self {
        let mut starts = vec![0; columns + 1];
        self.columns.iter().for_each(|column| starts[*column as usize + 1] += 1);
        (0..columns).for_each(|column| starts[column + 1] += starts[column]);
        let mut next = starts.clone();
        let (mut rows, mut values) = (vec![0; self.columns.len()], vec![0.0; self.columns.len()]);
        for row in 0..self.starts.len() - 1 {
            for place in self.starts[row]..self.starts[row + 1] {
                let to = &mut next[self.columns[place] as usize];
                (rows[*to], values[*to]) = (row as u32, self.values[place]);
                *to += 1;
            }
        }
        Self { starts, columns: rows, values }
    }

    /// This matrix times a dense one of `width` columns.
    fn times(&self, dense: &[f32], width: usize) -> Vec<f32> {
        let mut out = vec![0.0; (self.starts.len() - 1) * width];
        out.par_chunks_mut(width).enumerate().with_min_len(64).for_each(|(row, out)| {
            for place in self.starts[row]..self.starts[row + 1] {
                let from = &dense[self.columns[place] as usize * width..][..width];
                out.iter_mut().zip(from).for_each(|(sum, value)| *sum += self.values[place] * value);
            }
        });
        out
    }
}

/// Vectors of words `[vocabulary, width]`: their coordinates in the space spanned by the strongest
/// right singular vectors of the matrix documents x words, weights count x idf (Deerwester et al. 1990), in some rotation.
/// Directions are scaled by 1 / sqrt(s^2 + ridge), so that the few that all texts share do not hide the others, and have a mean
/// square of 1 on average. Few documents have fewer directions than `width`: zeros fill it up. Words that stand in no document
/// get zeros, and a document counts once however often it comes.
///
/// Found by orthogonal iteration, which gives the same bits on any number of threads. Time: about
/// `ROUNDS` x (4 x words counted x width + 2 x vocabulary x width^2) operations.
pub(crate) fn latent_vectors(documents: &[Vec<u32>], idf: &[f32], width: usize) -> Vec<f32> {
    let vocabulary = idf.len();
    // As bags of words: neither their order nor that of the documents changes a bit.
    let sorted = |document: &Vec<u32>| {
        let mut words = document.clone();
        words.sort_unstable();
        words
    };
    let distinct: BTreeSet<Vec<u32>> = documents.iter().filter(|ids| !ids.is_empty()).map(sorted).collect();
    let stride = distinct.len().div_ceil(DOCUMENTS).max(1);
    let rows = SparseRows::of_documents(distinct.into_iter().step_by(stride), idf);
    let columns = rows.transposed(vocabulary);
    let rank = width.min((rows.starts.len() - 1) / PER_DIRECTION).min(vocabulary);
    if rank == 0 {
        return vec![0.0; vocabulary * width];
    }
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let start: Vec<f32> = (0..rank * vocabulary).map(|_| rng.random_range(-1.0..1.0)).collect();
    // By columns: `rank` vectors over the vocabulary.
    let mut basis = start;
    let mut image = vec![];
    for _ in 0..ROUNDS {
        orthonormalize(&mut basis, vocabulary);
        let dense = transpose(&basis, rank, vocabulary);
        image = transpose(&columns.times(&rows.times(&dense, rank), rank), vocabulary, rank);
        std::mem::swap(&mut basis, &mut image);
    }
    // image: the last orthonormal basis Q; basis: A^T A Q. Q L^-T with L L^T = Q^T A^T A Q + ridge whitens the documents.
    let mut gram: Vec<f64> = vec![0.0; rank * rank];
    gram.par_chunks_mut(rank).zip(image.par_chunks(vocabulary)).for_each(|(row, q)| {
        row.iter_mut().zip(basis.chunks(vocabulary)).for_each(|(value, moved)| *value = dot(q, moved));
    });
    let ridge = RIDGE * (0..rank).map(|i| gram[i * rank + i]).sum::<f64>() / rank as f64;
    (0..rank).for_each(|i| gram[i * rank + i] += ridge.max(f64::MIN_POSITIVE));
    whiten(&mut image, &gram, vocabulary);
    let square = dot(&image, &image) / (vocabulary * rank) as f64;
    let scale = if square > 0.0 { (1.0 / square.sqrt()) as f32 } else { 0.0 };
    let mut out = vec![0.0; vocabulary * width];
    out.par_chunks_mut(width).enumerate().for_each(|(word, out)| {
        out.iter_mut().zip(0..rank).for_each(|(value, k)| *value = image[k * vocabulary + word] * scale);
    });
    out
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    // Partial sums of a fixed length keep both the precision and the order.
    a.chunks(256).zip(b.chunks(256)).map(|(a, b)| f64::from(a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>())).sum()
}

fn transpose(matrix: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    let mut out = vec![0.0; matrix.len()];
    out.par_chunks_mut(rows).enumerate().for_each(|(column, out)| {
        out.iter_mut().enumerate().for_each(|(row, value)| *value = matrix[row * columns + column]);
    });
    out
}

/// Gram-Schmidt, each vector taken off all that come after it; one that lies in the span of those before becomes zero.
fn orthonormalize(vectors: &mut [f32], length: usize) {
    let count = vectors.len() / length;
    for i in 0..count {
        let (done, rest) = vectors.split_at_mut((i + 1) * length);
        let own = &mut done[i * length..];
        let norm = dot(own, own).sqrt();
        let scale = if norm > 1e-6 { (1.0 / norm) as f32 } else { 0.0 };
        own.iter_mut().for_each(|value| *value *= scale);
        rest.par_chunks_mut(length).for_each(|other| {
            let along = dot(own, other) as f32;
            other.iter_mut().zip(&*own).for_each(|(value, own)| *value -= along * own);
        });
    }
}

/// vectors <- vectors L^-T with L L^T = `gram`, by its Cholesky factor.
fn whiten(vectors: &mut [f32], gram: &[f64], length: usize) {
    let count = vectors.len() / length;
    let mut lower = vec![0.0_f64; count * count];
    for i in 0..count {
        for j in 0..=i {
            let known: f64 = (0..j).map(|k| lower[i * count + k] * lower[j * count + k]).sum();
            let left = gram[i * count + j] - known;
            lower[i * count + j] =
                if i == j { left.max(f64::MIN_POSITIVE).sqrt() } else { left / lower[j * count + j] };
        }
    }
    for i in 0..count {
        let (done, rest) = vectors.split_at_mut(i * length);
        let own = &mut rest[..length];
        for (j, before) in done.chunks(length).enumerate() {
            let along = lower[i * count + j] as f32;
            own.iter_mut().zip(before).for_each(|(value, before)| *value -= along * before);
        }
        let pivot = lower[i * count + i] as f32;
        own.iter_mut().for_each(|value| *value /= pivot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two topics with words of their own: 0..10 and 10..20; word 20 stands in no document.
    fn topics() -> Vec<Vec<u32>> {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        (0..400).map(|i| (0..6).map(|_| 10 * (i % 2) + rng.random_range(0..10)).collect()).collect()
    }

    fn cosine(vectors: &[f32], width: usize, a: usize, b: usize) -> f64 {
        let row = |i: usize| &vectors[i * width..][..width];
        dot(row(a), row(b)) / (dot(row(a), row(a)) * dot(row(b), row(b))).sqrt()
    }

    #[test]
    fn words_of_one_topic_are_near_without_standing_together() {
        // Words 0 and 1 never share a document; those that they stand beside are the same.
        let mut documents = topics();
        documents.iter_mut().filter(|d| d.contains(&0)).for_each(|d| d.retain(|word| *word != 1));
        let vectors = latent_vectors(&documents, &[1.0; 21], 2);
        assert!(cosine(&vectors, 2, 0, 1) > 0.9);
        assert!(cosine(&vectors, 2, 0, 11).abs() < 0.3);
        assert_eq!(vectors[40..], [0.0, 0.0]);
        let square: f32 = vectors.iter().map(|v| v * v).sum::<f32>() / vectors.len() as f32;
        assert!((square - 1.0).abs() < 1e-4, "{square}");
        // The same documents again, backwards, tell nothing new.
        let backwards = documents.iter().rev().map(|d| d.iter().rev().copied().collect::<Vec<u32>>());
        let twice: Vec<Vec<u32>> = backwards.chain(documents[..90].iter().cloned()).collect();
        assert_eq!(latent_vectors(&twice, &[1.0; 21], 2), vectors);
    }

    /// Inner products of documents in the space against those that the full decomposition would give: with as many
    /// directions as words, x (A^T A + ridge)^-1 y.
    #[test]
    fn a_full_basis_whitens() {
        let documents: Vec<Vec<u32>> =
            topics().into_iter().map(|d| d.into_iter().collect::<BTreeSet<u32>>().into_iter().collect()).collect();
        let (idf, words) = ([1.0; 20], 20);
        let vectors = latent_vectors(&documents, &idf, words);
        let rows = SparseRows::of_documents(documents.iter().cloned(), &idf);
        // sum over documents of coordinates^2: trace of (A^T A)(A^T A + ridge)^-1, the same along every direction but for the
        // ridge. The weakest direction keeps at least its share s^2 / (s^2 + 0.3 mean) of the strongest one's.
        let coordinates = rows.times(&vectors, words);
        let columns = transpose(&coordinates, documents.len(), words);
        let spread: Vec<f64> = columns.chunks(documents.len()).map(|c| dot(c, c)).collect();
        let (least, most) = spread.iter().fold((f64::MAX, 0.0_f64), |(a, b), v| (a.min(*v), b.max(*v)));
        assert!(least > 0.3 * most, "{least} {most}");
    }

    #[test]
    fn few_documents_have_few_directions() {
        assert_eq!(latent_vectors(&[], &[1.0; 3], 2), [0.0; 6]);
        assert!(latent_vectors(&[vec![], vec![]], &[1.0; 3], 2).iter().all(|v| *v == 0.0));
        let documents: Vec<Vec<u32>> = (0..8).map(|i| vec![0, 1, 2 + i]).collect();
        let one = latent_vectors(&documents, &[1.0; 10], 2);
        assert!(one[0] != 0.0 && one.chunks(2).all(|word| word[0] != 0.0 && word[1] == 0.0), "{one:?}");
    }

    #[test]
    fn the_number_of_threads_changes_nothing() {
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| latent_vectors(&topics(), &[1.0; 21], 8))
        };
        assert_eq!(on(1), on(3));
    }
}
