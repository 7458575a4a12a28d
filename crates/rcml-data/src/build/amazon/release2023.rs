//! Products of the release of 2023.

use serde_json::{Map, Value};

use super::picture;
use super::product::{self, Links, Product, add, address, fields, id, ids, text, texts};
use crate::build::markup::plain;

/// Details that become attributes, where a product has them.
const DETAILS: [(&str, &str); 5] =
    [("Brand", "brand"), ("Color", "color"), ("Size", "size"), ("Material", "material"), ("Style", "style")];

/// Reads a line.
///
/// # Errors
/// A line that is no product.
pub(super) fn product(line: &[u8]) -> Result<Product, String> {
    let fields = fields(line)?;
    let id = id(&fields, "parent_asin", "user_id")?;
    let main = text(&fields, "main_category");
    let mut categories = texts(&fields, "categories");
    if categories.is_empty() {
        categories.extend(main.clone());
    }
    let mut links = Links::new();
    let together = ids(&fields, "bought_together");
    if !together.is_empty() {
        links.insert("bought-together", together);
    }
    Ok(Product {
        title: text(&fields, "title"),
        attributes: attributes(&fields, main, &categories),
        picture: main_picture(fields.get("images")),
        id,
        categories,
        links,
    })
}

fn attributes(fields: &Map<String, Value>, main: Option<String>, categories: &[String]) -> Map<String, Value> {
    let mut attributes = product::attributes(fields, main, categories);
    add(&mut attributes, "store", text(fields, "store"));
    for name in ["average_rating", "rating_number"] {
        add(&mut attributes, name, fields.get(name).filter(|value| value.is_number()));
    }
    // `details` is an object, in some copies the text of one.
    let details = match fields.get("details") {
        Some(Value::Object(details)) => details.clone(),
        Some(Value::String(text)) => serde_json::from_str(text).unwrap_or_default(),
        _ => Map::new(),
    };
    for (name, attribute) in DETAILS {
        add(&mut attributes, attribute, details.get(name).and_then(Value::as_str).and_then(plain));
    }
    attributes
}

/// The picture of the variant MAIN, else the first: in high resolution, else large, else the thumbnail.
fn main_picture(images: Option<&Value>) -> Option<String> {
    match images? {
        Value::Array(images) => {
            let is_main = |image: &&Value| image.get("variant").and_then(Value::as_str) == Some("MAIN");
            let image = images.iter().find(is_main).or_else(|| images.first())?;
            ["hi_res", "large", "thumb"].into_iter().find_map(|size| address(image.get(size)))
        }
        // The Hugging Face copy turns the list of objects into an object of lists.
        Value::Object(lists) => {
            let variants = lists.get("variant").and_then(Value::as_array);
            let main = variants.and_then(|all| all.iter().position(|variant| variant == "MAIN")).unwrap_or(0);
            ["hi_res", "large", "thumb"].into_iter().find_map(|size| address(lists.get(size)?.get(main)))
        }
        _ => None,
    }
    .map(|address| picture::whole(&address))
}
