//! What a cell says, whatever the format wrote it as.

use serde_json::Value;

/// A name or a text: strings as they are (trimmed), whole numbers by their digits. Blank ones are missing.
pub(crate) fn text(cell: &Value) -> Option<String> {
    match cell {
        Value::String(text) => Some(text.trim()).filter(|text| !text.is_empty()).map(String::from),
        Value::Number(number) if number.is_i64() || number.is_u64() => Some(number.to_string()),
        _ => None,
    }
}

/// Several texts: an array of them, or one string taken apart at `separator`.
pub(crate) fn texts(cell: &Value, separator: Option<&str>) -> Vec<String> {
    match (cell, separator) {
        (Value::Array(values), _) => values.iter().filter_map(text).collect(),
        (Value::String(all), Some(separator)) if !separator.is_empty() => {
            all.split(separator).map(str::trim).filter(|part| !part.is_empty()).map(String::from).collect()
        }
        (other, _) => text(other).into_iter().collect(),
    }
}

/// A finite number, also one that is written as text.
pub(crate) fn number(cell: &Value) -> Option<f64> {
    let number = match cell {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|number| number.is_finite())
}

/// A moment in seconds since 1970 (UTC): a number of seconds (milli-, micro-, nanoseconds), or a date such as 2024-02-29T12:30:00Z.
pub(crate) fn seconds(cell: &Value) -> Option<i64> {
    if let Some(number) = number(cell) {
        // As seconds, 1e11 lies in the year 5138: what is larger counts thousandths, millionths, billionths.
        let unit = [1.0, 1e3, 1e6, 1e9].into_iter().find(|unit| number.abs() / unit < 1e11)?;
        return Some((number / unit).floor() as i64);
    }
    match cell {
        Value::String(text) => date(text.trim()).or_else(|| letter_date(text.trim())),
        _ => None,
    }
}

/// `Wed Mar 22 11:37:04 -0700 2017`, as some logs have it.
fn letter_date(text: &str) -> Option<i64> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut parts = text.split_whitespace().skip(1);
    let (month, day, clock) = (parts.next()?, parts.next()?, parts.next()?);
    let (zone, year) = (parts.next()?, parts.next()?);
    let month = 1 + MONTHS.iter().position(|name| *name == month)?;
    date(&format!("{year}-{month:02}-{day:0>2}T{clock}{zone}"))
}

/// A date in whole seconds.
fn date(text: &str) -> Option<i64> {
    crate::moment::date(text).map(|seconds| seconds.floor() as i64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn moments_are_read_in_every_usual_form() {
        for cell in [
            json!(1_709_209_800),
            json!(1_709_209_800_000_i64),
            json!(1_709_209_800_000_000_000_i64),
            json!("1709209800"),
            json!("2024-02-29T12:30:00Z"),
            json!("2024-02-29 12:30"),
            json!("2024-02-29T14:30:00.250+02:00"),
            json!("2024-02-29 07:30:00 -0500"),
            json!("Thu Feb 29 04:30:00 -0800 2024"),
        ] {
            assert_eq!(seconds(&cell), Some(1_709_209_800), "{cell}");
        }
        assert_eq!(seconds(&json!("1969-12-31")), Some(-86_400));
        for nonsense in [json!("yesterday"), json!("2024-13-01"), json!(null), json!("2024-01-01T99:00")] {
            assert_eq!(seconds(&nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn names_are_texts_or_whole_numbers() {
        assert_eq!(text(&json!(" a ")), Some("a".into()));
        assert_eq!(text(&json!(17)), Some("17".into()));
        assert_eq!((text(&json!("")), text(&json!(1.5)), text(&json!(null))), (None, None, None));
        assert_eq!(texts(&json!("a > b >c"), Some(">")), ["a", "b", "c"]);
        assert_eq!(texts(&json!(["a", "", "b"]), None), ["a", "b"]);
        assert_eq!(number(&json!(" 4.5")), Some(4.5));
    }
}
