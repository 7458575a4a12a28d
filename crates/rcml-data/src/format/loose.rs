//! Tables that were made for something else: which column is which, and ids for rows that have none.

use serde_json::{Map, Value};

use super::table::Source;
use crate::Item;

/// Columns that hold a text, the most telling first.
const TEXTS: [&str; 7] = ["caption", "captions", "title", "sentence", "prompt", "name", "description"];
/// Columns that hold the path of a picture.
const PATHS: [&str; 6] = ["file_name", "filename", "image_path", "image_file", "img_path", "path"];

/// Gives the columns the names that the format knows, where those are not taken.
pub(super) fn rename(fields: &mut Map<String, Value>) {
    if !fields.contains_key("text") {
        text(fields);
    }
    if !fields.contains_key("image") {
        let path = PATHS.into_iter().find(|name| fields.get(*name).is_some_and(Value::is_string));
        if let Some(path) = path.and_then(|name| fields.shift_remove(name)) {
            fields.insert("image".into(), path);
        }
    }
    if let Some(id) = fields.get_mut("id").filter(|id| id.is_number()) {
        *id = Value::String(id.to_string());
    }
}

fn text(fields: &mut Map<String, Value>) {
    for name in TEXTS {
        match fields.get(name) {
            Some(Value::String(_)) => {
                if let Some(text) = fields.shift_remove(name) {
                    fields.insert("text".into(), text);
                }
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

/// An id for an item that has none: the path of its picture, or the name of its file and a running number.
pub(super) fn id(item: &Item, source: &Source, number: usize, taken: impl Fn(&str) -> bool) -> String {
    let base = match &item.image {
        Some(path) if source.parquet.is_none() => path.clone(),
        _ => format!("{}-{number}", source.stem),
    };
    if !taken(&base) {
        return base;
    }
    // Several texts for one picture are several items.
    let mut copy = 2;
    while taken(&format!("{base}#{copy}")) {
        copy += 1;
    }
    format!("{base}#{copy}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn foreign_columns_get_our_names() {
        for (found, expected) in [
            (json!({"caption": "a", "title": "b"}), json!({"title": "b", "text": "a"})),
            (json!({"text": "a", "caption": "b"}), json!({"text": "a", "caption": "b"})),
            (json!({"captions": ["a", "b"], "id": 7}), json!({"captions": ["a", "b"], "text": "a", "id": "7"})),
            (json!({"file_name": "x.png", "k": 1}), json!({"image": "x.png", "k": 1})),
            (json!({"image": "y.png", "file_name": "x.png"}), json!({"image": "y.png", "file_name": "x.png"})),
        ] {
            let mut fields = found.as_object().unwrap().clone();
            rename(&mut fields);
            assert_eq!(Value::Object(fields), expected);
        }
    }
}
