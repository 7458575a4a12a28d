//! What people call the columns of their tables: one list for the readers of datasets and for the builders. Capitals, blanks and
//! signs do not count: "Object Number" is `object_number`.

/// Columns that name an item, the most telling first.
pub(crate) const IDS: [&str; 14] = [
    "item_id",
    "product_id",
    "article_id",
    "object_id",
    "asin",
    "sku",
    "stock_code",
    "isbn",
    "object_number",
    "accession_number",
    "accession_no",
    "accession",
    "inventory_number",
    "parent_asin",
];
/// Columns that name an item where nothing more telling does.
pub(crate) const VAGUE_IDS: [&str; 3] = ["code", "uid", "uuid"];

/// Columns that hold a text, the most telling first.
pub(crate) const TEXTS: [&str; 9] =
    ["caption", "captions", "title", "sentence", "prompt", "name", "description", "abstract", "summary"];
/// Of these, what an item is called,
pub(crate) const HEADINGS: [&str; 2] = ["title", "name"];
/// and what is said of it, the most telling first.
pub(crate) const BODIES: [&str; 3] = ["description", "abstract", "summary"];

/// Columns that hold the path of a picture,
pub(crate) const PATHS: [&str; 4] = ["file_name", "image_path", "image_file", "img_path"];
/// and columns that hold a picture, or its path.
pub(crate) const PICTURES: [&str; 4] = ["img", "picture", "photo", "thumbnail"];
/// Columns that may hold the path of a picture, or something else: their cells decide.
pub(crate) const VAGUE_PATHS: [&str; 7] =
    ["image_name", "photo_path", "photo_file", "picture_path", "picture_file", "file", "path"];

/// Endings of the files of pictures, those that are not decoded among them: that such a file cannot be read is to be said.
const ENDINGS: [&str; 12] = ["png", "jpg", "jpeg", "jpe", "jfif", "webp", "gif", "bmp", "tif", "tiff", "avif", "heic"];

/// Whether two columns are called the same.
pub(crate) fn alike(a: &str, b: &str) -> bool {
    fn plain(name: &str) -> impl Iterator<Item = char> + '_ {
        name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase)
    }
    plain(a).eq(plain(b))
}

/// Whether a cell is the path of a picture by its ending; an address is none.
pub(crate) fn is_picture_path(cell: &str) -> bool {
    let ending = cell.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    !cell.contains("://") && ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ_in_letters_and_digits_alone() {
        for (a, b, expected) in [
            ("Object Number", "object_number", true),
            ("objectNumber", "object_number", true),
            ("Accession No.", "accession_no", true),
            ("photo", "photos", false),
            ("img2", "img", false),
        ] {
            assert_eq!(alike(a, b), expected, "{a} {b}");
        }
    }

    #[test]
    fn endings_tell_pictures() {
        for (cell, expected) in [
            ("a.JPG", true),
            ("x/y.z.tiff", true),
            ("jewellery > hand > ring", false),
            ("https://example.org/a.jpg", false),
            ("jpg", false),
            ("1880.1", false),
        ] {
            assert_eq!(is_picture_path(cell), expected, "{cell}");
        }
    }

    #[test]
    fn no_name_stands_in_two_lists() {
        let lists: [&[&str]; 6] = [&IDS, &VAGUE_IDS, &TEXTS, &PATHS, &PICTURES, &VAGUE_PATHS];
        let all: Vec<&str> = lists.concat();
        for (i, a) in all.iter().enumerate() {
            assert!(!all[..i].iter().any(|b| alike(a, b)), "{a}");
        }
    }
}
