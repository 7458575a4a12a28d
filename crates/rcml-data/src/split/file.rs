//! Splits in a file, to be given to others or to another program.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::edges::statement;
use super::{Split, Splits};
use crate::{Dataset, Edge, Error, Problem, Result, write_whole};

/// Raised whenever an old reader would misread a new file.
const VERSION: u32 = 1;

/// A line of the file.
#[derive(Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Line {
    Header {
        splits: u32,
        dataset: String,
        items: usize,
        relations: usize,
        edges: usize,
    },
    Item {
        item: String,
        split: Split,
    },
    Relation {
        relation: String,
        split: Split,
    },
    /// Relation, source, target. An edge that no split uses has no line.
    Edge {
        edge: [String; 3],
        split: Split,
    },
}

impl Splits {
    /// Writes a `.jsonl` file (`.jsonl.zst` where the name ends so): a header, then a line for every item, every relation and
    /// every edge that a split uses. Things are named by id, so the file outlives another order of the tables.
    ///
    /// # Errors
    /// The file system's; a name that ends in neither.
    pub fn write(&self, dataset: &Dataset, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let compressed = compressed(path)?;
        let written = write_whole(path, |part| {
            let file = BufWriter::new(File::create(part)?);
            if compressed {
                let mut file = zstd::stream::write::Encoder::new(file, 0)?;
                self.write_lines(dataset, &mut file)?;
                file.finish()?.flush()?;
            } else {
                let mut file = file;
                self.write_lines(dataset, &mut file)?;
                file.flush()?;
            }
            Ok(())
        });
        written.map_err(|e: io::Error| Error::io(path, e))
    }

    fn write_lines(&self, dataset: &Dataset, file: &mut dyn Write) -> io::Result<()> {
        let (items, relations) = (dataset.items.len(), dataset.relations.len());
        let used = self.edges.len() - self.unused_edges();
        let header = Line::Header { splits: VERSION, dataset: dataset.name(), items, relations, edges: used };
        let item = |i: u32| dataset.items.get(i as usize).map(|item| item.id.clone()).unwrap_or_default();
        let relation = |r: u32| dataset.relations.get(r as usize).map(|r| r.id.clone()).unwrap_or_default();
        let of_items = (0..).zip(&self.items).map(|(i, &split)| Line::Item { item: item(i), split });
        let of_relations =
            (0..).zip(&self.relations).map(|(r, &split)| Line::Relation { relation: relation(r), split });
        let of_edges = dataset.edges.iter().zip(&self.edges).filter_map(|(edge, split)| {
            let edge = [relation(edge.relation), item(edge.source), item(edge.target)];
            Some(Line::Edge { edge, split: (*split)? })
        });
        for line in std::iter::once(header).chain(of_items).chain(of_relations).chain(of_edges) {
            serde_json::to_writer(&mut *file, &line)?;
            file.write_all(b"\n")?;
        }
        Ok(())
    }

    /// Reads a file that [`write`](Self::write) wrote, for this dataset.
    ///
    /// # Errors
    /// ALL lines that are not of the form or name something that the dataset lacks; items or relations without a split; a
    /// training edge with a held-out end or of an unseen relation; a file that was cut short.
    pub fn read(dataset: &Dataset, path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let file = File::open(path).map_err(|e| Error::io(path, e))?;
        let file: Box<dyn BufRead> = if compressed(path)? {
            Box::new(BufReader::new(zstd::stream::read::Decoder::new(file).map_err(|e| Error::io(path, e))?))
        } else {
            Box::new(BufReader::new(file))
        };
        let mut reader = Reader::new(dataset);
        for (line, text) in (1..).zip(file.split(b'\n')) {
            // A damaged archive is bad input, not a failure of the machine.
            let read = text.map_err(|e| format!("cannot be read from here on: {e}"));
            let end = read.is_err();
            let taken = read.and_then(|text| if text.trim_ascii().is_empty() { Ok(()) } else { reader.take(&text) });
            if let Err(message) = taken {
                reader.problems.push(Problem::at(path, line, message));
            }
            if end {
                break;
            }
        }
        reader.finish(path)
    }
}

fn compressed(path: &Path) -> Result<bool> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    match (name.ends_with(".jsonl"), name.ends_with(".jsonl.zst")) {
        (false, false) => {
            let message = "expected a file of splits, whose name ends in .jsonl or .jsonl.zst";
            Err(Error::input(format!("{}: {message}", path.display())))
        }
        (_, compressed) => Ok(compressed),
    }
}

/// What a file has said so far.
struct Reader<'a> {
    dataset: &'a Dataset,
    items: HashMap<&'a str, u32>,
    relations: HashMap<&'a str, u32>,
    /// Edges that the header promised.
    promised: Option<usize>,
    edges: usize,
    of_items: Vec<Option<Split>>,
    of_relations: Vec<Option<Split>>,
    /// `None` for a statement of the dataset that no line has named yet.
    of_statements: HashMap<(u32, u32, u32), Option<Split>>,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    fn new(dataset: &'a Dataset) -> Self {
        Self {
            dataset,
            items: dataset.item_index(),
            relations: dataset.relation_index(),
            promised: None,
            edges: 0,
            of_items: vec![None; dataset.items.len()],
            of_relations: vec![None; dataset.relations.len()],
            of_statements: dataset.edges.iter().map(|edge| (statement(dataset, edge), None)).collect(),
            problems: Vec::new(),
        }
    }

    fn take(&mut self, text: &[u8]) -> Result<(), String> {
        let line = serde_json::from_slice(text).map_err(|_| {
            "expected the header, or {\"item\": id, \"split\": ...}, {\"relation\": id, \"split\": ...} or \
             {\"edge\": [relation, source, target], \"split\": ...} with train, validation or test"
                .to_string()
        })?;
        let item = |id: &str| self.items.get(id).copied().ok_or_else(|| format!("no item has the id {id:?}"));
        let relation =
            |id: &str| self.relations.get(id).copied().ok_or_else(|| format!("no relation has the id {id:?}"));
        let twice = |what: &str| format!("{what} has a split already, another one");
        match line {
            Line::Header { splits: VERSION, edges, .. } => self.promised = Some(edges),
            Line::Header { splits, .. } => {
                return Err(format!("is of version {splits}, this program reads version {VERSION}"));
            }
            Line::Item { item: id, split } => {
                let place = &mut self.of_items[item(&id)? as usize];
                if place.replace(split).is_some_and(|before| before != split) {
                    return Err(twice(&format!("item {id:?}")));
                }
            }
            Line::Relation { relation: id, split } => {
                let place = &mut self.of_relations[relation(&id)? as usize];
                if place.replace(split).is_some_and(|before| before != split) {
                    return Err(twice(&format!("relation {id:?}")));
                }
            }
            Line::Edge { edge: [r, source, target], split } => {
                self.edges += 1;
                let key = statement(self.dataset, &Edge::new(relation(&r)?, item(&source)?, item(&target)?));
                let Some(place) = self.of_statements.get_mut(&key) else {
                    return Err(format!("the dataset has no edge {source:?} -{r}- {target:?}"));
                };
                if place.replace(split).is_some_and(|before| before != split) {
                    return Err(twice("the edge"));
                }
            }
        }
        Ok(())
    }

    fn finish(mut self, path: &Path) -> Result<Splits> {
        let dataset = self.dataset;
        let mut say = |message: String| self.problems.push(Problem::of(path, message));
        match self.promised {
            None => say("has no header: expected {\"splits\": 1, ...} in its first line".into()),
            Some(promised) if promised != self.edges => {
                say(format!("is cut short or was added to: {} edges, its header says {promised}", self.edges));
            }
            _ => {}
        }
        let missing = |of: &[Option<Split>]| {
            let first = of.iter().position(Option::is_none)?;
            Some((first, of.iter().filter(|split| split.is_none()).count()))
        };
        if let Some((first, count)) = missing(&self.of_items) {
            say(format!("gives {count} items no split, the first is {:?}", dataset.items[first].id));
        }
        if let Some((first, count)) = missing(&self.of_relations) {
            say(format!("gives {count} relations no split, the first is {:?}", dataset.relations[first].id));
        }
        if !self.problems.is_empty() {
            return Err(Error::problems(self.problems));
        }
        let edges =
            dataset.edges.iter().map(|edge| self.of_statements.get(&statement(dataset, edge)).copied().flatten());
        let splits = Splits {
            edges: edges.collect(),
            items: self.of_items.into_iter().flatten().collect(),
            relations: self.of_relations.into_iter().flatten().collect(),
        };
        for (edge, split) in dataset.edges.iter().zip(&splits.edges) {
            let train = |split: Option<&Split>| split == Some(&Split::Train);
            let of_item = |item: u32| train(splits.items.get(item as usize));
            let clean = of_item(edge.source) && of_item(edge.target);
            if *split == Some(Split::Train) && !(clean && train(splits.relations.get(edge.relation as usize))) {
                let id = |item: u32| dataset.items.get(item as usize).map_or("?", |item| item.id.as_str());
                let (source, target) = (id(edge.source), id(edge.target));
                let message = format!(
                    "trains on the edge from {source:?} to {target:?}, of which an end or the relation is held out"
                );
                return Err(Error::problems(vec![Problem::of(path, message)]));
            }
        }
        Ok(splits)
    }
}
