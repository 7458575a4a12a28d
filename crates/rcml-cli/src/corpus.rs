//! The items that a command looks at: of a dataset, or of an index of one.

use std::cell::OnceCell;
use std::path::PathBuf;

use clap::Args;
use rcml_data::Dataset;
use rcml_model::{Candidates, Embedder, EncodedItems, ItemIndex, ItemReader, ReadRelation};

use crate::failure::{Failure, Result};
use crate::run::read_items;

#[derive(Debug, Args)]
#[group(id = "corpus", required = true, multiple = false)]
pub(crate) struct CorpusArguments {
    /// Folder of the dataset
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Folder of an index that `rcml index` has made of it: its items are not encoded again
    #[arg(long, value_name = "DIR")]
    pub(crate) index: Option<PathBuf>,
}

/// Items of a dataset encoded at a time: bounds the memory of their tokens.
const CHUNK: usize = 4096;

/// Items that can be had encoded, a chunk at a time.
#[derive(Debug)]
pub(crate) enum Corpus {
    /// Encoded when they are asked for; without a reader, no picture has been looked at yet.
    Data { dataset: Box<Dataset>, reader: OnceCell<ItemReader> },
    /// Encoded before.
    Index(Box<ItemIndex>),
}

impl Corpus {
    pub(crate) fn open(arguments: &CorpusArguments, embedder: &Embedder) -> Result<Self> {
        match (&arguments.data, &arguments.index) {
            (Some(data), _) => Ok(Self::Data { dataset: Box::new(Dataset::open(data)?), reader: OnceCell::new() }),
            (None, Some(index)) => Ok(Self::Index(Box::new(ItemIndex::open(index, embedder)?))),
            (None, None) => Err(Failure::input("expected --data or --index, found neither")),
        }
    }

    /// The items' names and texts, and the relations.
    pub(crate) fn dataset(&self) -> &Dataset {
        match self {
            Self::Data { dataset, .. } => dataset,
            Self::Index(index) => index.dataset(),
        }
    }

    /// Prepares all items, before any of them is asked for.
    pub(crate) fn read(&self, embedder: &Embedder) -> Result<()> {
        if let Self::Data { dataset, reader } = self {
            let items: Vec<u32> = (0..dataset.items.len() as u32).collect();
            let read = read_items(embedder, dataset, &items)?;
            reader.get_or_init(|| read);
        }
        Ok(())
    }

    pub(crate) fn chunks(&self) -> usize {
        match self {
            Self::Data { dataset, .. } => dataset.items.len().div_ceil(CHUNK),
            Self::Index(index) => index.parts(),
        }
    }

    /// The encoded items of a chunk; `progress` is called with the number of items done, of all.
    pub(crate) fn chunk(&self, number: usize, embedder: &Embedder, progress: &dyn Fn(usize)) -> Result<EncodedItems> {
        match self {
            Self::Data { dataset, reader } => {
                let (first, n) = (number * CHUNK, dataset.items.len());
                let items: Vec<u32> = (first as u32..(first + CHUNK).min(n) as u32).collect();
                Ok(embedder.encode(of(reader)?, &items, &|done| progress(first + done))?)
            }
            Self::Index(index) => {
                let encoded = index.part(number, embedder)?;
                progress(encoded.items().last().map_or(0, |last| *last as usize + 1));
                Ok(encoded)
            }
        }
    }

    /// All items as candidates, in pieces; `progress` is called with the number of items done.
    pub(crate) fn candidates(
        &self,
        embedder: &Embedder,
        relations: &[ReadRelation],
        progress: &dyn Fn(usize),
        mut sink: impl FnMut(Candidates) -> Result<()>,
    ) -> Result<()> {
        match self {
            Self::Data { .. } => (0..self.chunks()).try_for_each(|number| {
                let encoded = self.chunk(number, embedder, progress)?;
                sink(Candidates::new(embedder, &encoded, relations)?)
            }),
            Self::Index(index) => index.candidates(embedder, relations, |candidates| {
                progress(candidates.first as usize + candidates.present.len());
                sink(candidates)
            }),
        }
    }

    /// Some items, encoded.
    pub(crate) fn items(&self, items: &[u32], embedder: &Embedder) -> Result<EncodedItems> {
        match self {
            Self::Data { reader, .. } => Ok(embedder.encode(of(reader)?, items, &|_| {})?),
            Self::Index(index) => Ok(index.items(items, embedder)?),
        }
    }
}

fn of(reader: &OnceCell<ItemReader>) -> Result<&ItemReader> {
    reader.get().ok_or_else(|| Failure::Runtime("items were asked for before they were read".into()))
}
