//! Dates as numbers.

/// Seconds since 1970 (UTC) of `2024-05-31`, `2024-05-31T18:00:00Z` or `2024-05-31 18:00 +0200`.
pub(crate) fn date(text: &str) -> Option<f64> {
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

/// `18:00`, `18:00:00`, `18:00:00.25`, with `Z` or an offset such as `+02:00` or `+0200` after it.
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
        Some(sign) => {
            let size = match zone[1..].split_at_checked(2) {
                Some((hours, minutes)) if minutes.len() == 2 => of(&format!("{hours}:{minutes}"))?,
                _ => of(&zone[1..])?,
            };
            size * if sign == "+" { 1.0 } else { -1.0 }
        }
    };
    Some(of(clock.trim())? - offset)
}

#[cfg(test)]
mod tests {
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
            ("2024-05-31 18:00:00 +0200", 1_717_171_200.0),
            ("2024-05-31T18:00-05", 1_717_196_400.0),
            ("1969-12-31T23:59:59Z", -1.0),
        ] {
            assert_eq!(date(text), Some(expected), "{text}");
        }
        for text in ["", "1999", "May 2024", "2024-13-01", "2024-1", "2024-05-31T25:00:00", "2024-05-31Tx", "-5-01-01"]
        {
            assert_eq!(date(text), None, "{text}");
        }
    }
}
