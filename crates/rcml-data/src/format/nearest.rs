//! "Did you mean ...?"

use rayon::prelude::*;

/// A hint at the known name nearest to a wrong one, or nothing where none is near.
pub(crate) fn hint<'a>(wrong: &str, known: impl ParallelIterator<Item = &'a str>) -> String {
    let wrong_chars: Vec<char> = wrong.chars().collect();
    let most = wrong_chars.len().div_ceil(3).min(3);
    let near = |name: &'a str| {
        // Beyond this length it cannot be near, and a name has at most four bytes a character.
        if name.len() > 4 * (wrong_chars.len() + most) {
            return None;
        }
        let distance = if name.eq_ignore_ascii_case(wrong) { 0 } else { distance(&wrong_chars, name, most)? };
        (distance < wrong_chars.len()).then_some((distance, name))
    };
    known.filter_map(near).min().map_or_else(String::new, |(_, name)| format!("; did you mean {name:?}?"))
}

/// Levenshtein distance, where it is at most `most`.
fn distance(a: &[char], b: &str, most: usize) -> Option<usize> {
    if a.len().abs_diff(b.chars().count()) > most {
        return None;
    }
    let mut row: Vec<usize> = (0..=a.len()).collect();
    for (i, y) in b.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, &x) in a.iter().enumerate() {
            let cost = (diagonal + usize::from(x != y)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], cost);
        }
    }
    row.last().copied().filter(|&d| d <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_at_what_is_near_and_only_that() {
        for (wrong, known, expected) in [
            ("same-colour", vec!["same-color", "same-shape"], "; did you mean \"same-color\"?"),
            ("I7", vec!["i7", "i8"], "; did you mean \"i7\"?"),
            ("zzz", vec!["r", "abc"], ""),
            ("x", vec!["a", "b"], ""),
            ("item12", vec![], ""),
        ] {
            assert_eq!(hint(wrong, known.into_par_iter()), expected, "{wrong}");
        }
    }
}
