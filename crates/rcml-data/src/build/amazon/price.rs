//! Prices, which are numbers, texts, or whatever stood on the page.

use serde_json::Value;

/// The price in the currency of the page; of a range, the lower one. `None` where it cannot be told.
pub(super) fn read(value: &Value) -> Option<f64> {
    let price = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => from_text(text.trim()),
        _ => None,
    };
    price.filter(|price| price.is_finite() && *price >= 0.0)
}

fn from_text(text: &str) -> Option<f64> {
    let text = text.strip_prefix("from ").unwrap_or(text).trim_start_matches(['$', '£', '€', ' ']);
    let first = text.split([' ', '-', '–']).next()?;
    // A price begins with a digit: what does not is the page's style sheet (".a-box-inner{...").
    if !first.starts_with(|c: char| c.is_ascii_digit())
        || !first.chars().all(|c| c.is_ascii_digit() || ",.".contains(c))
    {
        return None;
    }
    first.replace(',', "").parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn prices_as_they_occur() {
        for (value, expected) in [
            (json!(12.5), Some(12.5)),
            (json!("$12.99"), Some(12.99)),
            (json!("$1,299.00"), Some(1299.0)),
            (json!("$5.99 - $12.00"), Some(5.99)),
            (json!("from 8.49"), Some(8.49)),
            (json!("22.95"), Some(22.95)),
            (json!(".a-box-inner{background-color:#fff}#alohaBuyBoxWidget .selected{"), None),
            (json!(""), None),
            (json!("None"), None),
            (json!(null), None),
            (json!(-1), None),
        ] {
            assert_eq!(read(&value), expected, "{value}");
        }
    }
}
