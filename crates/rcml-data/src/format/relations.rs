//! The table of relations.

use std::collections::HashMap;

use serde_json::Value;

use super::record::Record;
use super::table::{Place, Table};
use crate::{Problem, Relation, Split};

/// Reads all relations.
pub(super) fn read(table: &Table, relations: &mut Vec<Relation>, problems: &mut Vec<Problem>) {
    let mut first: HashMap<String, Place> = HashMap::new();
    table.each(
        problems,
        |row, _| row.fields().map(|fields| relation(Record::new(fields))),
        |place, parsed, problems| {
            let mut say = |message: String| problems.push(table.problem(place, message));
            match parsed {
                Err(message) => say(message),
                Ok((relation, found)) => {
                    found.into_iter().for_each(&mut say);
                    if !relation.id.is_empty() {
                        match first.get(&relation.id) {
                            Some(&first) => {
                                let first = table.words(first, place);
                                say(format!("id {:?} is taken: {first} has it first", relation.id));
                            }
                            None => _ = first.insert(relation.id.clone(), place),
                        }
                    }
                    relations.push(relation);
                }
            }
        },
    );
}

fn relation(mut record: Record) -> (Relation, Vec<String>) {
    let id = record.required("id").unwrap_or_default();
    let descriptions = descriptions(&mut record);
    let symmetric = record.flag("symmetric");
    let split = record.split();
    if split == Some(Split::Validation) {
        record.problem("field `split`: found validation, expected train (seen) or test (never seen) for a relation");
    }
    let family = record.string("family");
    let problems = std::mem::take(&mut record.problems);
    (Relation { id, descriptions, symmetric, split, family, attributes: record.rest() }, problems)
}

/// `description` first, where it is there, then `descriptions`; none stands twice.
fn descriptions(record: &mut Record) -> Vec<String> {
    let known = record.problems.len();
    let mut all: Vec<String> = record.string("description").into_iter().collect();
    match record.take("descriptions") {
        None => {}
        Some(Value::Array(phrasings)) => {
            for phrasing in phrasings {
                match phrasing {
                    Value::String(phrasing) if all.contains(&phrasing) => {}
                    Value::String(phrasing) => all.push(phrasing),
                    other => record.mistyped("descriptions", "strings", &other),
                }
            }
        }
        Some(other) => record.mistyped("descriptions", "an array of strings", &other),
    }
    if all.iter().any(|description| description.trim().is_empty()) {
        record.problem("a description is empty: expected words that say how two items are related");
    } else if all.is_empty() && record.problems.len() == known {
        record.problem("field `description` is missing: expected words that say how two items are related");
    }
    all
}
