//! Encoded items in a folder.

mod part;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use rcml_data::{Dataset, Fingerprints, Item, Relation, write_whole};
use rcml_encoders::pretrained::Precision;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use crate::encoded_items::EncodedItems;
use crate::{Candidates, Embedder, Error, ItemReader, Nearest, ReadRelation, RelationQuery, Result};
use part::{Entry, Head};

/// Items of a part where nobody says otherwise.
const PART: usize = 2048;

/// Name of the file that lists the parts.
const FILE: &str = "index.json";

/// Encoded items of a dataset in a folder: their states for relations to look at, ids and texts, and the dataset's relations. It is all
/// that asking under any relation needs, the model aside: neither the pictures nor the dataset. Parts are read one after another, so
/// that memory does not grow with the number of items.
#[derive(Debug)]
pub struct ItemIndex {
    folder: PathBuf,
    parts: Vec<(PathBuf, Head)>,
    /// The row after which each part ends.
    ends: Vec<usize>,
    dataset: Dataset,
}

/// `index.json`.
#[derive(Debug, Serialize, Deserialize)]
struct Contents {
    /// Of the model and the precision.
    model: String,
    parts: Vec<String>,
    relations: Vec<Phrased>,
}

/// What is kept of a relation.
#[derive(Debug, Serialize, Deserialize)]
struct Phrased {
    id: String,
    descriptions: Vec<String>,
    symmetric: bool,
}

impl ItemIndex {
    /// Opens a folder. Reads what the items are called; their states are read when they are needed.
    ///
    /// # Errors
    /// A folder that is no index, or one of another model; a part that is missing or damaged.
    pub fn open(folder: impl AsRef<Path>, embedder: &Embedder) -> Result<Self> {
        let folder = folder.as_ref();
        let path = folder.join(FILE);
        let text = std::fs::read_to_string(&path)
            .map_err(|error| Error::file(&path, format!("{error}; expected an index, which `rcml index` makes")))?;
        let contents: Contents = serde_json::from_str(&text).map_err(|error| Error::file(&path, error))?;
        if ![Precision::F16, Precision::F32]
            .iter()
            .any(|p| model_print(embedder, *p).is_ok_and(|m| m == contents.model))
        {
            // A model without a folder has an error of its own.
            embedder.print()?;
            return Err(Error::file(
                &path,
                "made by another model, or before this run was trained again; `rcml index` renews it",
            ));
        }
        let mut parts = Vec::with_capacity(contents.parts.len());
        for name in &contents.parts {
            let path = folder.join(name);
            let head = part::head(&path).filter(|head| head.model == contents.model);
            let head = head.ok_or_else(|| {
                Error::file(&path, "expected a part of the index, found none or a damaged file; `rcml index` renews it")
            })?;
            parts.push((path, head));
        }
        let ends = parts.iter().scan(0, |end, (_, head)| {
            *end += head.items.len();
            Some(*end)
        });
        let item = |entry: &Entry| Item { text: entry.text.clone(), ..Item::new(&entry.id) };
        let relation = |relation: Phrased| Relation {
            descriptions: relation.descriptions,
            ..Relation::new(relation.id, "").symmetric(relation.symmetric)
        };
        let dataset = Dataset {
            items: parts.iter().flat_map(|(_, head)| head.items.iter().map(item)).collect(),
            relations: contents.relations.into_iter().map(relation).collect(),
            root: folder.into(),
            ..Dataset::default()
        };
        Ok(Self { folder: folder.into(), ends: ends.collect(), parts, dataset })
    }

    /// The items, by id and text alone, in the order of the index, and the relations without edges.
    pub fn dataset(&self) -> &Dataset {
        &self.dataset
    }

    /// Bytes of all parts.
    pub fn bytes(&self) -> u64 {
        self.parts.iter().filter_map(|(path, _)| path.metadata().ok()).map(|file| file.len()).sum()
    }

    /// Number of parts.
    pub fn parts(&self) -> usize {
        self.parts.len()
    }

    /// The encoded items of a part; their numbers are those of [`Self::dataset`].
    ///
    /// # Errors
    /// A file that cannot be read or is damaged.
    pub fn part(&self, number: usize, embedder: &Embedder) -> Result<EncodedItems> {
        let Some((path, head)) = self.parts.get(number) else {
            return Err(Error::file(
                &self.folder,
                format!("expected a part below {}, found {number}", self.parts.len()),
            ));
        };
        let first = number.checked_sub(1).map_or(0, |before| self.ends[before]) as u32;
        let texts = embedder.config().relation_in_text.behind_queries();
        part::read(path, head, first, texts, embedder.device())
    }

    /// Some items, in that order.
    ///
    /// # Errors
    /// See [`Self::part`]; an item that is not there.
    pub fn items(&self, items: &[u32], embedder: &Embedder) -> Result<EncodedItems> {
        let mut found = EncodedItems::default();
        let part_of = |item: u32| self.ends.partition_point(|end| *end <= item as usize);
        for items in items.chunk_by(|a, b| part_of(*a) == part_of(*b)) {
            let part = self.part(part_of(items[0]), embedder)?;
            let first = part.items[0];
            let rows: Vec<u32> = items.iter().map(|item| item - first).collect();
            let other = |_| Error::file(&self.folder, "its items have different modalities: ask about one at a time");
            found.append(part.select(&rows)).map_err(other)?;
        }
        Ok(found)
    }

    /// The items as candidates under relations, part by part in the order of the index, as many parts at a time as there are threads.
    ///
    /// # Errors
    /// The sink's; see [`Self::part`]; the device's.
    pub fn candidates<E: From<Error>>(
        &self,
        embedder: &Embedder,
        relations: &[ReadRelation],
        mut sink: impl FnMut(Candidates) -> Result<(), E>,
    ) -> Result<(), E> {
        let numbers: Vec<usize> = (0..self.parts.len()).collect();
        for numbers in numbers.chunks(rayon::current_num_threads()) {
            let of_part = |number: &usize| Candidates::new(embedder, &self.part(*number, embedder)?, relations);
            for candidates in numbers.par_iter().map(of_part).collect::<Vec<Result<Candidates>>>() {
                sink(candidates?)?;
            }
        }
        Ok(())
    }

    /// The k items that relate best to each query (unit vectors that [`Embedder::queries`] made) under a relation: (score, item), best first.
    /// Items of which the model reads nothing are no answers; the query's own item is one.
    ///
    /// # Shapes
    /// - queries: `[Q, W]`, row-major; W is [`Embedder::width`]
    ///
    /// # Errors
    /// See [`Self::candidates`]; the tokenizer's.
    pub fn nearest(
        &self,
        embedder: &Embedder,
        queries: &[f32],
        relation: &RelationQuery,
        k: usize,
    ) -> Result<Vec<Vec<(f32, u32)>>> {
        let (width, relation) = (embedder.width().max(1), embedder.read_relation(relation)?);
        let mut nearest = Nearest::new(queries.len() / width, k);
        self.candidates(embedder, &[relation], |candidates| {
            candidates.score(0, queries, width, |query, scores| {
                nearest.add(query, candidates.first, scores, candidates.present.len());
                Ok::<(), Error>(())
            })
        })?;
        Ok(nearest.finish())
    }
}

/// An index while it is being made: of an older one in the same folder, what is still the same is kept, and so is what an interrupted
/// call has written.
#[derive(Debug)]
pub struct IndexBuilder<'a> {
    folder: PathBuf,
    embedder: &'a Embedder,
    precision: Precision,
    part: usize,
    model: String,
    /// Names of the parts that the index of before lists.
    before: Vec<String>,
    old: Vec<Old>,
    new: Vec<u32>,
    entries: Vec<Entry>,
    relations: Vec<Phrased>,
}

/// A part of before, of which some items are still there.
#[derive(Debug)]
struct Old {
    path: PathBuf,
    head: Head,
    /// The rows that are kept.
    rows: Vec<u32>,
    /// The items that they are of.
    items: Vec<u32>,
}

impl<'a> IndexBuilder<'a> {
    /// Finds out which items have to be encoded. Reads the ends of all pictures, and feature arrays.
    ///
    /// # Errors
    /// A model that is of no folder; a folder that holds something else.
    pub fn new(
        folder: impl AsRef<Path>,
        embedder: &'a Embedder,
        dataset: &Dataset,
        precision: Precision,
    ) -> Result<Self> {
        let folder = folder.as_ref();
        let model = model_print(embedder, precision)?;
        let prints = Fingerprints::of(dataset);
        let entry = |(item, content): (&Item, &Option<u64>)| {
            // An item without words has signs by its id: who is renamed is another one.
            let mut print = Xxh3::new();
            print.update(item.id.as_bytes());
            print.update(&[0, u8::from(content.is_some())]);
            print.update(&content.unwrap_or_default().to_le_bytes());
            Entry { print: print.digest(), id: item.id.clone(), text: item.text.clone() }
        };
        let entries: Vec<Entry> = dataset.items.iter().zip(prints.contents()).map(entry).collect();
        let wanted: HashMap<u64, u32> = entries.iter().map(|entry| entry.print).zip(0..).collect();
        let files = match std::fs::read_dir(folder) {
            Ok(files) => files.flatten().map(|file| file.path()).collect(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(Error::file(folder, error)),
        };
        if !files.is_empty() && !files.iter().any(|file| is_own(file)) {
            return Err(Error::file(
                folder,
                "expected an index or a folder that is not there, found one that holds other files",
            ));
        }
        // Parts of the index itself come in its order, and those that an interrupted call has left behind them.
        let listed = std::fs::read_to_string(folder.join(FILE)).ok();
        let listed: Option<Contents> = listed.and_then(|text| serde_json::from_str(&text).ok());
        let before: Vec<String> = listed.into_iter().flat_map(|contents| contents.parts).collect();
        let listed: Vec<PathBuf> = before.iter().map(|name| folder.join(name)).collect();
        let mut others: Vec<PathBuf> =
            files.into_iter().filter(|file| is_part(file) && !listed.contains(file)).collect();
        others.sort();
        let (mut old, mut taken) = (Vec::new(), HashSet::new());
        for path in listed.into_iter().chain(others) {
            let Some(head) = part::head(&path).filter(|head| head.model == model) else { continue };
            let still = |(row, entry): (u32, &Entry)| {
                let item = *wanted.get(&entry.print)?;
                taken.insert(item).then_some((row, item))
            };
            let (rows, items): (Vec<u32>, Vec<u32>) = (0..).zip(&head.items).filter_map(still).unzip();
            if !rows.is_empty() {
                old.push(Old { path, head, rows, items });
            }
        }
        let new = (0..dataset.items.len() as u32).filter(|item| !taken.contains(item)).collect();
        let relation = |relation: &Relation| Phrased {
            id: relation.id.clone(),
            descriptions: relation.descriptions.clone(),
            symmetric: relation.symmetric,
        };
        let relations = dataset.relations.iter().map(relation).collect();
        Ok(Self { folder: folder.into(), embedder, precision, part: PART, model, before, old, new, entries, relations })
    }

    /// With another number of items in a part (2,048 at first), which bounds the memory of building and asking.
    pub fn with_part(self, items: usize) -> Self {
        Self { part: items.max(1), ..self }
    }

    /// The items that have to be encoded.
    pub fn new_items(&self) -> &[u32] {
        &self.new
    }

    /// Encodes them and writes what is missing. `reader` has at least [`Self::new_items`]; `progress` is called with the number done.
    ///
    /// # Errors
    /// A picture that has become unreadable; the file system's.
    pub fn finish(self, reader: &ItemReader, progress: &dyn Fn(usize)) -> Result<ItemIndex> {
        std::fs::create_dir_all(&self.folder).map_err(|error| Error::file(&self.folder, error))?;
        let (mut names, mut open) = (Vec::new(), EncodedItems::default());
        for Old { path, head, rows, items } in &self.old {
            // Small parts and those that have lost items are joined.
            if rows.len() == head.items.len() && rows.len() > self.part / 2 {
                names.push(file_name(path));
                continue;
            }
            let texts = self.embedder.config().relation_in_text.behind_queries();
            let all = part::read(path, head, 0, texts, self.embedder.device())?;
            let mut kept = all.select(rows);
            kept.items.clone_from(items);
            self.put(kept, &mut open, &mut names)?;
        }
        let mut new = self.new.as_slice();
        while !new.is_empty() {
            let room = self.part.saturating_sub(open.items.len()).clamp(1, new.len());
            let (items, rest) = new.split_at(room);
            let done = self.new.len() - new.len();
            let encoded = self.embedder.encode(reader, items, &|within| progress(done + within))?;
            self.put(encoded, &mut open, &mut names)?;
            new = rest;
        }
        self.write(&mut open, &mut names)?;
        let contents = Contents { model: self.model, parts: names, relations: self.relations };
        let path = self.folder.join(FILE);
        let text = serde_json::to_string_pretty(&contents).map_err(|error| Error::file(&path, error))?;
        write_whole(&path, |part| std::fs::write(part, text + "\n")).map_err(|error| Error::file(&path, error))?;
        let kept: HashSet<&String> = contents.parts.iter().chain(&self.before).collect();
        // Who has opened the index of before still asks its parts; those of the one before that are gone.
        let files = std::fs::read_dir(&self.folder).into_iter().flatten().flatten().map(|file| file.path());
        for file in files.filter(|file| is_part(file) && !kept.contains(&file_name(file))) {
            std::fs::remove_file(&file).map_err(|error| Error::file(&file, error))?;
        }
        ItemIndex::open(&self.folder, self.embedder)
    }

    /// Adds items to the part that is being filled, and writes it where that is full.
    fn put(&self, items: EncodedItems, open: &mut EncodedItems, names: &mut Vec<String>) -> Result<()> {
        if let Err(other) = open.append(items) {
            self.write(open, names)?;
            *open = other;
        }
        if open.items.len() >= self.part { self.write(open, names) } else { Ok(()) }
    }

    fn write(&self, open: &mut EncodedItems, names: &mut Vec<String>) -> Result<()> {
        let encoded = std::mem::take(open);
        if encoded.items.is_empty() {
            return Ok(());
        }
        let items: Vec<Entry> = encoded.items.iter().map(|item| self.entries[*item as usize].clone()).collect();
        let mut print = Xxh3::new();
        print.update(self.model.as_bytes());
        items.iter().for_each(|entry| print.update(&entry.print.to_le_bytes()));
        let name = format!("{:016x}.{PART_EXTENSION}", print.digest());
        let path = self.folder.join(&name);
        part::write(&path, &encoded, items, &self.model, self.precision)?;
        names.push(name);
        Ok(())
    }
}

const PART_EXTENSION: &str = "safetensors";

/// A print of the model and of how its states are kept.
fn model_print(embedder: &Embedder, precision: Precision) -> Result<String> {
    let kept = match precision {
        Precision::F16 => "f16",
        Precision::F32 => "f32",
    };
    Ok(format!("{:032x}-{kept}", embedder.print()?))
}

fn is_part(path: &Path) -> bool {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    path.extension().is_some_and(|e| e == PART_EXTENSION) && stem.len() == 16 && u64::from_str_radix(stem, 16).is_ok()
}

fn is_own(path: &Path) -> bool {
    is_part(path) || path.file_name().is_some_and(|name| name == FILE)
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
