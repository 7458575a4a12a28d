//! What a Parquet column holds, as a JSON value.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use parquet::basic::{ConvertedType, LogicalType, TimeUnit, Type as PhysicalType};
use parquet::data_type::Decimal;
use parquet::record::{Field, List, Map as Pairs, Row};
use parquet::schema::types::Type;
use serde_json::{Map, Number, Value};

/// What the record reader does not tell apart by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The field says it all.
    Plain,
    /// 64-bit integers count nanoseconds since 1970.
    Nanoseconds,
    /// Text that is JSON.
    Json,
}

impl Meaning {
    pub(crate) fn of(column: &Type) -> Self {
        let info = column.get_basic_info();
        match info.logical_type_ref() {
            Some(LogicalType::Timestamp(time))
                if time.unit == TimeUnit::NANOS
                    && column.is_primitive()
                    && column.get_physical_type() == PhysicalType::INT64 =>
            {
                Self::Nanoseconds
            }
            _ if info.converted_type() == ConvertedType::JSON => Self::Json,
            _ => Self::Plain,
        }
    }

    /// The value of a field, unless it is missing.
    pub(crate) fn value(self, field: Field) -> Option<Value> {
        match (self, field) {
            (Self::Nanoseconds, Field::Long(time)) => Some(Value::from(timestamp(time, 9))),
            // A `null` that is written out is a value.
            (Self::Json, Field::Str(text)) => Some(serde_json::from_str(&text).unwrap_or(Value::String(text))),
            (_, field) => Some(value(field)).filter(|value| !value.is_null()),
        }
    }
}

/// A field as JSON: dates and times in ISO 8601, decimals as text, a number that is not one (NaN) as missing.
fn value(field: Field) -> Value {
    match field {
        Field::Null => Value::Null,
        Field::Bool(flag) => flag.into(),
        Field::Byte(n) => n.into(),
        Field::Short(n) => n.into(),
        Field::Int(n) => n.into(),
        Field::Long(n) => n.into(),
        Field::UByte(n) => n.into(),
        Field::UShort(n) => n.into(),
        Field::UInt(n) => n.into(),
        Field::ULong(n) => n.into(),
        Field::Float16(n) => single(n.to_f32()),
        Field::Float(n) => single(n),
        Field::Double(n) => number(n),
        Field::Decimal(n) => decimal(&n).into(),
        Field::Str(text) => text.into(),
        Field::Bytes(bytes) => match std::str::from_utf8(bytes.data()) {
            Ok(text) => text.into(),
            Err(_) => STANDARD.encode(bytes.data()).into(),
        },
        Field::Date(days) => date(i64::from(days)).into(),
        Field::TimeMillis(time) => clock(i64::from(time), 3).into(),
        Field::TimeMicros(time) => clock(time, 6).into(),
        Field::TimestampMillis(time) => timestamp(time, 3).into(),
        Field::TimestampMicros(time) => timestamp(time, 6).into(),
        Field::Group(row) => Value::Object(object(row)),
        Field::ListInternal(list) => array(&list),
        Field::MapInternal(map) => pairs(&map),
    }
}

fn object(row: Row) -> Map<String, Value> {
    row.into_columns().into_iter().map(|(name, field)| (name, value(field))).collect()
}

fn array(list: &List) -> Value {
    list.elements().iter().cloned().map(value).collect()
}

/// An object, or pairs where a key is no text.
fn pairs(map: &Pairs) -> Value {
    let named = |(key, field): &(Field, Field)| match key {
        Field::Str(name) => Some((name.clone(), value(field.clone()))),
        _ => None,
    };
    let pair = |(key, field): &(Field, Field)| Value::from(vec![value(key.clone()), value(field.clone())]);
    let object: Option<Map<String, Value>> = map.entries().iter().map(named).collect();
    object.map_or_else(|| map.entries().iter().map(pair).collect(), Value::Object)
}

/// By its shortest decimal: widened to f64, 0.1 would become 0.10000000149011612.
fn single(n: f32) -> Value {
    if n.is_finite() { n.to_string().parse().map_or(Value::Null, number) } else { number(f64::from(n)) }
}

fn number(n: f64) -> Value {
    match Number::from_f64(n) {
        Some(number) => Value::Number(number),
        // What pandas writes for a missing number.
        None if n.is_nan() => Value::Null,
        None => Value::from(if n > 0.0 { "Infinity" } else { "-Infinity" }),
    }
}

/// Big-endian two's complement, as text with its point.
fn decimal(n: &Decimal) -> String {
    let bytes = n.data();
    let Some(&first) = bytes.first() else { return "0".into() };
    if bytes.len() > 16 {
        return format!("0x{}", bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    }
    let fill: i128 = if first & 0x80 != 0 { -1 } else { 0 };
    let unscaled = bytes.iter().fold(fill, |n, &byte| (n << 8) | i128::from(byte));
    let scale = n.scale().max(0) as usize;
    let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale + 1);
    let (whole, part) = digits.split_at(digits.len() - scale);
    let sign = if unscaled < 0 { "-" } else { "" };
    if part.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") }
}

/// Days since 1970 as year-month-day; the algorithm of Howard Hinnant's `civil_from_days`.
fn date(days: i64) -> String {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day = days.rem_euclid(146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (day, month) = (day - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
    let year = year + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Ticks since midnight, 10^`digits` of them a second.
fn clock(ticks: i64, digits: usize) -> String {
    let second = 10i64.pow(digits as u32);
    let (seconds, part) = (ticks.div_euclid(second), ticks.rem_euclid(second));
    let text = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if part == 0 { text } else { format!("{text}.{part:0digits$}") }
}

/// Ticks since 1970, 10^`digits` of them a second, in UTC.
fn timestamp(ticks: i64, digits: usize) -> String {
    let day = 86_400 * 10i64.pow(digits as u32);
    format!("{}T{}", date(ticks.div_euclid(day)), clock(ticks.rem_euclid(day), digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_times() {
        // Expected values from Python's datetime.
        for (days, expected) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (19_782, "2024-02-29"),
            (-719_162, "0001-01-01"),
            (11_016, "2000-02-29"),
        ] {
            assert_eq!(date(days), expected);
        }
        assert_eq!(timestamp(1_541_186_529_153_123, 6), "2018-11-02T19:22:09.153123");
        assert_eq!(timestamp(-1, 3), "1969-12-31T23:59:59.999");
        assert_eq!(timestamp(86_400_000_000_000, 9), "1970-01-02T00:00:00");
        assert_eq!(clock(3_723_000, 3), "01:02:03");
        // The far ends of what a file can hold must not overflow.
        let _ = (timestamp(i64::MAX, 3), timestamp(i64::MIN, 3), date(i64::from(i32::MIN)), clock(i64::MIN, 6));
    }

    #[test]
    fn numbers() {
        assert_eq!(single(0.1), serde_json::json!(0.1));
        assert_eq!(number(f64::NAN), Value::Null);
        assert_eq!(number(f64::NEG_INFINITY), serde_json::json!("-Infinity"));
        for (unscaled, scale, expected) in [(1250, 2, "12.50"), (-5, 2, "-0.05"), (7, 0, "7"), (0, 1, "0.0")] {
            assert_eq!(decimal(&Decimal::from_i64(unscaled, 9, scale)), expected);
        }
    }
}
