//! Names of pictures in the folder that is written.

use std::collections::{HashMap, HashSet};
use std::path::{Component, Path};

use crate::Dataset;

/// The path of each picture in the new folder, by its path in the dataset.
pub(super) struct Names {
    new: HashMap<String, String>,
    taken: HashSet<String>,
}

impl Names {
    pub(super) fn new(dataset: &Dataset) -> Self {
        let taken = dataset.items.iter().filter_map(|item| item.image.clone()).collect();
        Self { new: HashMap::new(), taken }
    }

    /// The new path, and whether the picture has not been asked for before. A path that cannot be that of a file, or that
    /// is only a place in a table or an archive, becomes `images/N.png` (or whatever the bytes are).
    pub(super) fn of(&mut self, path: &str, bytes: &[u8]) -> (String, bool) {
        if let Some(known) = self.new.get(path) {
            return (known.clone(), false);
        }
        let mut name = path.to_string();
        if !usable(path) {
            let mut number = self.new.len();
            while !self.taken.insert(name.clone()) || !usable(&name) {
                name = format!("images/{number:06}.{}", ending(bytes));
                number += 1;
            }
        }
        self.new.insert(path.to_string(), name.clone());
        (name, true)
    }
}

/// Whether a path can be that of a picture's file.
fn usable(path: &str) -> bool {
    let plain = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    let folders: Vec<&str> = path.split('/').collect();
    let name = folders.last().copied().unwrap_or_default();
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending).to_ascii_lowercase();
    let is_picture = matches!(ending.as_str(), "png" | "jpg" | "jpeg" | "webp" | "gif" | "bmp");
    plain
        && is_picture
        && !path.contains(['\0', '\\'])
        && folders.iter().all(|part| !part.is_empty() && part.len() < 200)
}

/// The ending that bytes should have.
pub(super) fn ending(bytes: &[u8]) -> &'static str {
    match image::guess_format(bytes) {
        Ok(image::ImageFormat::Jpeg) => "jpg",
        Ok(image::ImageFormat::WebP) => "webp",
        Ok(image::ImageFormat::Gif) => "gif",
        Ok(image::ImageFormat::Bmp) => "bmp",
        // Also for what is no picture: the bytes are kept, and reading them says what is wrong.
        _ => "png",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usable_paths_stay_and_others_are_numbered() {
        for (path, expected) in [
            ("images/a.png", true),
            ("a.JPEG", true),
            ("items-0.parquet/17", false),
            ("a/../b.png", false),
            ("./b.png", false),
            ("a//b.png", false),
            ("items.jsonl", false),
        ] {
            assert_eq!(usable(path), expected, "{path}");
        }
        let items = ["x.parquet/0", "images/000000.png"].map(|path| crate::Item::new(path).image(path)).into();
        let dataset = Dataset { items, ..Dataset::default() };
        let mut names = Names::new(&dataset);
        let jpeg = [0xFF, 0xD8, 0xFF, 0xE0];
        assert_eq!(names.of("x.parquet/0", &[]), ("images/000001.png".into(), true));
        assert_eq!(names.of("x.parquet/0", &[]), ("images/000001.png".into(), false));
        assert_eq!(names.of("images/000000.png", &[]), ("images/000000.png".into(), true));
        assert_eq!(names.of("x.parquet/1", &jpeg), ("images/000002.jpg".into(), true));
    }
}
