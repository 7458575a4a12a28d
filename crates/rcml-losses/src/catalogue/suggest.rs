//! Names near a misspelt one.

/// Most names that are suggested.
const MOST: usize = 3;

/// "did you mean ..." with the nearest of the known names, or all of them where none is near.
pub(crate) fn nearest(given: &str, known: &[&str]) -> String {
    let plain =
        |name: &str| name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>();
    let wanted = plain(given);
    // Neighbouring letters in the wrong order count once.
    let mut near: Vec<_> = known.iter().map(|name| (strsim::osa_distance(&wanted, &plain(name)), *name)).collect();
    near.sort();
    near.retain(|(distance, _)| *distance <= wanted.chars().count().div_ceil(3));
    if near.is_empty() {
        return format!("known are {}", known.join(", "));
    }
    let names: Vec<String> = near.iter().take(MOST).map(|(_, name)| format!("`{name}`")).collect();
    format!("did you mean {}?", names.join(" or "))
}
