//! Words of a user -> a relation and its two ends.

use rcml_data::{Dataset, Role};
use rcml_model::{RelationQuery, Roles};

/// The two ends of the relation that `words` name: the roles of the dataset's own relation where the words are one of its
/// phrasings, else those of words that no relation is known for.
pub(crate) fn ends(dataset: &Dataset, roles: Roles, words: &str) -> (RelationQuery, RelationQuery) {
    let (source, target) = known_roles(dataset, roles, words).unwrap_or(roles.of_words());
    let of = |role| RelationQuery::Relation(words.trim().to_string(), role);
    (of(source), of(target))
}

/// Roles of the relation that has these words among its phrasings.
pub(crate) fn known_roles(dataset: &Dataset, roles: Roles, words: &str) -> Option<(Role, Role)> {
    let same = |phrasing: &String| phrasing.trim().to_lowercase() == words.trim().to_lowercase();
    dataset.relations.iter().find(|relation| relation.descriptions.iter().any(same)).map(|relation| roles.of(relation))
}

#[cfg(test)]
mod tests {
    use rcml_data::Relation;

    use super::*;

    #[test]
    fn known_words_have_the_roles_of_their_relation() {
        let relations = vec![
            Relation::new("part", "is a part of").phrasing("belongs to"),
            Relation::new("like", "is like").symmetric(true),
        ];
        let dataset = Dataset { relations, ..Dataset::default() };
        let text = |words: &str, role| RelationQuery::Relation(words.into(), role);
        let directed = |words: &str| (text(words, Role::Source), text(words, Role::Target));
        let either = |words: &str| (text(words, Role::Either), text(words, Role::Either));
        assert_eq!(ends(&dataset, Roles::Directed, "belongs to"), directed("belongs to"));
        assert_eq!(ends(&dataset, Roles::Directed, " Is a part of "), directed("Is a part of"));
        assert_eq!(ends(&dataset, Roles::Directed, "is like"), either("is like"));
        assert_eq!(ends(&dataset, Roles::Directed, "something new"), either("something new"));
    }
}
