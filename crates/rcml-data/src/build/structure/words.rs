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

/// What a predicate says if it is no noun: "has a part" -> "has a part", "belongs to" -> "belongs to", "located in" -> "is
/// located in".
pub(super) fn clause(words: &str) -> Option<String> {
    const VERBS: [&str; 10] = ["is", "are", "was", "were", "has", "have", "had", "can", "does", "did"];
    const PREPOSITIONS: [&str; 14] =
        ["of", "in", "by", "for", "to", "from", "with", "at", "on", "as", "than", "after", "before", "about"];
    let (first, last) = (words.split(' ').next()?, words.rsplit(' ').next()?);
    if first == last {
        return None;
    }
    let (is_verb, is_of) = (VERBS.contains(&first), PREPOSITIONS.contains(&last));
    // "belongs", "consists"
    let is_said = is_verb || (is_of && singular(first) != first);
    if is_said { Some(words.into()) } else { is_of.then(|| format!("is {words}")) }
}

/// "a", "a and b", "a, b and c".
pub(super) fn list(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// The English plural of a name's last word, taken back: "authors" -> "author". What is no plural stays.
pub(super) fn singular(name: &str) -> String {
    let is_whole = |name: &str| ["ss", "us", "is", "series", "species"].iter().any(|whole| name.ends_with(whole));
    let has_ie = |stem: &str| ["movie", "cookie"].iter().any(|word| stem.ends_with(word)) || stem.len() < 4;
    match name.strip_suffix('s') {
        Some(stem) if stem.ends_with("ie") && !is_whole(name) && !has_ie(stem) => {
            format!("{}y", &stem[..stem.len() - 2])
        }
        Some(stem) if ["sse", "xe", "che", "she"].iter().any(|end| stem.ends_with(end)) => {
            stem[..stem.len() - 1].into()
        }
        Some(stem) if !stem.is_empty() && !is_whole(name) => stem.into(),
        _ => name.into(),
    }
}

/// The English plural of a name's last word: "category" -> "categories". Names in other letters stay.
pub(super) fn plural(name: &str) -> String {
    let singular = singular(name);
    let mut last = singular.chars().rev();
    match (last.next(), last.next()) {
        (Some('y'), Some(before)) if !"aeiou".contains(before) => format!("{}ies", &singular[..singular.len() - 1]),
        (Some('s' | 'x'), _) | (Some('h'), Some('c' | 's')) => singular + "es",
        (Some('a'..='z'), _) => singular + "s",
        _ => singular,
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

    #[test]
    fn clauses_are_told_from_nouns() {
        for (words, said) in [
            ("has a variant with lock", Some("has a variant with lock")),
            ("is part of", Some("is part of")),
            ("part of", Some("is part of")),
            ("sub class of", Some("is sub class of")),
            ("located in", Some("is located in")),
            ("belongs to", Some("belongs to")),
            ("genre", None),
            ("place of birth", None),
            ("has", None),
            ("of", None),
            ("", None),
        ] {
            assert_eq!(clause(words).as_deref(), said, "{words}");
        }
    }

    #[test]
    fn one_and_many() {
        for (one, many) in [
            ("author", "authors"),
            ("category", "categories"),
            ("day", "days"),
            ("box", "boxes"),
            ("class", "classes"),
            ("search term", "search terms"),
            ("branch", "branches"),
            ("movie", "movies"),
            ("property", "properties"),
            ("词牌", "词牌"),
        ] {
            assert_eq!((singular(many).as_str(), plural(one).as_str()), (one, many));
            assert_eq!((singular(one).as_str(), plural(many).as_str()), (one, many), "already so");
        }
        for whole in ["status", "s", "series", "basis"] {
            assert_eq!(singular(whole), whole);
        }
    }
}
