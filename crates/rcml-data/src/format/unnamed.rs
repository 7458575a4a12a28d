//! Pictures that lie in a folder whose items name none.

use std::path::Path;

use super::imagefolder::{DEPTH, is_picture};
use super::layout::files;
use crate::{Item, Problem};

/// A warning where pictures lie in the folder and no item has one: the column that names them has not been seen.
pub(super) fn warning(dir: &Path, items: &[Item]) -> Option<Problem> {
    if items.is_empty() || items.iter().any(|item| item.image.is_some()) {
        return None;
    }
    let files = files(dir, DEPTH);
    let pictures: Vec<_> = files.iter().filter(|file| is_picture(file)).collect();
    let (first, count) = (pictures.first()?, pictures.len());
    let these = if count == 1 { "is a picture".to_owned() } else { format!("is the first of {count} pictures") };
    let message = format!(
        "{these} that no item names: expected a column such as `image`, `photo` or `file_name` with paths such as {:?}",
        first.file_name().unwrap_or_default().to_string_lossy()
    );
    Some(Problem::of(first, message))
}
