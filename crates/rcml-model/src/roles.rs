//! Which end of a relation an item stands at.

use rcml_data::{Relation, Role};
use serde::{Deserialize, Serialize};

/// Which relations embed their two ends in different roles.
///
/// Embedded alike, an item is at least as close to itself, and to whatever is embedded like it, as to anything else: a symmetric
/// relation that says "but not the same" (another colour, the opposite corner) cannot be met by any model with one role. Two
/// roles can hold it; one role learns from fewer pairs that two items which relate to the same things are alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Roles {
    /// None: the paper.
    None,
    /// Directed relations alone.
    Directed,
    /// All relations.
    #[default]
    All,
}

impl Roles {
    /// The roles of a query and of its candidates.
    pub fn of(self, relation: &Relation) -> (Role, Role) {
        match self {
            Self::None => (Role::Either, Role::Either),
            Self::Directed => relation.roles(),
            Self::All => (Role::Source, Role::Target),
        }
    }

    /// The same of the relation that has these words among its phrasings, in whatever case; `None` if there is none.
    pub fn of_phrasing(self, relations: &[Relation], words: &str) -> Option<(Role, Role)> {
        let same = |phrasing: &String| phrasing.trim().to_lowercase() == words.trim().to_lowercase();
        relations.iter().find(|relation| relation.descriptions.iter().any(same)).map(|relation| self.of(relation))
    }

    /// The roles under a relation of which only words are known.
    pub fn of_words(self) -> (Role, Role) {
        match self {
            Self::None | Self::Directed => (Role::Either, Role::Either),
            Self::All => (Role::Source, Role::Target),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_follow_the_setting() {
        let like = Relation::new("like", "is like").symmetric(true);
        let part = Relation::new("part", "is a part of");
        let (either, ends) = ((Role::Either, Role::Either), (Role::Source, Role::Target));
        assert_eq!([Roles::None.of(&part), Roles::None.of(&like)], [either, either]);
        assert_eq!([Roles::Directed.of(&part), Roles::Directed.of(&like)], [ends, either]);
        assert_eq!([Roles::All.of(&part), Roles::All.of(&like)], [ends, ends]);
        let relations = [part.phrasing("belongs to"), like];
        let of = |words| Roles::Directed.of_phrasing(&relations, words);
        assert_eq!([of("belongs to"), of(" Is a part of "), of("is like")], [Some(ends), Some(ends), Some(either)]);
        assert_eq!(of("something new"), None);
        assert_eq!([Roles::Directed.of_words(), Roles::All.of_words()], [either, ends]);
    }
}
