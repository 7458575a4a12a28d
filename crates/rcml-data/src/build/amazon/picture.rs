//! Pictures of products: their addresses, and folders of them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// The address of the picture as it was uploaded: without the part that asks for a size
/// (`.../I/41x._SX38_SY50_CR,0,0,38,50_.jpg` -> `.../I/41x.jpg`).
pub(super) fn whole(address: &str) -> String {
    let Some((start, rest)) = address.split_once("._") else { return address.to_owned() };
    match rest.rsplit_once("_.") {
        Some((_, ending)) if !ending.contains('/') => format!("{start}.{ending}"),
        _ => address.to_owned(),
    }
}

/// A folder of pictures named by the ids of the products.
pub(super) struct Folder {
    files: HashMap<String, PathBuf>,
}

const ENDINGS: [&str; 6] = ["jpg", "jpeg", "png", "webp", "gif", "bmp"];

impl Folder {
    /// Lists the folder and its subfolders.
    ///
    /// # Errors
    /// A folder that cannot be read, or has no pictures.
    pub(super) fn open(folder: &Path) -> Result<Self> {
        let mut files = HashMap::new();
        let mut open = vec![folder.to_path_buf()];
        while let Some(dir) = open.pop() {
            for entry in std::fs::read_dir(&dir).map_err(|e| Error::io(&dir, e))? {
                let path = entry.map_err(|e| Error::io(&dir, e))?.path();
                let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
                if path.is_dir() {
                    open.push(path);
                } else if ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str()))
                    && let Some(stem) = path.file_stem()
                {
                    files.insert(stem.to_string_lossy().into_owned(), path);
                }
            }
        }
        if files.is_empty() {
            let endings = ENDINGS.join(", .");
            return Err(Error::input(format!("{}: has no pictures (.{endings})", folder.display())));
        }
        Ok(Self { files })
    }

    /// The picture of a product.
    pub(super) fn picture(&self, id: &str) -> Option<PathBuf> {
        self.files.get(id).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_without_its_size() {
        let sized = "https://images-na.ssl-images-amazon.com/images/I/41abc%2B._SX38_SY50_CR,0,0,38,50_.jpg";
        assert_eq!(whole(sized), "https://images-na.ssl-images-amazon.com/images/I/41abc%2B.jpg");
        assert_eq!(whole("https://x/I/71x._AC_SL1500_.jpg"), "https://x/I/71x.jpg");
        for plain in ["https://x/I/71x.jpg", "https://x/a._b/c.jpg"] {
            assert_eq!(whole(plain), plain);
        }
    }
}
