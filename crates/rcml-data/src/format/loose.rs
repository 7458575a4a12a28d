//! Tables that were made for something else: which column is which.

use std::path::Path;

use serde_json::{Map, Value};

use crate::column_names::{BODIES, HEADINGS, PATHS, PICTURES, TEXTS, VAGUE_PATHS, alike, is_picture_path};

/// Folders that pictures are in whose names a table gives without their folder.
const FOLDERS: [&str; 6] = ["images", "Images", "image", "pictures", "photos", "img"];

/// Fields, and the columns that they were taken from.
pub(super) type Taken = Vec<(&'static str, String)>;

/// What is known of a row beside its cells.
#[derive(Clone, Copy, Default)]
pub(super) struct Known {
    /// Whether the table has a column `image`, which this row may leave empty.
    pub(super) image: bool,
    /// Whether the picture lies in the table or the archive, and needs no path.
    pub(super) picture: bool,
}

/// Gives the columns the names that the format knows, where those are not taken, and says which.
pub(super) fn rename(fields: &mut Map<String, Value>, known: Known) -> Taken {
    let mut taken = Taken::new();
    for name in ["id", "text", "image", "label", "split"] {
        if let Some(value) = column(fields, name).filter(|found| found != name).and_then(|n| fields.shift_remove(&n)) {
            fields.insert(name.into(), value);
        }
    }
    if !fields.contains_key("text") {
        text(fields, &mut taken);
    }
    if !fields.contains_key("image") && !known.image {
        let named = PATHS.into_iter().filter_map(|name| column(fields, name)).find(|name| fields[name].is_string());
        // What may be something else than a path is one if it ends like one.
        let of_cells = || {
            let named = PICTURES.into_iter().chain(VAGUE_PATHS).filter_map(|name| column(fields, name));
            named.into_iter().find(|name| !known.picture && fields[name].as_str().is_some_and(is_picture_path))
        };
        if let Some(name) = named.or_else(of_cells)
            && let Some(path) = fields.shift_remove(&name)
        {
            fields.insert("image".into(), path);
            taken.push(("image", name));
        }
    }
    if let Some(id) = fields.get_mut("id").filter(|id| id.is_number()) {
        *id = Value::String(id.to_string());
    }
    taken
}

/// The column of a name: as it is written here, else in other letters.
fn column(fields: &Map<String, Value>, name: &str) -> Option<String> {
    let other = || fields.keys().find(|key| alike(key, name)).cloned();
    if fields.contains_key(name) { Some(name.into()) } else { other() }
}

fn text(fields: &mut Map<String, Value>, taken: &mut Taken) {
    for name in TEXTS {
        let Some(name) = column(fields, name) else { continue };
        match fields.get(&name) {
            Some(Value::String(found)) => {
                let is_heading = HEADINGS.iter().any(|heading| alike(&name, heading));
                let body = body(fields).filter(|_| is_heading);
                let whole = body.as_ref().map(|(column, body)| (column.clone(), joined(found, body)));
                // Heading and body stay attributes.
                let (body, text) = match whole {
                    Some((body, whole)) => (Some(body), Some(Value::String(whole))),
                    None => (None, fields.shift_remove(&name)),
                };
                fields.extend(text.map(|text| ("text".to_string(), text)));
                taken.extend([Some(name), body].into_iter().flatten().map(|column| ("text", column)));
                return;
            }
            // Several captions: the first is the text, and all stay an attribute.
            Some(Value::Array(texts)) if texts.first().is_some_and(Value::is_string) => {
                let first = texts[0].clone();
                fields.insert("text".into(), first);
                taken.push(("text", name));
                return;
            }
            _ => {}
        }
    }
}

/// What a row says of its item beside its name, and in which column.
fn body(fields: &Map<String, Value>) -> Option<(String, &str)> {
    let found = BODIES.into_iter().filter_map(|name| {
        let column = column(fields, name)?;
        let body = fields.get(&column)?.as_str()?.trim();
        Some((column, body))
    });
    found.into_iter().find(|(_, body)| !body.is_empty())
}

/// "Desk lamp" and "Of brass." -> "Desk lamp. Of brass."
fn joined(heading: &str, body: &str) -> String {
    let heading = heading.trim();
    match heading.chars().last() {
        None => body.into(),
        _ if heading == body => body.into(),
        Some(last) if last.is_alphanumeric() || last == ')' => format!("{heading}. {body}"),
        Some(_) => format!("{heading} {body}"),
    }
}

/// The path of a picture that a table names without the folder it is in.
pub(super) fn place(dir: &Path, folder: &str, path: &str) -> Option<String> {
    let inside =
        |name: &str| if folder.is_empty() { format!("{name}/{path}") } else { format!("{folder}/{name}/{path}") };
    let is_bare = !path.is_empty() && !path.contains(['/', '\\']);
    FOLDERS.into_iter().filter(|_| is_bare).map(inside).find(|path| dir.join(path).is_file())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn foreign_columns_get_our_names() {
        for (found, expected) in [
            (json!({"caption": "a", "title": "b"}), json!({"title": "b", "text": "a"})),
            (
                json!({"Title": "a lamp", "Description": " of brass ", "price": 3}),
                json!({"Title": "a lamp", "Description": " of brass ", "price": 3, "text": "a lamp. of brass"}),
            ),
            (
                json!({"name": "What is it?", "summary": "", "abstract": "A lamp."}),
                json!({"name": "What is it?", "summary": "", "abstract": "A lamp.", "text": "What is it? A lamp."}),
            ),
            (json!({"title": "a", "description": null}), json!({"description": null, "text": "a"})),
            (json!({"abstract": "a", "summary": "b"}), json!({"summary": "b", "text": "a"})),
            (json!({"caption": "a", "description": "b"}), json!({"description": "b", "text": "a"})),
            (json!({"text": "a", "caption": "b"}), json!({"text": "a", "caption": "b"})),
            (json!({"captions": ["a", "b"], "id": 7}), json!({"captions": ["a", "b"], "text": "a", "id": "7"})),
            (json!({"Filename": "x.png", "TITLE": "a", "ID": "7"}), json!({"id": "7", "text": "a", "image": "x.png"})),
            (json!({"Text": "a", "text": "b"}), json!({"Text": "a", "text": "b"})),
            (json!({"file_name": "x.png", "k": 1}), json!({"image": "x.png", "k": 1})),
            (json!({"Photo": "x.JPG", "thumbnail": "y.png"}), json!({"thumbnail": "y.png", "image": "x.JPG"})),
            (json!({"image file": "x", "photo": "y.png"}), json!({"photo": "y.png", "image": "x"})),
            // What does not end like a picture is none: a taxonomy, an address, a mark that there is one.
            (
                json!({"path": "ring > gold", "img": "http://x/a.png"}),
                json!({"path": "ring > gold", "img": "http://x/a.png"}),
            ),
            (json!({"photo": "yes", "path": "a/x.webp"}), json!({"photo": "yes", "image": "a/x.webp"})),
            (json!({"image": "y.png", "file_name": "x.png"}), json!({"image": "y.png", "file_name": "x.png"})),
        ] {
            let mut fields = found.as_object().unwrap().clone();
            rename(&mut fields, Known::default());
            assert_eq!(Value::Object(fields), expected);
        }
    }

    #[test]
    fn what_the_table_has_by_its_own_name_is_not_taken_from_elsewhere() {
        for known in [Known { image: true, ..Known::default() }, Known { picture: true, ..Known::default() }] {
            let mut fields = json!({"thumbnail": "y.png"}).as_object().unwrap().clone();
            assert!(rename(&mut fields, known).is_empty() && fields.contains_key("thumbnail"));
        }
        let mut fields = json!({"Title": "a", "abstract": "b", "photo": "y.png"}).as_object().unwrap().clone();
        let taken = rename(&mut fields, Known::default());
        let taken: Vec<_> = taken.iter().map(|(field, column)| (*field, column.as_str())).collect();
        assert_eq!(taken, [("text", "Title"), ("text", "abstract"), ("image", "photo")]);
    }
}
