//! A folder of pictures, with a table of captions or with one folder per class; or one table of any name, alone.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::layout::files;
use super::shards;
use super::table::{ENDINGS, Kind, Table};
use crate::{Problem, Split};

/// Names of the table beside the pictures; the first is Hugging Face's.
const TABLES: [&str; 3] = ["metadata", "captions", "labels"];

const PICTURES: [&str; 6] = ["png", "jpg", "jpeg", "webp", "gif", "bmp"];

/// How deep folders of classes may be nested.
pub(super) const DEPTH: usize = 8;

pub(super) fn is_metadata(name: &str) -> bool {
    kind(name).is_some_and(|(stem, _)| TABLES.contains(&stem))
}

fn kind(name: &str) -> Option<(&str, Kind)> {
    ENDINGS.iter().find_map(|(ending, kind)| Some((name.strip_suffix(ending)?.strip_suffix('.')?, *kind)))
}

fn name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

pub(super) fn is_picture(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_ascii_lowercase();
    PICTURES.contains(&ending.as_str())
}

/// The table of the pictures of a folder: a file of captions in it (or one in each folder of a split), or the only table there is, else
/// the pictures themselves.
pub(super) fn find(dir: &Path, problems: &mut Vec<Problem>) -> Option<Table> {
    let files = files(dir, DEPTH);
    let mut tables: Vec<&PathBuf> = files.iter().filter(|file| is_metadata(name(file))).collect();
    if tables.is_empty() {
        let others = |file: &&PathBuf| {
            file.parent() == Some(dir)
                && kind(name(file)).is_some_and(|(stem, _)| !matches!(stem, "relations" | "edges"))
        };
        tables = files.iter().filter(others).collect();
        if let [first, second, ..] = tables.as_slice() {
            // Without pictures nothing says that any of them is a table of items.
            if !files.iter().any(|file| is_picture(file)) {
                return None;
            }
            let message = format!("there is {} as well: expected one table of captions, or metadata.csv", name(second));
            problems.push(Problem::of(first, message));
            return None;
        }
    }
    let relative = |file: &Path| file.strip_prefix(dir).unwrap_or(file).to_path_buf();
    if let Some((_, kind)) = tables.first().and_then(|file| kind(name(file))) {
        if let Some(other) = tables.iter().find(|file| self::kind(name(file)).is_none_or(|(_, other)| other != kind)) {
            let message = format!("{} has another ending: expected one format", name(tables[0]));
            problems.push(Problem::of(other, message));
            return None;
        }
        let with_split = tables.iter().map(|file| ((*file).clone(), split(&relative(file))));
        let mut table = Table::open("items", kind, with_split, true, problems);
        for source in &mut table.sources {
            let folder = relative(&source.path).parent().map(Path::to_path_buf).unwrap_or_default();
            source.folder = slashes(&folder);
        }
        return Some(table);
    }
    let pictures: Vec<PathBuf> =
        files.into_iter().filter(|file| is_picture(file)).map(|file| relative(&file)).collect();
    (!pictures.is_empty()).then(|| Table::of_pictures(dir, pictures.into_iter().map(|path| picture(&path)).collect()))
}

/// A picture of a folder without a table.
pub(super) struct Picture {
    pub(super) path: String,
    /// The folder that it is in, unless that is a split.
    pub(super) label: Option<String>,
    pub(super) split: Option<Split>,
}

impl Picture {
    pub(super) fn fields(&self) -> Map<String, Value> {
        let split = self.split.map(|split| json!(split));
        let label = self.label.as_ref().map(|label| json!(label));
        let fields = [("image", Some(json!(self.path))), ("label", label), ("split", split)];
        fields.into_iter().filter_map(|(name, value)| Some((name.to_string(), value?))).collect()
    }
}

fn picture(path: &Path) -> Picture {
    let mut folders: Vec<String> =
        path.parent().into_iter().flatten().map(|part| part.to_string_lossy().into_owned()).collect();
    let split = folders.first().and_then(|first| super::record::split(&first.to_ascii_lowercase()));
    if split.is_some() {
        folders.remove(0);
    }
    // A folder that says what its files are is no class.
    let label = folders.pop().filter(|folder| !matches!(folder.as_str(), "images" | "image" | "pictures" | "photos"));
    Picture { path: slashes(path), label, split }
}

/// The split that the first folder says.
fn split(relative: &Path) -> Option<Split> {
    relative.parent().filter(|parent| !parent.as_os_str().is_empty()).and_then(shards::split)
}

fn slashes(path: &Path) -> String {
    let parts: Vec<String> = path.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    parts.join("/")
}
