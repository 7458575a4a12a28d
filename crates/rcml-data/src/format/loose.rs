//! Tables that were made for something else: which column is which, and ids for rows that have none.

use std::collections::HashMap;
use std::path::Path;

use serde_json::{Map, Value};

use super::table::Source;
use crate::Item;

/// Columns that hold a text, the most telling first.
pub(crate) const TEXTS: [&str; 9] =
    ["caption", "captions", "title", "sentence", "prompt", "name", "description", "abstract", "summary"];
/// Of these, what an item is called,
pub(crate) const HEADINGS: [&str; 2] = ["title", "name"];
/// and what is said of it, the most telling first.
pub(crate) const BODIES: [&str; 3] = ["description", "abstract", "summary"];
/// Columns that hold the path of a picture.
pub(crate) const PATHS: [&str; 6] = ["file_name", "filename", "image_path", "image_file", "img_path", "path"];

/// Folders that pictures are in whose names a table gives without their folder.
const FOLDERS: [&str; 6] = ["images", "Images", "image", "pictures", "photos", "img"];

/// Gives the columns the names that the format knows, where those are not taken.
pub(super) fn rename(fields: &mut Map<String, Value>) {
    for name in ["id", "text", "image", "label", "split"] {
        if let Some(value) = column(fields, name).filter(|found| found != name).and_then(|n| fields.shift_remove(&n)) {
            fields.insert(name.into(), value);
        }
    }
    if !fields.contains_key("text") {
        text(fields);
    }
    if !fields.contains_key("image") {
        let named = PATHS.into_iter().filter_map(|name| column(fields, name));
        let path = named.into_iter().find(|name| fields[name].is_string());
        if let Some(path) = path.and_then(|name| fields.shift_remove(&name)) {
            fields.insert("image".into(), path);
        }
    }
    if let Some(id) = fields.get_mut("id").filter(|id| id.is_number()) {
        *id = Value::String(id.to_string());
    }
}

/// The column of a name: as it is written here, else with other capitals.
fn column(fields: &Map<String, Value>, name: &str) -> Option<String> {
    let other = || fields.keys().find(|key| key.eq_ignore_ascii_case(name)).cloned();
    if fields.contains_key(name) { Some(name.into()) } else { other() }
}

fn text(fields: &mut Map<String, Value>) {
    for name in TEXTS {
        let Some(name) = column(fields, name) else { continue };
        match fields.get(&name) {
            Some(Value::String(found)) => {
                let is_heading = HEADINGS.iter().any(|heading| name.eq_ignore_ascii_case(heading));
                let whole = body(fields).filter(|_| is_heading).map(|body| joined(found, body));
                // Heading and body stay attributes.
                let text = match whole {
                    Some(whole) => Some(Value::String(whole)),
                    None => fields.shift_remove(&name),
                };
                fields.extend(text.map(|text| ("text".to_string(), text)));
                return;
            }
            // Several captions: the first is the text, and all stay an attribute.
            Some(Value::Array(texts)) if texts.first().is_some_and(Value::is_string) => {
                let first = texts[0].clone();
                fields.insert("text".into(), first);
                return;
            }
            _ => {}
        }
    }
}

/// What a row says of its item beside its name.
fn body(fields: &Map<String, Value>) -> Option<&str> {
    let found = BODIES.into_iter().filter_map(|name| fields.get(&column(fields, name)?)?.as_str());
    found.map(str::trim).find(|body| !body.is_empty())
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

/// Ids for items that have none: the path of the picture, or the name of the file and a running number.
#[derive(Default)]
pub(super) struct Ids {
    /// The next copy of each one that was wanted more than once: a picture may have thousands of texts.
    copies: HashMap<String, usize>,
}

impl Ids {
    /// One that is not taken.
    pub(super) fn id(&mut self, item: &Item, source: &Source, number: usize, taken: impl Fn(&str) -> bool) -> String {
        let base = match &item.image {
            Some(path) if source.parquet.is_none() => path.clone(),
            _ => format!("{}-{number}", source.stem),
        };
        if !taken(&base) {
            return base;
        }
        // Several texts for one picture are several items.
        let copy = self.copies.entry(base.clone()).or_insert(2);
        loop {
            let id = format!("{base}#{copy}");
            *copy += 1;
            if !taken(&id) {
                return id;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use serde_json::json;

    use super::*;

    #[test]
    fn thousands_of_texts_for_one_picture_are_numbered_at_once() {
        let source = Source::new("captions.csv".into(), None);
        let item = Item { image: Some("a.png".into()), ..Item::default() };
        let mut taken = HashSet::from(["a.png".to_owned(), "a.png#3".into()]);
        let (mut ids, looks) = (Ids::default(), std::cell::Cell::new(0));
        for number in 0..5000 {
            let id = ids.id(&item, &source, number, |id| {
                looks.set(looks.get() + 1);
                taken.contains(id)
            });
            assert!(taken.insert(id));
        }
        assert!(taken.contains("a.png#2") && taken.contains("a.png#5002") && taken.len() == 5002);
        assert!(looks.get() < 3 * 5000, "{} looks", looks.get());
    }

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
            (json!({"image": "y.png", "file_name": "x.png"}), json!({"image": "y.png", "file_name": "x.png"})),
        ] {
            let mut fields = found.as_object().unwrap().clone();
            rename(&mut fields);
            assert_eq!(Value::Object(fields), expected);
        }
    }
}
