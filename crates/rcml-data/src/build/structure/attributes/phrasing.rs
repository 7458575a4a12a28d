//! What is said of items that share attributes.

use super::super::draft::phrased;
use super::super::words::{list, plural, singular, spoken};
use crate::Relation;
use crate::build::interactions::slug;

/// An attribute of a rule, as people would say it.
#[derive(Debug, Clone)]
pub(super) struct Named {
    words: String,
    /// Whether an item may have several values, of which two items then share one.
    is_list: bool,
}

impl Named {
    pub(super) fn new(name: &str, is_list: bool) -> Self {
        Self { words: spoken(name), is_list }
    }

    /// What one value is called.
    fn one(&self) -> String {
        if self.is_list { singular(&self.words) } else { self.words.clone() }
    }

    /// "another size"; of several values, none is shared.
    fn other(&self) -> String {
        if self.is_list { format!("no common {}", self.one()) } else { format!("another {}", self.words) }
    }

    /// "one of the same authors", or with `the` as "its": "one of its authors".
    fn shared(&self, the: &str) -> String {
        if self.is_list { format!("one of {the} {}", plural(&self.words)) } else { format!("{the} {}", self.words) }
    }
}

/// The relation of a rule.
pub(super) fn of_rule(same: &[Named], other: &[Named]) -> Relation {
    let (words, others) = (said(same, |name| name.words.clone()), said(other, |name| name.words.clone()));
    let but = but(other);
    let is_list = same.iter().chain(other).any(|name| name.is_list);
    let phrasings = match (is_list, others.as_str()) {
        (false, "") => [
            format!("has the same {words} as it"),
            format!("shares its {words}"),
            format!("is of the same {words}"),
            format!("does not differ from it in {words}"),
        ],
        (false, _) => [
            format!("has the same {words} as it{but}"),
            format!("shares its {words}; the {others} differs"),
            format!("is of the same {words} in a different {others}"),
            format!("differs from it in {others}, not in {words}"),
        ],
        (true, _) => {
            let one = said(same, Named::one);
            [
                format!("has {} as it{but}", said(same, |name| name.shared("the same"))),
                format!("shares {}{but}", said(same, |name| name.shared("its"))),
                format!("is linked to it by a common {one}{but}"),
                format!("what they have in common is the {one}{but}"),
            ]
        }
    };
    phrased(format!("same-{}{}", id(same), other_id(other)), "attribute", true, phrasings)
}

/// The relation of one value of each shared attribute.
pub(super) fn of_value(same: &[Named], other: &[Named], value: &[String]) -> Relation {
    let with = |say: fn(&Named) -> String| -> Vec<String> {
        same.iter().zip(value).map(|(name, value)| format!("{} {value}", say(name))).collect()
    };
    let (what, but) = (list(&with(Named::one)), but(other));
    let phrasings = [
        format!("both have the {what}{but}"),
        format!("is another one with the {what}{but}"),
        format!("has the {what} as well{but}"),
        format!("what they share is the {what}{but}"),
    ];
    let id = slug(&with(|name| name.words.clone()).join(" "));
    phrased(format!("{id}{}", other_id(other)), "attribute", true, phrasings)
}

fn said(names: &[Named], say: impl Fn(&Named) -> String) -> String {
    list(&names.iter().map(say).collect::<Vec<_>>())
}

/// ", but another size": what must differ.
fn but(other: &[Named]) -> String {
    if other.is_empty() { String::new() } else { format!(", but {}", said(other, Named::other)) }
}

fn id(names: &[Named]) -> String {
    slug(&names.iter().map(|name| name.words.as_str()).collect::<Vec<_>>().join(" "))
}

fn other_id(other: &[Named]) -> String {
    if other.is_empty() { String::new() } else { format!("-other-{}", id(other)) }
}
