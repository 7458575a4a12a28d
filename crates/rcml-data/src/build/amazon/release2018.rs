//! Products of the release of 2018.

use serde_json::{Map, Value};

use super::picture;
use super::product::{self, Links, Product, add, address, fields, id, ids, text, texts};
use crate::build::markup::plain;

/// Titles of products whose page was not understood hold its script.
const SCRIPT: [&str; 2] = ["getTime", "function("];

/// Reads a line.
///
/// # Errors
/// A line that is no product.
pub(super) fn product(line: &[u8]) -> Result<Product, String> {
    let fields = fields(line)?;
    let id = id(&fields, "asin", "reviewerID")?;
    let mut categories = texts(&fields, "category");
    // Some paths end in a sentence from the page.
    categories.retain(|category| category.chars().count() <= 60);
    let main = text(&fields, "main_cat");
    if categories.is_empty() {
        categories.extend(main.clone());
    }
    let mut links = Links::new();
    for (name, field) in [("also-bought", "also_buy"), ("also-viewed", "also_view")] {
        let ids = ids(&fields, field);
        if !ids.is_empty() {
            links.insert(name, ids);
        }
    }
    let high = address(fields.get("imageURLHighRes"));
    let picture = high.or_else(|| address(fields.get("imageURL"))).map(|address| picture::whole(&address));
    Ok(Product {
        title: text(&fields, "title").filter(|title| !SCRIPT.iter().any(|word| title.contains(word))),
        attributes: attributes(&fields, main, &categories),
        picture,
        id,
        categories,
        links,
    })
}

fn attributes(fields: &Map<String, Value>, main: Option<String>, categories: &[String]) -> Map<String, Value> {
    let mut attributes = product::attributes(fields, main, categories);
    let brand = text(fields, "brand").map(|brand| brand.strip_prefix("by ").map_or(brand.clone(), String::from));
    add(&mut attributes, "brand", brand);
    add(&mut attributes, "sales_rank", fields.get("rank").and_then(rank));
    attributes
}

/// The number in "3,796 in Baby (See Top 100 in Baby)" or "[&gt;#2,304 in Toys & Games, ...]", given as text or list.
fn rank(value: &Value) -> Option<u64> {
    let text = match value {
        Value::Array(values) => values.iter().find_map(Value::as_str)?,
        Value::String(text) => text,
        _ => return None,
    };
    let text = plain(text)?;
    let before = &text[..text.find(" in ")?];
    let digits: String = before.chars().filter(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ranks_are_numbers_however_they_are_written() {
        assert_eq!(rank(&json!("3,796 in Baby (See Top 100 in Baby)")), Some(3796));
        assert_eq!(rank(&json!([">#2,304 in Toys & Games (See Top 100)", ">#17 in Blocks"])), Some(2304));
        assert_eq!(rank(&json!("&gt;#1,000,001 in Grocery")), Some(1_000_001));
        assert_eq!((rank(&json!([])), rank(&json!("")), rank(&json!(null))), (None, None, None));
    }
}
