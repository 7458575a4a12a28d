//! Graphs in files.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use memmap2::Mmap;

use super::build::{finish, names_of};
use super::file::GraphFile;
use super::layout::Header;
use super::{Column, RelationEntry, RelationGraph};
use crate::{Dataset, Error, Problem, Result};

impl RelationGraph {
    /// Opens a `.rgraph` file. It is mapped into memory, not read: this takes no longer for a hundred million edges than
    /// for one, and parts that are never asked for are never loaded.
    ///
    /// The header and the relations are checked here, the rest by [`verify`](Self::verify); without it, damage makes
    /// answers wrong, but nothing worse. The file must not be changed or cut while the graph is in use: replace it by
    /// renaming another over it, as [`GraphBuilder`](crate::GraphBuilder) does.
    ///
    /// # Errors
    /// The file system's; a file that is no `.rgraph` file, of another version, cut short, or has a damaged header.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let map = map(path)?;
        Self::from_map(&map).map(|(graph, _)| graph).map_err(|message| wrong(path, message))
    }

    pub(super) fn from_map(map: &Arc<Mmap>) -> Result<(Self, Header), String> {
        let header = Header::read(map)?;
        let misplaced = || "has a section that is not aligned".to_string();
        let mut graph = Self {
            items: header.items as usize,
            weighted: header.weighted,
            names: header.names,
            blocks: Column::mapped(map, header.bytes(0)).ok_or_else(misplaced)?,
            offsets: Column::mapped(map, header.bytes(1)).ok_or_else(misplaced)?,
            anchors: Column::mapped(map, header.bytes(2)).ok_or_else(misplaced)?,
            relations: Vec::new(),
        };
        let relations: Column<[u64; 4]> = Column::mapped(map, header.bytes(3)).ok_or_else(misplaced)?;
        let mut first = 0;
        for &numbers in relations.iter() {
            let entry = RelationEntry::from_numbers(numbers).filter(|entry| entry.first_anchor == first);
            let Some(entry) = entry else {
                return Err(format!("is damaged: the entry of relation {} makes no sense", graph.relations.len()));
            };
            first = first.saturating_add(entry.anchors);
            graph.relations.push(entry);
        }
        if first != graph.anchors.len() as u64 {
            return Err("is damaged: its relations do not have as many anchors as the file".into());
        }
        Ok((graph, header))
    }

    /// Writes the graph as a `.rgraph` file, under a temporary name first. Returns its size in bytes.
    ///
    /// # Errors
    /// The file system's.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<u64> {
        let mut file = GraphFile::create(path.as_ref())?;
        file.put(&self.blocks)?;
        file.end_section()?;
        // A graph that was never built has no offsets at all.
        file.put(if self.offsets.is_empty() { &[0] } else { &self.offsets })?;
        file.end_section()?;
        file.put(&self.anchors)?;
        let (items, relations) = (self.items as u64, self.relations.len() as u64);
        let (weighted, names) = (self.weighted, self.names);
        let header = Header { items, relations, weighted, names, ..Header::default() };
        finish(file, &self.relations, header)
    }

    /// Whether the graph is mapped from a file.
    pub fn is_mapped(&self) -> bool {
        matches!(self.blocks, Column::Mapped { .. })
    }

    /// Checks that the graph is of this dataset: as many items and relations, with the same ids in the same order where
    /// the graph knows them.
    ///
    /// # Errors
    /// Says what differs.
    pub fn check_belongs(&self, dataset: &Dataset) -> Result<()> {
        let found = (self.items(), self.relations());
        let expected = (dataset.items.len(), dataset.relations.len());
        let name = dataset.name();
        if found != expected {
            let (items, relations) = found;
            return Err(Error::input(format!(
                "the graph has {items} items and {relations} relations, but {name} has {} and {}: build it again",
                expected.0, expected.1
            )));
        }
        if self.names != 0 && self.names != names_of(dataset) {
            return Err(Error::input(format!(
                "the graph was built for other ids, or the same in another order, than {name} has: build it again"
            )));
        }
        let differs = dataset.relations.iter().zip(0..).find(|(relation, r)| relation.symmetric != self.symmetric(*r));
        match differs {
            Some((relation, _)) => Err(Error::input(format!(
                "the graph and {name} do not agree on whether relation {:?} is symmetric: build it again",
                relation.id
            ))),
            None => Ok(()),
        }
    }
}

pub(super) fn map(path: &Path) -> Result<Arc<Mmap>> {
    if cfg!(target_endian = "big") {
        return Err(Error::input("a .rgraph file is little-endian: it cannot be mapped on this machine"));
    }
    let file = File::open(path).map_err(|e| Error::io(path, e))?;
    let metadata = file.metadata().map_err(|e| Error::io(path, e))?;
    if !metadata.is_file() {
        return Err(wrong(path, "is no file: expected a .rgraph file".into()));
    }
    if metadata.len() == 0 {
        return Err(wrong(path, "is no .rgraph file: it is empty".into()));
    }
    // SAFETY: a map is sound as long as nobody changes or cuts the file meanwhile, which no program can rule out; the
    // documentation of `open` asks for it. Our own writer only ever renames whole files into place, which leaves the
    // mapped one as it was. The bytes are only read as integers and floats, of which every pattern is valid, and every
    // access is checked against the length of the map, so the contents cannot break anything, whatever they are.
    #[allow(unsafe_code, reason = "a memory map is only as constant as the file under it")]
    let map = unsafe { Mmap::map(&file) }.map_err(|e| Error::io(path, e))?;
    Ok(Arc::new(map))
}

pub(super) fn wrong(path: &Path, message: String) -> Error {
    Error::problems(vec![Problem::of(path, message)])
}
