//! Items that have passed the encoders.

use std::borrow::Cow;

use burn::tensor::{Device, Int, Tensor, TensorData};
use rcml_encoders::Tokens;

use crate::stored_tokens::StoredTokens;

/// Encoded items, ready to be embedded under any number of relations.
#[derive(Debug, Clone, Default)]
pub struct EncodedItems {
    pub(crate) items: Vec<u32>,
    /// Where each chunk ends, as a row.
    pub(crate) ends: Vec<usize>,
    pub(crate) modalities: Vec<EncodedColumn>,
    /// The vectors of the items' words, chunk by chunk; none where the model takes no words beside.
    pub(crate) words: Vec<Tensor<2>>,
    /// The items' texts; none but where the model reads a relation's words behind them.
    pub(crate) texts: Vec<Option<String>>,
}

/// Tokens of one modality.
#[derive(Debug, Clone)]
pub(crate) struct EncodedColumn {
    pub(crate) name: String,
    pub(crate) chunks: Vec<Chunk>,
    pub(crate) present: Vec<bool>,
}

/// Tokens of items that were encoded together.
#[derive(Debug, Clone)]
pub(crate) enum Chunk {
    /// Fresh from the encoder.
    Tensors(Box<Tokens>),
    /// Of an index.
    Stored(StoredTokens),
}

impl Chunk {
    pub(crate) fn fresh(tokens: Tokens) -> Self {
        Self::Tensors(Box::new(tokens))
    }

    /// As tensors.
    pub(crate) fn tokens(&self) -> Cow<'_, Tokens> {
        match self {
            Self::Tensors(tokens) => Cow::Borrowed(tokens),
            Self::Stored(stored) => Cow::Owned(stored.tokens()),
        }
    }
}

impl EncodedItems {
    /// The items, as dataset indices.
    pub fn items(&self) -> &[u32] {
        &self.items
    }

    /// The items that were encoded together, one after the other: to [select](Self::select) all of such items copies nothing.
    pub fn chunks(&self) -> impl Iterator<Item = &[u32]> {
        (0..self.ends.len()).map(|chunk| &self.items[self.start(chunk)..self.ends[chunk]])
    }

    /// The first row of a chunk.
    fn start(&self, chunk: usize) -> usize {
        chunk.checked_sub(1).map_or(0, |before| self.ends[before])
    }

    /// Modalities that the items were encoded with.
    pub fn modalities(&self) -> Vec<String> {
        self.modalities.iter().map(|column| column.name.clone()).collect()
    }

    /// The items at `rows` (positions in [`Self::items`]), in that order.
    pub fn select(&self, rows: &[u32]) -> Self {
        let chunk_of = |row: u32| self.ends.partition_point(|end| *end <= row as usize);
        let pieces: Vec<(usize, &[u32])> =
            rows.chunk_by(|a, b| chunk_of(*a) == chunk_of(*b)).map(|piece| (chunk_of(piece[0]), piece)).collect();
        let column = |column: &EncodedColumn| {
            let chunks = pieces.iter().map(|(chunk, piece)| {
                let all = &column.chunks[*chunk];
                if self.is_whole(*chunk, piece) {
                    return all.clone();
                }
                let tokens = all.tokens();
                Chunk::fresh(tokens.select(self.within(*chunk, piece, &tokens.states.device())))
            });
            EncodedColumn {
                name: column.name.clone(),
                chunks: chunks.collect(),
                present: rows.iter().map(|row| column.present[*row as usize]).collect(),
            }
        };
        let words = pieces.iter().filter_map(|(chunk, piece)| {
            let words = self.words.get(*chunk)?;
            Some(if self.is_whole(*chunk, piece) {
                words.clone()
            } else {
                words.clone().select(0, self.within(*chunk, piece, &words.device()))
            })
        });
        Self {
            items: rows.iter().map(|row| self.items[*row as usize]).collect(),
            ends: pieces
                .iter()
                .scan(0, |end, (_, piece)| {
                    *end += piece.len();
                    Some(*end)
                })
                .collect(),
            modalities: self.modalities.iter().map(column).collect(),
            words: words.collect(),
            texts: rows.iter().filter_map(|row| self.texts.get(*row as usize).cloned()).collect(),
        }
    }

    /// Puts others behind these; gives them back where they were encoded with other modalities.
    pub(crate) fn append(&mut self, others: Self) -> Result<(), Self> {
        if self.items.is_empty() {
            *self = others;
            return Ok(());
        }
        if self.modalities() != others.modalities() {
            return Err(others);
        }
        let rows = self.items.len();
        self.ends.extend(others.ends.iter().map(|end| rows + end));
        self.items.extend(others.items);
        for (column, other) in self.modalities.iter_mut().zip(others.modalities) {
            column.chunks.extend(other.chunks);
            column.present.extend(other.present);
        }
        self.words.extend(others.words);
        self.texts.extend(others.texts);
        Ok(())
    }

    /// Whether rows of one chunk are all of it, in their order.
    fn is_whole(&self, chunk: usize, rows: &[u32]) -> bool {
        rows.len() == self.ends[chunk] - self.start(chunk) && rows.is_sorted_by(|a, b| a < b)
    }

    /// Where rows of one chunk are in it.
    fn within(&self, chunk: usize, rows: &[u32], device: &Device) -> Tensor<1, Int> {
        let start = self.start(chunk);
        let within: Vec<i32> = rows.iter().map(|row| (*row as usize - start) as i32).collect();
        Tensor::from_data(TensorData::new(within, [rows.len()]), device)
    }
}

/// Where chunks of `size` of `n` items end.
pub(crate) fn ends(n: usize, size: usize) -> Vec<usize> {
    (1..=n.div_ceil(size)).map(|chunk| (chunk * size).min(n)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_selected_can_be_selected_from() {
        let device = Device::default();
        let items: Vec<u32> = (100..107).collect();
        let ends = ends(items.len(), 3);
        let rows = |start: usize, end: usize| {
            let values: Vec<f32> = (start..end).map(|row| row as f32).collect();
            Tensor::<1>::from_floats(values.as_slice(), &device).reshape([end - start, 1])
        };
        let pieces = || ends.iter().scan(0, |start, end| Some((std::mem::replace(start, *end), *end)));
        let words: Vec<_> = pieces().map(|(start, end)| rows(start, end)).collect();
        let chunks = words
            .iter()
            .map(|rows| Chunk::fresh(Tokens::with_summary_first(rows.clone().unsqueeze_dim(1), None)))
            .collect();
        let present = items.iter().map(|item| item % 2 == 0).collect();
        let text = EncodedColumn { name: "text".into(), chunks, present };
        let texts = items.iter().map(|item| Some(item.to_string())).collect();
        let all = EncodedItems { items, ends, modalities: vec![text], words, texts };

        let some = all.select(&[1, 2, 6, 0, 3, 4, 5]);
        let again = some.select(&[6, 0, 3, 2, 4]);
        assert_eq!(again.items(), [105, 101, 100, 106, 103]);
        assert_eq!(again.texts[..2], [Some("105".into()), Some("101".into())]);
        let values = |pieces: Vec<Tensor<2>>| Tensor::cat(pieces, 0).into_data().try_to_vec::<f32>().unwrap();
        assert_eq!(values(again.words.clone()), [5., 1., 0., 6., 3.]);
        let column = &again.modalities[0];
        let tokens = column.chunks.iter().map(|chunk| chunk.tokens().states.clone().squeeze_dim(1)).collect();
        assert_eq!(values(tokens), [5., 1., 0., 6., 3.]);
        assert_eq!(column.present, [false, false, true, true, false]);
        assert_eq!(again.chunks().map(<[u32]>::len).collect::<Vec<_>>(), [1, 1, 1, 1, 1]);
        assert_eq!(some.chunks().map(<[u32]>::len).collect::<Vec<_>>(), [2, 1, 1, 3]);
        assert!(all.select(&[]).chunks().next().is_none());

        let mut joined = all.select(&[]);
        joined.append(some.select(&[1, 2])).unwrap();
        joined.append(all.select(&[6, 0])).unwrap();
        assert_eq!(joined.items(), [102, 106, 106, 100]);
        assert_eq!(values(joined.select(&[3, 0, 1]).words), [0., 2., 6.]);
        let mut other = all.select(&[3]);
        other.modalities.clear();
        assert_eq!(joined.append(other).unwrap_err().items(), [103], "of other modalities");
    }
}
