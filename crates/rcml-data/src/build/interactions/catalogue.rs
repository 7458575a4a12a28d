//! The items that a log is about, with what they are and the categories they are in.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Say;
use super::category::CategoryLists;
use crate::build::table::{self, BadRows, Column, Names};
use crate::{Error, Item, Result};

/// Where the items are, and what their columns are called.
#[derive(Debug, Clone, PartialEq)]
pub struct CatalogueOptions {
    /// CSV, JSON lines or Parquet files, or folders of them.
    pub files: Vec<PathBuf>,
    /// Column of the item's name.
    pub id: String,
    /// Columns whose texts, joined by ". ", are the item's text.
    pub text: Vec<String>,
    /// Column of the picture's path, relative to `images`.
    pub image: String,
    /// Folder of the pictures; without it items have none.
    pub images: Option<PathBuf>,
    /// Column of the categories: an array, or one text taken apart at `separator`.
    pub categories: String,
    /// What stands between categories in one text.
    pub separator: Option<String>,
    /// Further columns that become attributes of the items; `None` for all that there are.
    pub attributes: Option<Vec<String>>,
    /// Whether rows that cannot be used are skipped and counted; otherwise they are errors.
    pub skip_bad: bool,
}

impl Default for CatalogueOptions {
    fn default() -> Self {
        Self {
            files: Vec::new(),
            id: "id".into(),
            text: vec!["text".into()],
            image: "image".into(),
            images: None,
            categories: "categories".into(),
            separator: None,
            attributes: None,
            skip_bad: false,
        }
    }
}

impl CatalogueOptions {
    /// With the columns that are there for those of a usual name that are not.
    pub(super) fn found(&self, say: Say<'_>) -> Result<Self> {
        let mut names = Names::of(&self.files)?;
        let mut named = self.clone();
        named.id = names.find(&self.id);
        named.text = names.find_texts(&self.text);
        named.categories = names.find(&self.categories);
        if self.images.is_some() {
            named.image = names.find(&self.image);
        }
        names.told().inspect(|told| say(told));
        if named.attributes.is_none() {
            let (_, fields) = others(&named)?;
            if !fields.is_empty() {
                let fields = fields.join(", ");
                say(&format!(
                    "left out, because the format has fields of these names: {fields}; rename the columns to keep them"
                ));
            }
        }
        Ok(named)
    }
}

/// The columns that nothing else is read from: those that become attributes, and those that cannot.
fn others(options: &CatalogueOptions) -> Result<(Vec<String>, Vec<String>)> {
    let image = options.images.as_ref().map(|_| &options.image);
    let taken: Vec<&String> = options.text.iter().chain([&options.id, &options.categories]).chain(image).collect();
    let mut others = table::columns(&options.files)?;
    others.retain(|column| !taken.contains(&column) && !column.is_empty());
    Ok(others.into_iter().partition(|column| !FIELDS.contains(&column.as_str())))
}

/// Fields of an item that no attribute may be called.
const FIELDS: [&str; 7] = ["id", "text", "image", "label", "split", "features", "categories"];

/// Items with their categories.
#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    pub(crate) items: Vec<Item>,
    pub(crate) categories: CategoryLists,
    /// Picture of each item outside the dataset's folder, to be brought into it.
    pub(crate) pictures: Vec<Option<PathBuf>>,
}

impl Catalogue {
    /// Appends an item. Its `image` is set when the picture is brought in.
    pub(crate) fn push(&mut self, item: Item, categories: &[String], picture: Option<PathBuf>) {
        self.items.push(item);
        self.categories.push(categories);
        self.pictures.push(picture);
    }

    /// Whether what was read as paths of one category each are sets, as in "Comedy|Drama".
    pub(crate) fn are_sets(&self) -> bool {
        let lists = self.items.iter().filter_map(|item| item.attributes.get("categories")?.as_array());
        let (mut single, mut bars) = (0, 0);
        for list in lists {
            let [Value::String(name)] = list.as_slice() else { return false };
            single += 1;
            bars += usize::from(name.contains('|'));
        }
        bars * 2 > single
    }

    /// Item id -> number.
    pub(crate) fn index(&self) -> HashMap<&str, u32> {
        self.items.iter().zip(0..).map(|(item, number)| (item.id.as_str(), number)).collect()
    }

    /// Only the items with these numbers, ascending.
    pub(crate) fn select(self, numbers: &[u32]) -> Self {
        let mut keep = vec![false; self.items.len()];
        numbers.iter().for_each(|&number| keep[number as usize] = true);
        fn kept<T>(values: Vec<T>, keep: &[bool]) -> Vec<T> {
            values.into_iter().zip(keep).filter(|(_, keep)| **keep).map(|(value, _)| value).collect()
        }
        Self {
            items: kept(self.items, &keep),
            categories: self.categories.select(numbers),
            pictures: kept(self.pictures, &keep),
        }
    }
}

/// Reads the items. One without a text or a picture has no modality and is a bad row; so is an id that is taken.
pub(crate) fn read(options: &CatalogueOptions) -> Result<(Catalogue, u64)> {
    if options.files.is_empty() {
        return Err(Error::input("there is no table of items to read: name at least one file"));
    }
    // Of columns that nobody named, one of several files may lack some.
    let attributes = options.attributes.clone().map_or_else(|| others(options).map(|(others, _)| others), Ok)?;
    let column = |name| Column { name, required: options.attributes.is_some() };
    if let Some(name) = attributes.iter().find(|name| FIELDS.contains(&name.as_str())) {
        return Err(Error::input(format!(
            "attribute {name:?}: the format has a field of that name; rename the column"
        )));
    }
    let mut columns = vec![
        Column::required(&options.id),
        if options.images.is_some() { Column::required(&options.image) } else { Column::optional(&options.image) },
        Column::required(&options.categories),
    ];
    columns.extend(options.text.iter().map(Column::required));
    columns.extend(attributes.iter().cloned().map(column));
    let mut catalogue = Catalogue::default();
    let mut taken: HashMap<String, (usize, usize)> = HashMap::new();
    let mut bad = BadRows::new(options.skip_bad);
    for (file, path) in table::files(&options.files)?.iter().enumerate() {
        let parse = |cells: &mut [Value]| item(cells, options, &attributes);
        table::each_row(path, &columns, parse, |line, row| {
            match row.and_then(|row| row) {
                Err(message) => bad.add(path, line, message),
                Ok((item, categories, picture)) => match taken.get(&item.id) {
                    Some((_, first)) => bad.add(path, line, format!("id {:?} is taken: line {first} has it", item.id)),
                    None => {
                        taken.insert(item.id.clone(), (file, line));
                        catalogue.push(item, &categories, picture);
                    }
                },
            }
            Ok(())
        })?;
    }
    let skipped = bad.finish()?;
    if catalogue.items.is_empty() {
        return Err(Error::input(format!("{}: has no items that can be used", options.files[0].display())));
    }
    Ok((catalogue, skipped))
}

type Row = (Item, Vec<String>, Option<PathBuf>);

fn item(cells: &mut [Value], options: &CatalogueOptions, names: &[String]) -> Result<Row, String> {
    let found = |cell: &Value| format!("found {cell}, expected a name");
    let id = table::text(&cells[0]).ok_or_else(|| format!("column `{}`: {}", options.id, found(&cells[0])))?;
    let mut item = Item::new(id);
    let picture = match (&options.images, table::text(&cells[1])) {
        (Some(folder), Some(path)) => {
            let path = folder.join(Path::new(&path));
            if !path.is_file() {
                return Err(format!("column `{}`: there is no file {}", options.image, path.display()));
            }
            Some(path)
        }
        _ => None,
    };
    let categories = table::texts(&cells[2], options.separator.as_deref());
    let (texts, attributes) = cells[3..].split_at_mut(options.text.len());
    let texts: Vec<String> = texts.iter().filter_map(table::text).collect();
    item.text = (!texts.is_empty()).then(|| texts.join(". "));
    if item.text.is_none() && picture.is_none() {
        let columns = options.text.join("`, `");
        return Err(format!("item {:?} has no modality: expected a text in `{columns}`, or a picture", item.id));
    }
    for (name, cell) in names.iter().zip(attributes).filter(|(_, cell)| !cell.is_null()) {
        item.attributes.insert(name.clone(), cell.take());
    }
    if !categories.is_empty() {
        item.attributes.insert("categories".into(), categories.clone().into());
    }
    Ok((item, categories, picture))
}
