//! A trained model under evaluation.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use burn::tensor::Tensor;
use rayon::prelude::*;
use rcml_data::{Dataset, Role};
use rcml_kernels::row_products;
use rcml_model::{
    ConditionedSide, Embedder, Embeddings, EncodedItems, ItemReader, RelationInText, RelationQuery, Roles,
};

use crate::algebra::dot;
use crate::item_vectors::{Conditioning, ItemVectors};
use crate::{Error, RelationRef, Result, Scorer, Side, View};

/// Scores of a trained model: the dot product of the query's and the candidate's unit vectors, both embedded under the
/// query's relation.
///
/// Items are encoded once for all relations. Under a relation they are embedded when they are first asked for, and kept
/// until another relation is asked for: memory is N x D values per modality, whatever the number of relations.
#[derive(Debug)]
pub struct ModelScorer {
    name: String,
    views: Vec<View>,
    relations: Vec<(String, (Role, Role))>,
    embedder: Embedder,
    reader: ItemReader,
    /// `None` before the first item is asked for.
    encoded: Option<EncodedItems>,
    /// Item -> its row in `encoded`.
    rows: HashMap<u32, u32>,
    /// What the vectors below were embedded under: queries, candidates.
    under: Option<Under>,
    queries: Vectors,
    candidates: Vectors,
}

/// What queries and candidates are embedded under.
type Under = (RelationQuery, RelationQuery);

/// Embedded items on the host.
#[derive(Debug, Default)]
struct Vectors {
    /// Item -> its row in every column.
    rows: HashMap<u32, usize>,
    columns: Vec<Column>,
}

/// The unit vectors of one side of a view, row-major, and which items have them.
#[derive(Debug)]
struct Column {
    side: Side,
    values: Vec<f32>,
    present: Vec<bool>,
    width: usize,
}

impl ModelScorer {
    /// A model that is asked about items of `dataset`, which `reader` reads.
    pub fn new(name: impl Into<String>, dataset: &Dataset, embedder: Embedder, reader: ItemReader) -> Self {
        let (known, roles) = (dataset.modalities(), embedder.config().roles);
        let modalities = embedder.config().modalities.iter().map(|modality| modality.name.clone());
        let modalities: Vec<String> = modalities.filter(|name| known.contains(name)).collect();
        Self {
            name: name.into(),
            views: View::all(&modalities).into_iter().chain([View::plain()]).collect(),
            relations: dataset.relations.iter().map(|r| (r.description().to_string(), roles.of(r))).collect(),
            embedder,
            reader,
            encoded: None,
            rows: HashMap::new(),
            under: None,
            queries: Vectors::default(),
            candidates: Vectors::default(),
        }
    }

    /// The model.
    pub fn embedder(&self) -> &Embedder {
        &self.embedder
    }

    fn words(&self, relation: RelationRef) -> Result<Under> {
        let RelationRef::Index(index) = relation else {
            return Ok((RelationQuery::SameItem, RelationQuery::SameItem));
        };
        let (text, (query, candidate)) = self.relations.get(index as usize).ok_or_else(|| {
            Error::input(format!("relation {index} of {}: there is no such relation", self.relations.len()))
        })?;
        let of = |role: Role| RelationQuery::Relation(text.clone(), role);
        Ok((of(query.to_owned()), of(candidate.to_owned())))
    }

    /// Whether an item has one vector, as query and as candidate.
    fn shares_vectors(&self, query: &RelationQuery, candidate: &RelationQuery) -> bool {
        let config = self.embedder.config();
        let is_same_item = *query == RelationQuery::SameItem;
        config.side == ConditionedSide::Both
            && (is_same_item || config.relation_in_text == RelationInText::None)
            && (query == candidate || config.roles == Roles::None)
    }

    /// Encodes what is not yet encoded, with all that is.
    fn encode<'a>(&mut self, items: impl Iterator<Item = &'a u32>) -> Result<()> {
        let missing: BTreeSet<u32> = items.copied().filter(|item| !self.rows.contains_key(item)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let known = self.encoded.as_ref().map_or(&[][..], EncodedItems::items);
        self.prepare(&known.iter().copied().chain(missing).collect::<Vec<_>>())
    }

    /// Embeds what is asked for and not yet embedded. Returns whether queries are among the candidates' vectors.
    fn embed(&mut self, under: Under, queries: &[u32], candidates: &[u32]) -> Result<bool> {
        self.encode(queries.iter().chain(candidates))?;
        if self.under.as_ref() != Some(&under) {
            self.queries = Vectors::default();
            // Candidates that no relation conditions stay the same under the next one.
            if self.embedder.config().side == ConditionedSide::Both {
                self.candidates = Vectors::default();
            }
            self.under = Some(under.clone());
        }
        let Some(encoded) = &self.encoded else { return Ok(true) };
        let (query, candidate) = under;
        let shared = self.shares_vectors(&query, &candidate);
        let (own, others): (&[u32], &[u32]) = if shared { (&[], queries) } else { (queries, &[]) };
        let new = self.candidates.missing(candidates.iter().chain(others));
        if !new.is_empty() {
            let new = self.rounded(encoded, &new);
            let items = select(encoded, &self.rows, &new);
            self.candidates.extend(&new, self.embedder.candidates(&items, &candidate)?)?;
        }
        let new = self.queries.missing(own.iter());
        if !new.is_empty() {
            let items = select(encoded, &self.rows, &new);
            self.queries.extend(&new, self.embedder.queries(&items, &query)?)?;
        }
        Ok(shared)
    }

    /// The items, in the order in which they were encoded, and where they are most of what was encoded together, all of that: to
    /// embed it takes less time than to copy the others' tokens. What has a vector keeps it, to the last bit.
    fn rounded(&self, encoded: &EncodedItems, items: &[u32]) -> Vec<u32> {
        let mut asked = vec![false; encoded.items().len()];
        items.iter().filter_map(|item| self.rows.get(item)).for_each(|row| asked[*row as usize] = true);
        let mut rounded = Vec::with_capacity(items.len());
        let mut first = 0;
        for chunk in encoded.chunks() {
            let asked = &asked[first..][..chunk.len()];
            let whole = 2 * asked.iter().filter(|asked| **asked).count() > chunk.len()
                && chunk.iter().all(|item| !self.candidates.rows.contains_key(item));
            rounded.extend(chunk.iter().zip(asked).filter(|(_, asked)| whole || **asked).map(|(item, _)| *item));
            first += chunk.len();
        }
        rounded
    }

    fn scores_under(&mut self, under: Under, view: &View, queries: &[u32], candidates: &[u32]) -> Result<Vec<f32>> {
        let shared = self.embed(under, queries, candidates)?;
        let mut scores = vec![f32::NAN; queries.len() * candidates.len()];
        if let Some((from, to)) = self.sides(shared, view) {
            let (from, to) = (from.matrix(queries), to.matrix(candidates));
            row_products(&from.values, &to.values, from.width, &mut scores);
            for (row, present) in scores.chunks_mut(candidates.len().max(1)).zip(&from.present) {
                if !present {
                    row.fill(f32::NAN);
                }
            }
            let missing: Vec<usize> = (0..candidates.len()).filter(|at| !to.present[*at]).collect();
            for row in scores.chunks_mut(candidates.len().max(1)) {
                missing.iter().for_each(|at| row[*at] = f32::NAN);
            }
        }
        Ok(scores)
    }

    fn sides(&self, shared: bool, view: &View) -> Option<(Rows<'_>, Rows<'_>)> {
        let queries = if shared { &self.candidates } else { &self.queries };
        Some((queries.side(&view.query)?, self.candidates.side(&view.candidate)?))
    }
}

/// The encoded `items`, in their order.
fn select(encoded: &EncodedItems, rows: &HashMap<u32, u32>, items: &[u32]) -> EncodedItems {
    if encoded.items() == items {
        return encoded.clone();
    }
    let rows: Vec<u32> = items.iter().filter_map(|item| rows.get(item).copied()).collect();
    encoded.select(&rows)
}

impl Scorer for ModelScorer {
    fn name(&self) -> &str {
        &self.name
    }

    fn views(&self) -> Vec<View> {
        self.views.clone()
    }

    fn prepare(&mut self, items: &[u32]) -> Result<()> {
        if items.iter().all(|item| self.rows.contains_key(item)) {
            return Ok(());
        }
        // Tokens are kept padded to the longest text of a chunk: among items that are asked for together, one ascending row of
        // them after the other, those with texts of like length are neighbours.
        let mut items = items.to_vec();
        for together in items.chunk_by_mut(|a, b| a < b) {
            together.sort_by_key(|item| self.reader.text_tokens(*item));
        }
        self.encoded = Some(self.embedder.encode(&self.reader, &items, &|_| {})?);
        self.rows = items.into_iter().zip(0..).collect();
        (self.queries, self.candidates, self.under) = (Vectors::default(), Vectors::default(), None);
        Ok(())
    }

    fn expect(&mut self, relation: RelationRef, candidates: &[u32]) -> Result<()> {
        self.embed(self.words(relation)?, &[], candidates).map(drop)
    }

    fn scores(&mut self, relation: RelationRef, view: &View, queries: &[u32], candidates: &[u32]) -> Result<Vec<f32>> {
        self.scores_under(self.words(relation)?, view, queries, candidates)
    }

    fn text_scores(
        &mut self,
        words: &str,
        view: &View,
        queries: &[u32],
        candidates: &[u32],
    ) -> Result<Option<Vec<f32>>> {
        let (query, candidate) = self.embedder.config().roles.of_words();
        let of = |role: Role| RelationQuery::Relation(words.to_string(), role);
        self.scores_under((of(query), of(candidate)), view, queries, candidates).map(Some)
    }

    fn pair_scores(&mut self, relation: RelationRef, view: &View, pairs: &[(u32, u32)]) -> Result<Vec<f32>> {
        let (queries, candidates): (Vec<u32>, Vec<u32>) = pairs.iter().copied().unzip();
        let shared = self.embed(self.words(relation)?, &queries, &candidates)?;
        let Some((from, to)) = self.sides(shared, view) else { return Ok(vec![f32::NAN; pairs.len()]) };
        let score = |&(query, candidate): &(u32, u32)| match (from.vector(query), to.vector(candidate)) {
            (Some(query), Some(candidate)) => dot(query, candidate),
            _ => f32::NAN,
        };
        Ok(pairs.par_iter().map(score).collect())
    }

    fn item_vectors(&mut self, condition: Conditioning, side: &Side, items: &[u32]) -> Result<Option<ItemVectors>> {
        match condition {
            Conditioning::Query(relation) => {
                let shared = self.embed(self.words(relation)?, items, &[])?;
                Ok(if shared { &self.candidates } else { &self.queries }.of(side, items))
            }
            Conditioning::Candidate(relation) => {
                self.embed(self.words(relation)?, &[], items)?;
                Ok(self.candidates.of(side, items))
            }
            Conditioning::None => {
                self.encode(items.iter())?;
                let known: BTreeSet<u32> = items.iter().copied().collect();
                let known: Vec<u32> = known.into_iter().collect();
                let Some(encoded) = &self.encoded else { return Ok(None) };
                let mut free = Vectors::default();
                free.extend(&known, self.embedder.unconditioned(&select(encoded, &self.rows, &known))?)?;
                Ok(free.of(side, items))
            }
        }
    }

    fn relation_vector(&mut self, relation: RelationRef) -> Result<Option<Vec<f32>>> {
        let (query, _) = self.words(relation)?;
        Ok(Some(values(self.embedder.relation_embedding(&query)?.embeddings)?))
    }

    fn text_vectors(&mut self, texts: &[String]) -> Result<Option<ItemVectors>> {
        let has_text = self.embedder.config().modalities.iter().any(|modality| modality.name == "text");
        if !has_text || texts.is_empty() {
            return Ok(None);
        }
        let numbers: Vec<u32> = (0..texts.len() as u32).collect();
        let mut read = Vectors::default();
        read.extend(&numbers, self.embedder.unconditioned(&self.embedder.encode_texts(texts)?)?)?;
        Ok(read.of(&Side::modality("text"), &numbers))
    }
}

fn values(vectors: Tensor<2>) -> Result<Vec<f32>> {
    vectors.try_into_vec_as::<f32>().map_err(|error| Error::scorer("model", format!("{error:?}")))
}

impl Vectors {
    /// The vectors of some items on one side of a view; `None` where the model does not know the side.
    fn of(&self, side: &Side, items: &[u32]) -> Option<ItemVectors> {
        let rows = self.side(side)?;
        let width = rows.column.width;
        let mut values = vec![0.0; items.len() * width];
        let mut present = vec![false; items.len()];
        for ((item, out), has) in items.iter().zip(values.chunks_mut(width.max(1))).zip(&mut present) {
            if let Some(vector) = rows.vector(*item) {
                out.copy_from_slice(vector);
                *has = true;
            }
        }
        Some(ItemVectors::new(items, width, values, present))
    }

    /// Items without a vector yet, ascending and once each.
    fn missing<'a>(&self, items: impl Iterator<Item = &'a u32>) -> Vec<u32> {
        let new: BTreeSet<u32> = items.copied().filter(|item| !self.rows.contains_key(item)).collect();
        new.into_iter().collect()
    }

    fn extend(&mut self, items: &[u32], embeddings: Embeddings) -> Result<()> {
        let before = self.rows.len();
        self.rows.extend(items.iter().copied().zip(before..));
        let [_, width] = embeddings.fused.dims();
        let mut plain = vec![0.0; items.len() * width];
        for (name, vectors, present) in embeddings.modalities {
            let vectors = values(vectors)?;
            // A missing modality is a row of zeros.
            plain.iter_mut().zip(&vectors).for_each(|(sum, value)| *sum += value);
            self.push(Side::Modality(name), vectors, width, present);
        }
        plain.chunks_mut(width.max(1)).for_each(|row| {
            let length = dot(row, row).sqrt().max(f32::MIN_POSITIVE);
            row.iter_mut().for_each(|value| *value /= length);
        });
        self.push(Side::Plain, plain, width, embeddings.present.clone());
        self.push(Side::Mean, values(embeddings.fused)?, width, embeddings.present);
        Ok(())
    }

    fn push(&mut self, side: Side, values: Vec<f32>, width: usize, present: Vec<bool>) {
        match self.columns.iter_mut().find(|column| column.side == side) {
            Some(column) => {
                column.values.extend(values);
                column.present.extend(present);
            }
            None => self.columns.push(Column { side, values, present, width }),
        }
    }

    fn side(&self, side: &Side) -> Option<Rows<'_>> {
        Some(Rows { rows: &self.rows, column: self.columns.iter().find(|column| column.side == *side)? })
    }
}

/// One side of a view.
#[derive(Clone, Copy)]
struct Rows<'a> {
    rows: &'a HashMap<u32, usize>,
    column: &'a Column,
}

/// The vectors of some items, one below the other; zeros where an item has none.
struct Matrix<'a> {
    values: Cow<'a, [f32]>,
    present: Vec<bool>,
    width: usize,
}

impl<'a> Rows<'a> {
    fn matrix(&self, items: &[u32]) -> Matrix<'a> {
        let (width, all) = (self.column.width, &self.column.values);
        let present = items.iter().map(|item| self.vector(*item).is_some()).collect();
        // The usual case: candidates in the order in which they were embedded.
        let first = items.first().and_then(|item| self.rows.get(item)).copied().unwrap_or(0);
        let in_order = items.iter().zip(first..).all(|(item, row)| self.rows.get(item) == Some(&row));
        let values = if in_order {
            Cow::Borrowed(&all[first * width..][..items.len() * width])
        } else {
            let mut values = vec![0.0; items.len() * width];
            for (item, row) in items.iter().zip(values.chunks_mut(width.max(1))) {
                self.vector(*item).into_iter().for_each(|vector| row.copy_from_slice(vector));
            }
            Cow::Owned(values)
        };
        Matrix { values, present, width }
    }

    /// The item's vector, where the item has the modality.
    fn vector(&self, item: u32) -> Option<&'a [f32]> {
        let row = *self.rows.get(&item)?;
        let column = self.column;
        column.present.get(row).copied().unwrap_or(false).then(|| &column.values[row * column.width..][..column.width])
    }
}

#[cfg(test)]
mod tests;
