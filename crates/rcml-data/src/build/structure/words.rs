//! Names of programs, as people would say them.

/// "same_brandName" -> "same brand name"; the last part of an IRI or a path alone.
pub(super) fn spoken(name: &str) -> String {
    let last = name.trim_end_matches(['/', '#']).rsplit(['/', '#']).next().unwrap_or(name);
    let mut words = String::with_capacity(last.len() + 4);
    let mut before = ' ';
    for c in last.chars() {
        if matches!(c, '_' | '-' | '.' | ' ' | ':') {
            if !words.is_empty() && !words.ends_with(' ') {
                words.push(' ');
            }
        } else {
            if c.is_uppercase() && before.is_lowercase() {
                words.push(' ');
            }
            words.extend(c.to_lowercase());
        }
        before = c;
    }
    words.trim_end().to_owned()
}

/// "a", "a and b", "a, b and c".
pub(super) fn list(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_words() {
        for (name, words) in [
            ("http://www.w3.org/2000/01/rdf-schema#subClassOf", "sub class of"),
            ("_hypernym", "hypernym"),
            ("brand_name", "brand name"),
            ("/film/film/genre", "genre"),
            ("http://x.org/P31", "p31"),
            ("isPartOf/", "is part of"),
        ] {
            assert_eq!(spoken(name), words);
        }
        assert_eq!(list(&["a".into(), "b".into(), "c".into()]), "a, b and c");
    }
}
