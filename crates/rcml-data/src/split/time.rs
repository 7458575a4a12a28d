//! Splits by time: what came last is held out.

use serde_json::Value;

use super::draw::count;
use super::{Split, SplitConfig};
use crate::moment::date;
use crate::{Dataset, Duplicates, Error, Item, Result};

/// Items by their time; duplicates of each other by the latest of their times.
pub(super) fn items(dataset: &Dataset, config: &SplitConfig, duplicates: &Duplicates) -> Result<Vec<Split>> {
    let mut times = times(dataset, &config.time)?;
    let members = duplicates.members();
    for group in members.chunk_by(|a, b| a.1 == b.1) {
        let latest = group.iter().map(|&(item, _)| times[item as usize]).fold(f64::MIN, f64::max);
        group.iter().for_each(|&(item, _)| times[item as usize] = latest);
    }
    by_time(&times, config, "items")
}

/// Statements by the time of their edges: an edge is as late as the later one of its ends. `of_edges` numbers the statement of
/// each edge, `seen` lists the statements to split.
pub(super) fn edges(dataset: &Dataset, config: &SplitConfig, of_edges: &[usize], seen: &[usize]) -> Result<Vec<Split>> {
    let items = times(dataset, &config.time)?;
    let mut times = vec![f64::MIN; of_edges.iter().max().map_or(0, |n| n + 1)];
    for (&n, edge) in of_edges.iter().zip(&dataset.edges) {
        let of = |item: u32| items.get(item as usize).copied().unwrap_or(f64::MIN);
        times[n] = times[n].max(of(edge.source)).max(of(edge.target));
    }
    let times: Vec<f64> = seen.iter().map(|&n| times[n]).collect();
    by_time(&times, config, "edges")
}

/// The latest are for testing, those before them for validation. What has the same time is in one split.
fn by_time(times: &[f64], config: &SplitConfig, things: &str) -> Result<Vec<Split>> {
    let n = times.len();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| times[a].total_cmp(&times[b]));
    let sorted: Vec<f64> = order.iter().map(|&i| times[i]).collect();
    let test = boundary(&sorted, n - count(config.test, n));
    let validation = boundary(&sorted[..test], test - count(config.validation, n).min(test));
    let asked = count(config.test, n) + count(config.validation, n) > 0;
    if n > 0 && (validation == 0 || (asked && validation == n)) {
        let message = format!("a split by time needs {things} of different times: too many of {n} have the same");
        return Err(Error::input(message));
    }
    let mut splits = vec![Split::Train; n];
    order[validation..test].iter().for_each(|&i| splits[i] = Split::Validation);
    order[test..].iter().for_each(|&i| splits[i] = Split::Test);
    Ok(splits)
}

/// The place nearest to `wanted` where the time changes; the end where none does.
fn boundary(sorted: &[f64], wanted: usize) -> usize {
    let Some(&at) = sorted.get(wanted) else { return sorted.len() };
    let (first, after) = (sorted.partition_point(|&t| t < at), sorted.partition_point(|&t| t <= at));
    // Before the first there is nothing to train on, so that is no place for a boundary.
    if first == 0 || wanted - first > after - wanted { after } else { first }
}

/// The time of an item, as its attribute says it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Time {
    Number(f64),
    /// Seconds since 1970.
    Date(f64),
}

/// The times of all items. Numbers and dates cannot be put in one order, but that years stand beside dates is clear.
fn times(dataset: &Dataset, attribute: &str) -> Result<Vec<f64>> {
    let times = dataset.items.iter().map(|item| time(item, attribute)).collect::<Result<Vec<Time>>>()?;
    let date = times.iter().position(|time| matches!(time, Time::Date(_)));
    let of = |(&time, item): (&Time, &Item)| match (time, date) {
        (Time::Number(number), Some(date)) => year(number).ok_or_else(|| mixed(attribute, item, &dataset.items[date])),
        (Time::Number(time) | Time::Date(time), _) => Ok(time),
    };
    times.iter().zip(&dataset.items).map(of).collect()
}

fn mixed(attribute: &str, number: &Item, date: &Item) -> Error {
    let [found, other] = [number, date].map(|item| item.attributes.get(attribute).cloned().unwrap_or_default());
    Error::input(format!(
        "attribute `{attribute}`: item {:?} has the number {found}, item {:?} the date {other}: expected numbers alone, or dates \
         (and years of four digits) alone",
        number.id, date.id
    ))
}

/// The beginning of a year of four digits.
fn year(number: f64) -> Option<f64> {
    let is_year = number.fract() == 0.0 && (1000.0..10_000.0).contains(&number);
    if is_year { date(&format!("{number}-01-01")) } else { None }
}

fn time(item: &Item, attribute: &str) -> Result<Time> {
    let found = item.attributes.get(attribute).filter(|value| !value.is_null());
    let Some(value) = found else {
        let message = format!("split.time is {attribute:?}, but item {:?} has no such attribute", item.id);
        return Err(Error::input(message));
    };
    moment(value).ok_or_else(|| {
        let expected = "a number, or a date as 2024-05-31 or 2024-05-31T18:00:00Z";
        Error::input(format!("item {:?}: attribute `{attribute}`: found {value}, expected {expected}", item.id))
    })
}

fn moment(value: &Value) -> Option<Time> {
    let finite = |number: f64| number.is_finite().then_some(Time::Number(number));
    match value {
        Value::Number(number) => number.as_f64().and_then(finite),
        Value::String(text) => {
            let text = text.trim();
            text.parse().ok().and_then(finite).or_else(|| date(text).map(Time::Date))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_and_dates_are_told_apart() {
        assert_eq!(moment(&json!(12.5)), Some(Time::Number(12.5)));
        assert_eq!(moment(&json!("1999")), Some(Time::Number(1999.0)));
        assert_eq!(moment(&json!(" 1970-01-02")), Some(Time::Date(86_400.0)));
        assert_eq!([json!([1]), json!("inf"), json!("May 2024")].map(|value| moment(&value)), [None; 3]);
    }

    #[test]
    fn a_column_of_numbers_and_dates_is_refused_but_years_are_dates() {
        let of = |values: &[Value]| {
            let item = |(number, value): (usize, &Value)| {
                let mut item = Item::new(format!("i{number}")).text("x");
                item.attributes.insert("time".into(), value.clone());
                item
            };
            let items = values.iter().enumerate().map(item).collect();
            times(&Dataset { items, ..Dataset::default() }, "time").map_err(|e| e.to_string())
        };
        assert_eq!(
            of(&[json!("1971"), json!("1970-01-02"), json!(1972)]),
            Ok(vec![31_536_000.0, 86_400.0, 63_072_000.0])
        );
        assert_eq!(of(&[json!("2019"), json!(3)]), Ok(vec![2019.0, 3.0]), "numbers alone stay as they are");
        let message = of(&[json!("2004-06-01"), json!("2019"), json!(1_709_209_800)]).unwrap_err();
        assert!(
            message.contains("item \"i2\" has the number 1709209800, item \"i0\" the date \"2004-06-01\""),
            "{message}"
        );
    }

    #[test]
    fn equal_times_are_never_parted() {
        let sorted = [1.0, 2.0, 2.0, 2.0, 3.0, 3.0];
        assert_eq!([0, 1, 2, 3, 4, 5, 6].map(|wanted| boundary(&sorted, wanted)), [1, 1, 1, 4, 4, 4, 6]);
        assert_eq!(boundary(&[5.0, 5.0], 1), 2);
    }
}
