//! What a search starts from.

use std::path::PathBuf;

use clap::Args;
use rcml_data::{Dataset, Item};

use crate::failure::{Failure, Result};

#[derive(Debug, Args)]
#[group(id = "start", required = true, multiple = true)]
pub(crate) struct StartArguments {
    /// Id of the item to start from; may be given several times
    #[arg(long, value_name = "ID")]
    item: Vec<String>,
    /// Start from every item of the dataset, one after another
    #[arg(long, conflicts_with_all = ["item", "text", "image"])]
    every_item: bool,
    /// Start from an item that the dataset lacks: its text
    #[arg(long, value_name = "TEXT", conflicts_with = "item")]
    text: Option<String>,
    /// Start from an item that the dataset lacks: its picture
    #[arg(long, value_name = "FILE", conflicts_with = "item")]
    image: Option<PathBuf>,
}

/// The items that ask.
#[derive(Debug)]
pub(super) enum Start {
    /// Of the dataset, by index.
    Items(Vec<u32>),
    /// All of the dataset.
    Every,
    /// One that the dataset lacks, in one of its own.
    New(Box<Dataset>),
}

impl StartArguments {
    pub(super) fn is_of_the_dataset(&self) -> bool {
        self.text.is_none() && self.image.is_none()
    }

    /// # Errors
    /// Ids that no item has, a text without words, a picture that is not there.
    pub(super) fn find(&self, dataset: &Dataset) -> Result<Start> {
        if self.every_item {
            return Ok(Start::Every);
        }
        if self.is_of_the_dataset() {
            let items = self.item.iter().map(|id| dataset.find_item(id)).collect::<Result<_, _>>()?;
            return Ok(Start::Items(items));
        }
        let mut item = Item::new("the new item");
        if let Some(text) = &self.text {
            if text.trim().is_empty() {
                return Err(Failure::input("--text: expected words, found none"));
            }
            item = item.text(text);
        }
        if let Some(path) = &self.image {
            let whole = std::path::absolute(path).map_err(|error| Failure::file(path, &error))?;
            std::fs::File::open(&whole).map_err(|error| Failure::file(path, &error))?;
            let name = whole
                .to_str()
                .ok_or_else(|| Failure::input(format!("--image {}: expected a path in Unicode", path.display())))?;
            item = item.image(name);
        }
        Ok(Start::New(Box::new(Dataset { items: vec![item], ..Dataset::default() })))
    }
}
