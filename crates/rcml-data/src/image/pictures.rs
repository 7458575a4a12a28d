//! Where the bytes of a picture are: a file of the folder, a row of a table, a member of an archive.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// A file that holds many pictures and gives the bytes of one at a time.
pub(crate) trait PictureFile: fmt::Debug + Send + Sync {
    /// The bytes of the picture at a place that this file gave out.
    ///
    /// # Errors
    /// What is wrong with the file, without the picture's name.
    fn read(&self, at: u64) -> Result<Cow<'_, [u8]>, String>;
}

/// The pictures that lie inside tables and archives, by the path that items have for them. A path that is not among them
/// is a file of the dataset's folder. Cheap to clone; the pictures themselves stay on disk.
#[derive(Debug, Clone, Default)]
pub struct Pictures {
    inside: Arc<Inside>,
}

#[derive(Debug, Clone, Default)]
struct Inside {
    files: Vec<Arc<dyn PictureFile>>,
    /// Index in `files`, and the place in that file.
    places: HashMap<Box<str>, (u32, u64)>,
}

impl Pictures {
    /// How many pictures lie inside tables and archives.
    pub fn embedded(&self) -> usize {
        self.inside.places.len()
    }

    /// Whether the picture of this path lies inside a table or an archive.
    pub fn is_embedded(&self, path: &str) -> bool {
        self.inside.places.contains_key(path)
    }

    /// The bytes of a picture; `root` is the dataset's folder.
    ///
    /// # Errors
    /// Why they cannot be read, without the path.
    pub(crate) fn read(&self, root: &Path, path: &str) -> Result<Cow<'_, [u8]>, String> {
        match self.inside.places.get(path) {
            Some(&(file, at)) => self.inside.files[file as usize].read(at),
            None => std::fs::read(root.join(path)).map(Cow::Owned).map_err(|e| e.to_string()),
        }
    }

    /// Adds a file of pictures, and returns its index.
    pub(crate) fn add_file(&mut self, file: Arc<dyn PictureFile>) -> u32 {
        let inside = Arc::make_mut(&mut self.inside);
        inside.files.push(file);
        (inside.files.len() - 1) as u32
    }

    /// Gives a picture of a file a path, and returns it: `wanted` where no other picture has that path, else a path made
    /// of `fallback`. Two copies of the same picture share one path, as two items may share one file.
    ///
    /// # Errors
    /// A picture that has to be compared and cannot be read.
    pub(crate) fn add(&mut self, wanted: Option<&str>, fallback: &str, file: u32, at: u64) -> Result<String, String> {
        let inside = Arc::make_mut(&mut self.inside);
        if let Some(wanted) = wanted {
            match inside.places.get(wanted) {
                None => {
                    inside.places.insert(wanted.into(), (file, at));
                    return Ok(wanted.into());
                }
                Some(&(other, place)) => {
                    let bytes = |file: u32, at| inside.files[file as usize].read(at);
                    if (other, place) == (file, at) || bytes(other, place)? == bytes(file, at)? {
                        return Ok(wanted.into());
                    }
                }
            }
        }
        let mut path = fallback.to_string();
        while inside.places.contains_key(path.as_str()) {
            path.push('_');
        }
        inside.places.insert(path.as_str().into(), (file, at));
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Held(Vec<&'static [u8]>);

    impl PictureFile for Held {
        fn read(&self, at: u64) -> Result<Cow<'_, [u8]>, String> {
            self.0.get(at as usize).map(|bytes| Cow::Borrowed(*bytes)).ok_or_else(|| "not there".into())
        }
    }

    #[test]
    fn copies_share_a_path_and_other_pictures_do_not() {
        let mut pictures = Pictures::default();
        let file = pictures.add_file(Arc::new(Held(vec![b"one", b"one", b"two", b"three"])));
        assert_eq!(pictures.add(Some("a.png"), "f/0", file, 0).unwrap(), "a.png");
        assert_eq!(pictures.add(Some("a.png"), "f/1", file, 1).unwrap(), "a.png");
        assert_eq!(pictures.add(Some("a.png"), "f/2", file, 2).unwrap(), "f/2");
        assert_eq!(pictures.add(None, "f/2", file, 3).unwrap(), "f/2_");
        let read = |path| pictures.read(Path::new("/nowhere"), path);
        assert_eq!(read("f/2").unwrap(), b"two".as_slice());
        assert_eq!(read("f/2_").unwrap(), b"three".as_slice());
        assert!(read("other.png").is_err(), "a file of the folder");
        assert_eq!((pictures.embedded(), pictures.is_embedded("a.png")), (3, true));
        assert!(pictures.clone().add(Some("a.png"), "f/9", file, 9).is_err());
    }
}
