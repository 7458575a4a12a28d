//! Names near a misspelt one.

/// Most names that are suggested.
const MOST: usize = 3;

/// "did you mean ..." with the nearest of the known names, or all of them where none is near.
pub(crate) fn nearest(given: &str, known: &[&str]) -> String {
    let plain =
        |name: &str| name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect::<Vec<_>>();
    let wanted = plain(given);
    let mut near: Vec<(usize, &str)> = known.iter().map(|name| (distance(&wanted, &plain(name)), *name)).collect();
    near.sort();
    near.retain(|(distance, _)| *distance <= wanted.len().div_ceil(3));
    if near.is_empty() {
        return format!("known are {}", known.join(", "));
    }
    let names: Vec<String> = near.iter().take(MOST).map(|(_, name)| format!("`{name}`")).collect();
    format!("did you mean {}?", names.join(" or "))
}

/// Levenshtein's distance: insertions, deletions and replacements.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        let of = |a: &str, b: &str| distance(&a.chars().collect::<Vec<_>>(), &b.chars().collect::<Vec<_>>());
        assert_eq!((of("kitten", "sitting"), of("", "abc"), of("gram", "gram")), (3, 3, 0));
    }
}
