//! A stream of edges -> a `.rgraph` file, in bounded memory.

use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::Xxh3;

use super::encode::{Encoded, Encoder, RelationEntry, Sink};
use super::file::{GraphFile, folder};
use super::layout::Header;
use super::record::{MOST_RELATIONS, Record};
use super::sort::ExternalSort;
use crate::{Dataset, Edge, Error, Item, Relation, Result};

/// Builds a `.rgraph` file from edges in any order.
///
/// Edges are sorted in `memory` bytes and in a temporary file beside the graph, so memory does not grow with them:
/// beyond `memory`, it takes 8 bytes for every item. The same edges give the same bytes, whatever their order, the
/// memory and the number of threads. Where an edge is there twice, the larger weight is kept.
///
/// ```
/// use rcml_data::{Edge, GraphBuilder, RelationGraph};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("small.rgraph");
/// let mut builder = GraphBuilder::new(&path, 3, &[true], GraphBuilder::MEMORY)?;
/// builder.push(Edge::new(0, 0, 1))?;
/// builder.push(Edge::new(0, 1, 2))?;
/// assert_eq!(builder.finish()?.pairs, 4);
/// assert_eq!(RelationGraph::open(&path)?.targets(0, 1), &[0, 2]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct GraphBuilder {
    path: PathBuf,
    items: usize,
    symmetric: Vec<bool>,
    memory: usize,
    names: u64,
    weighted: bool,
    edges: u64,
    sort: ExternalSort<u128>,
}

/// What was built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GraphCounts {
    /// Edges taken in.
    pub edges: u64,
    /// (source, target) pairs, after closing symmetric relations and without duplicates.
    pub pairs: u64,
    /// Sorted runs that did not fit into memory.
    pub runs: usize,
    /// Size of the file in bytes.
    pub bytes: u64,
}

impl GraphBuilder {
    /// Bytes for sorting that serve well from a laptop on: 1 GiB.
    pub const MEMORY: usize = 1 << 30;

    /// Starts a graph over `items` items and one relation for each entry of `symmetric`, to be written to `path`.
    ///
    /// # Errors
    /// More than 2^32 items or 2^31 - 1 relations.
    pub fn new(path: impl AsRef<Path>, items: usize, symmetric: &[bool], memory: usize) -> Result<Self> {
        if items as u64 > 1 << 32 || symmetric.len() > MOST_RELATIONS {
            let n = symmetric.len();
            return Err(Error::input(format!(
                "a graph of {items} items and {n} relations: expected at most 2^32, 2^31 - 1"
            )));
        }
        let path = path.as_ref().to_path_buf();
        let sort = ExternalSort::new(folder(&path), memory);
        Ok(Self { path, items, symmetric: symmetric.to_vec(), memory, names: 0, weighted: false, edges: 0, sort })
    }

    /// Notes whose graph it is, so that [`RelationGraph::check_belongs`](crate::RelationGraph::check_belongs) can tell.
    pub fn of_names(mut self, items: &[Item], relations: &[Relation]) -> Self {
        self.names = names(items, relations);
        self
    }

    /// Takes an edge. Its split is not kept.
    ///
    /// # Errors
    /// An item or a relation that does not exist, an edge from an item to itself, a weight that is negative or not
    /// finite; and the file system's.
    pub fn push(&mut self, edge: Edge) -> Result<()> {
        let Edge { relation, source, target, weight, .. } = edge;
        let wrong = |found: &str| Err(Error::input(format!("edge {} {found}: {edge:?}", self.edges)));
        if source as usize >= self.items || target as usize >= self.items {
            return wrong("names an item that does not exist");
        }
        if source == target {
            return wrong("leads from an item to itself");
        }
        if !(weight.is_finite() && weight >= 0.0) {
            return wrong("has a weight that is negative or not finite");
        }
        let Some(&symmetric) = self.symmetric.get(relation as usize) else {
            return wrong("names a relation that does not exist");
        };
        self.weighted |= weight != 1.0;
        self.edges += 1;
        let records = Record::of_edge(relation, symmetric, source, target, weight);
        records.into_iter().try_for_each(|record| self.sort.push(record.pack()))
    }

    /// Writes the file.
    ///
    /// # Errors
    /// The file system's.
    pub fn finish(self) -> Result<GraphCounts> {
        let file = GraphFile::create(&self.path)?;
        let runs = self.sort.runs();
        // Half of the memory reads the runs back; anchors take the other half, in a sort of their own.
        let anchors = ExternalSort::new(folder(&self.path), self.memory / 2);
        let mut encoder = Encoder::new(self.items, &self.symmetric, self.weighted, FileSink { file, anchors });
        self.sort.merge(|packed| encoder.push(Record::unpack(packed)))?;
        let Encoded { sink: FileSink { mut file, anchors }, relations, offsets } = encoder.finish(self.items)?;
        file.end_section()?;
        file.put(&offsets)?;
        file.end_section()?;
        drop(offsets);
        anchors.merge(|anchor| file.put(&[anchor as u32]))?;
        let (items, weighted, names) = (self.items as u64, self.weighted, self.names);
        let header = Header { items, relations: relations.len() as u64, weighted, names, ..Header::default() };
        let bytes = finish(file, &relations, header)?;
        Ok(GraphCounts { edges: self.edges, pairs: relations.iter().map(|r| r.pairs).sum(), runs, bytes })
    }
}

/// Ends the section of anchors, and with the relations the file.
pub(super) fn finish(mut file: GraphFile, relations: &[RelationEntry], header: Header) -> Result<u64> {
    file.end_section()?;
    relations.iter().try_for_each(|entry| file.put(&entry.to_numbers()))?;
    file.end_section()?;
    file.finish(header)
}

struct FileSink {
    file: GraphFile,
    /// Relation and item, packed; they come in the order of items and are needed in that of relations.
    anchors: ExternalSort<u64>,
}

impl Sink for FileSink {
    fn block(&mut self, words: &[u32]) -> Result<()> {
        self.file.put(words)
    }

    fn anchor(&mut self, relation: u32, item: u32) -> Result<()> {
        self.anchors.push(u64::from(relation) << 32 | u64::from(item))
    }
}

/// A number that two datasets share only if their items and relations have the same ids in the same order. Never 0.
fn names(items: &[Item], relations: &[Relation]) -> u64 {
    let mut hash = Xxh3::new();
    hash.update(&(items.len() as u64).to_le_bytes());
    for id in items.iter().map(|item| &item.id).chain(relations.iter().map(|relation| &relation.id)) {
        hash.update(&(id.len() as u64).to_le_bytes());
        hash.update(id.as_bytes());
    }
    hash.digest().max(1)
}

/// The number of a dataset's names.
pub(super) fn names_of(dataset: &Dataset) -> u64 {
    names(&dataset.items, &dataset.relations)
}
