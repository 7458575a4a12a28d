//! "The same person as a woman": man, woman and person of one activity.

use std::collections::BTreeMap;

use super::Draft;
use super::catalogue::{Entry, code};
use crate::Relation;

/// Indices of the [man, woman, person] that do or are one thing; at least two of them exist.
pub(super) type Forms = [Option<u32>; 3];

/// Emoji that are the man, woman and person of one thing without saying so in their code points.
const IRREGULAR: [[&str; 3]; 7] = [
    ["1f466", "1f467", "1f9d2"],
    ["1f474", "1f475", "1f9d3"],
    ["1f934", "1f478", "1fac5"],
    ["1f385", "1f936", "1f9d1-200d-1f384"],
    ["1fac3", "1f930", "1fac4"],
    ["1f57a", "1f483", ""],
    ["1f468", "1f469", "1f9d1"],
];

/// Children and adults: two of them in one emoji are a family or a couple, which is not one person.
const PEOPLE: [&str; 6] = ["1f466", "1f467", "1f468", "1f469", "1f9d1", "1f9d2"];

/// The groups of forms among the emoji without tone.
pub(super) fn groups(entries: &[Entry]) -> Vec<Forms> {
    let mut groups: BTreeMap<String, Forms> = BTreeMap::new();
    for (i, entry) in entries.iter().enumerate().filter(|(_, e)| e.base.is_none()) {
        if let Some((what, form)) = form(&code(entry.emoji)) {
            groups.entry(what).or_default()[form] = Some(i as u32);
        }
    }
    groups.into_values().filter(|forms| forms.iter().flatten().count() > 1).collect()
}

/// What the person does or is, and as which form: 0 man, 1 woman, 2 person.
fn form(code: &str) -> Option<(String, usize)> {
    for (row, forms) in IRREGULAR.iter().enumerate() {
        if let Some(form) = forms.iter().position(|f| *f == code) {
            return Some((format!("irregular-{row}"), form));
        }
    }
    for (form, sign) in ["-200d-2642", "-200d-2640"].into_iter().enumerate() {
        if let Some(what) = code.strip_suffix(sign) {
            return Some((what.to_owned(), form));
        }
        // "Person walking facing right" puts the sign in the middle.
        if code.contains(sign) {
            return Some((code.replacen(sign, "", 1), form));
        }
    }
    let mut points = code.split('-');
    let first = points.next()?;
    if points.any(|p| PEOPLE.contains(&p)) {
        return None;
    }
    match ["1f468", "1f469", "1f9d1"].iter().position(|p| *p == first) {
        Some(form) => Some((code.replacen(first, "person", 1), form)),
        None => Some((code.to_owned(), 2)),
    }
}

/// Three directed relations; the target is the form that the relation names.
pub(super) fn drafts(groups: &[Forms]) -> Vec<Draft> {
    let relations = [
        Relation::new("person-as-man", "is the same person shown as a man")
            .phrasing("the male version of this")
            .phrasing("a man doing or being the same")
            .phrasing("the same role, played by a man")
            .phrasing("show it with a man instead"),
        Relation::new("person-as-woman", "is the same person shown as a woman")
            .phrasing("the female version of this")
            .phrasing("a woman doing or being the same")
            .phrasing("the same role, played by a woman")
            .phrasing("show it with a woman instead"),
        Relation::new("person-as-person", "is the same person shown without a gender")
            .phrasing("the gender-neutral version of this")
            .phrasing("a person of any gender doing or being the same")
            .phrasing("the same role, neither man nor woman")
            .phrasing("show it without saying man or woman"),
    ];
    relations
        .into_iter()
        .enumerate()
        .map(|(target, relation)| {
            let into = |forms: &Forms| {
                let others = forms.iter().enumerate().filter(|(f, _)| *f != target).filter_map(|(_, i)| *i);
                forms[target].into_iter().flat_map(|t| others.clone().map(move |s| (s, t))).collect::<Vec<_>>()
            };
            Draft { relation: relation.family("person"), pairs: groups.iter().flat_map(into).collect() }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_one_activity_share_a_key() {
        let key = |c: &str| form(c).unwrap().0;
        for forms in [
            ["1f468-200d-1f33e", "1f469-200d-1f33e", "1f9d1-200d-1f33e"],
            ["1f46e-200d-2642", "1f46e-200d-2640", "1f46e"],
            ["1f6b6-200d-2642-200d-27a1", "1f6b6-200d-2640-200d-27a1", "1f6b6-200d-27a1"],
            ["1f934", "1f478", "1fac5"],
        ] {
            assert_eq!(forms.map(|f| form(f).unwrap().1), [0, 1, 2]);
            assert!(forms.iter().all(|f| key(f) == key(forms[0])), "{forms:?}");
        }
        assert!(form("1f468-200d-1f469-200d-1f466").is_none(), "a family");
        assert_ne!(key("1f468-200d-1f33e"), key("1f468-200d-1f393"));
    }
}
