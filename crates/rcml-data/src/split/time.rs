//! Splits by time: what came last is held out.

use serde_json::Value;

use super::draw::count;
use super::{Split, SplitConfig};
use crate::{Dataset, Duplicates, Error, Item, Result};

/// Items by their time; duplicates of each other by the latest of their times.
pub(super) fn items(dataset: &Dataset, config: &SplitConfig, duplicates: &Duplicates) -> Result<Vec<Split>> {
    let mut times = dataset.items.iter().map(|item| time(item, &config.time)).collect::<Result<Vec<f64>>>()?;
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
    let items = dataset.items.iter().map(|item| time(item, &config.time)).collect::<Result<Vec<f64>>>()?;
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

fn time(item: &Item, attribute: &str) -> Result<f64> {
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

/// A number as it is, a date as seconds since 1970.
fn moment(value: &Value) -> Option<f64> {
    let finite = |number: f64| number.is_finite().then_some(number);
    match value {
        Value::Number(number) => number.as_f64().and_then(finite),
        Value::String(text) => text.trim().parse().ok().and_then(finite).or_else(|| date(text.trim())),
        _ => None,
    }
}

fn date(text: &str) -> Option<f64> {
    let (date, clock) = match text.split_once(['T', ' ']) {
        Some((date, clock)) => (date, Some(clock)),
        None => (text, None),
    };
    let mut parts = date.splitn(3, '-');
    let mut part = |low: i64, high: i64| {
        let part = parts.next()?;
        let number: i64 = part.parse().ok()?;
        (part.bytes().all(|b| b.is_ascii_digit()) && (low..=high).contains(&number)).then_some(number)
    };
    let (year, month) = (part(0, 9999)?, part(1, 12)?);
    let day = part(1, 31)?;
    Some(86400.0 * days(year, month, day) as f64 + clock.map_or(Some(0.0), seconds)?)
}

/// Days from 1970-01-01 (H. Hinnant, "chrono-compatible low-level date algorithms").
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// `18:00`, `18:00:00`, `18:00:00.25`, with `Z` or an offset such as `+02:00` after it.
fn seconds(clock: &str) -> Option<f64> {
    let zone = clock.find(['Z', 'z', '+', '-']).unwrap_or(clock.len());
    let (clock, zone) = clock.split_at(zone);
    let of = |text: &str| -> Option<f64> {
        let mut parts = text.split(':').map(str::parse::<f64>);
        let hours = parts.next()?.ok()?;
        let minutes = parts.next().map_or(Some(0.0), Result::ok)?;
        let seconds = parts.next().map_or(Some(0.0), Result::ok)?;
        let sound = hours <= 24.0 && minutes < 60.0 && seconds < 61.0 && hours >= 0.0 && parts.next().is_none();
        sound.then_some(3600.0 * hours + 60.0 * minutes + seconds)
    };
    let offset = match zone.get(..1) {
        None | Some("Z" | "z") => 0.0,
        Some(sign) => of(&zone[1..])? * if sign == "+" { 1.0 } else { -1.0 },
    };
    Some(of(clock.trim())? - offset)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn dates_are_seconds_since_1970() {
        // Values of `date -u -d TEXT +%s`.
        for (text, expected) in [
            ("1970-01-01", 0.0),
            ("2000-02-29", 951_782_400.0),
            ("2024-05-31T18:00:00Z", 1_717_178_400.0),
            ("2024-05-31 18:00:00.5", 1_717_178_400.5),
            ("2024-05-31T18:00+02:00", 1_717_171_200.0),
            ("1969-12-31T23:59:59Z", -1.0),
        ] {
            assert_eq!(moment(&json!(text)), Some(expected), "{text}");
        }
        assert_eq!(moment(&json!(12.5)), Some(12.5));
        assert_eq!(moment(&json!("1999")), Some(1999.0));
        for text in ["", "May 2024", "2024-13-01", "2024-1", "2024-05-31T25:00:00", "2024-05-31Tx", "inf", "-5-01-01"] {
            assert_eq!(moment(&json!(text)), None, "{text}");
        }
        assert_eq!(moment(&json!([1])), None);
    }

    #[test]
    fn equal_times_are_never_parted() {
        let sorted = [1.0, 2.0, 2.0, 2.0, 3.0, 3.0];
        assert_eq!([0, 1, 2, 3, 4, 5, 6].map(|wanted| boundary(&sorted, wanted)), [1, 1, 1, 4, 4, 4, 6]);
        assert_eq!(boundary(&[5.0, 5.0], 1), 2);
    }
}
