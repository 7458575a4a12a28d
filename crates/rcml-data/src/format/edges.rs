//! The table of edges.

use std::borrow::Cow;
use std::collections::HashMap;

use rayon::prelude::*;
use serde::Deserialize;
use serde_json::Value;

use super::nearest;
use super::record::{Record, describe, excerpt, split};
use super::table::{Place, Row, Table};
use crate::{Dataset, Edge, Problem, Relation};

/// Hints at what was meant cost a pass over all names each, so only the first few problems get one.
const HINTS: usize = 20;

/// What can be wrong with an edge.
enum Fault {
    Message(String),
    /// The field and the name that nothing has.
    Unknown(&'static str, String),
}

/// The common case, read without building a map of the fields. Fields that it does not know are passed over.
#[derive(Deserialize)]
struct Plain<'a> {
    #[serde(borrow)]
    relation: Cow<'a, str>,
    #[serde(borrow)]
    source: Cow<'a, str>,
    #[serde(borrow)]
    target: Cow<'a, str>,
    weight: Option<f64>,
    #[serde(borrow)]
    split: Option<Cow<'a, str>>,
}

/// Hands out all edges between the items and relations of the dataset, in the order of the table.
pub(super) fn read(table: &Table, dataset: &Dataset, problems: &mut Vec<Problem>, mut each: impl FnMut(Edge)) {
    let names = Names { items: dataset.item_index(), relations: dataset.relation_index() };
    let mut hints = HINTS;
    table.each(
        problems,
        |row, _| names.edge(row),
        |place, parsed, problems| match parsed {
            Ok(edge) => each(edge),
            Err(faults) => {
                let words = faults.into_iter().map(|fault| fault.words(dataset, &mut hints));
                problems.extend(words.map(|message| table.problem(place, message)));
            }
        },
    );
}

/// Reads edges that stand with the item they begin at: the place and id of that item, and the rest of the edge.
pub(super) fn attached(
    found: Vec<(Place, String, Value)>,
    table: &Table,
    dataset: &Dataset,
    problems: &mut Vec<Problem>,
) -> Vec<Edge> {
    let names = Names { items: dataset.item_index(), relations: dataset.relation_index() };
    let mut edges = Vec::new();
    let mut hints = HINTS;
    for (place, source, edge) in found {
        let mut fields = match edge {
            Value::Object(fields) => fields,
            other => {
                problems.push(table.problem(place, format!("an edge: expected an object, found {}", describe(&other))));
                continue;
            }
        };
        fields.insert("source".into(), source.into());
        match names.careful(Record::new(fields)) {
            Ok(edge) => edges.push(edge),
            Err(faults) => problems.extend(faults.into_iter().map(|fault| {
                let message = fault.words(dataset, &mut hints);
                table.problem(place, format!("an edge: {message}"))
            })),
        }
    }
    edges
}

/// The relations that such edges name, for a dataset without a table of relations: an edge may describe its relation, else
/// the id says what it means.
pub(super) fn relations(found: &[(Place, String, Value)]) -> Vec<Relation> {
    let mut relations: Vec<Relation> = Vec::new();
    let mut known: HashMap<&str, usize> = HashMap::new();
    for (_, _, edge) in found {
        let text = |field: &str| edge.get(field).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
        let Some(id) = text("relation") else { continue };
        let index = *known.entry(id).or_insert_with(|| {
            relations.push(Relation { id: id.into(), ..Relation::default() });
            relations.len() - 1
        });
        let descriptions = &mut relations[index].descriptions;
        if let Some(description) = text("description").filter(|text| descriptions.iter().all(|known| known != text)) {
            descriptions.push(description.into());
        }
    }
    for relation in relations.iter_mut().filter(|relation| relation.descriptions.is_empty()) {
        relation.descriptions.push(relation.id.replace(['-', '_'], " "));
    }
    relations
}

impl Fault {
    fn words(self, dataset: &Dataset, hints: &mut usize) -> String {
        match self {
            Self::Message(message) => message,
            Self::Unknown(field, name) => {
                let hint = match hints.checked_sub(1) {
                    Some(left) => {
                        *hints = left;
                        hint(dataset, field, &name)
                    }
                    None => String::new(),
                };
                let thing = if field == "relation" { "relation" } else { "item" };
                format!("field `{field}`: no {thing} has the id {}{hint}", excerpt(&name))
            }
        }
    }
}

fn hint(dataset: &Dataset, field: &str, name: &str) -> String {
    if field == "relation" {
        nearest::hint(name, dataset.relations.par_iter().map(|relation| relation.id.as_str()))
    } else {
        nearest::hint(name, dataset.items.par_iter().map(|item| item.id.as_str()))
    }
}

struct Names<'a> {
    items: HashMap<&'a str, u32>,
    relations: HashMap<&'a str, u32>,
}

impl Names<'_> {
    fn edge(&self, row: Row<'_>) -> Result<Edge, Vec<Fault>> {
        if let Row::Json(line) = &row
            && let Ok(plain) = serde_json::from_slice::<Plain<'_>>(line)
            && let Some(edge) = self.plain(&plain)
        {
            return Ok(edge);
        }
        // Something is wrong, or unusual: this way finds out what.
        let fields = row.fields().map_err(|message| vec![Fault::Message(message)])?;
        self.careful(Record::new(fields))
    }

    fn plain(&self, plain: &Plain<'_>) -> Option<Edge> {
        let split = match &plain.split {
            None => None,
            Some(name) => Some(split(name)?),
        };
        let edge = Edge {
            relation: *self.relations.get(&*plain.relation)?,
            source: *self.items.get(&*plain.source)?,
            target: *self.items.get(&*plain.target)?,
            weight: weight(plain.weight.unwrap_or(1.0)).ok()?,
            split,
        };
        (edge.source != edge.target).then_some(edge)
    }

    fn careful(&self, mut record: Record) -> Result<Edge, Vec<Fault>> {
        let mut unknown = Vec::new();
        let mut find = |record: &mut Record, field: &'static str, names: &HashMap<&str, u32>| {
            let name = record.required(field)?;
            let found = names.get(name.as_str()).copied();
            if found.is_none() {
                unknown.push(Fault::Unknown(field, name));
            }
            found
        };
        let relation = find(&mut record, "relation", &self.relations);
        let source = find(&mut record, "source", &self.items);
        let target = find(&mut record, "target", &self.items);
        if source.is_some() && source == target {
            record.problem("field `target`: found the `source` again, expected another item");
        }
        let weight = match record.take("weight") {
            None => 1.0,
            Some(value) => match value.as_f64().map(weight) {
                Some(Ok(weight)) => weight,
                Some(Err(message)) => {
                    record.problem(message);
                    1.0
                }
                None => {
                    record.mistyped("weight", "a number", &value);
                    1.0
                }
            },
        };
        let split = record.split();
        match (relation, source, target) {
            (Some(relation), Some(source), Some(target)) if record.problems.is_empty() => {
                Ok(Edge { relation, source, target, weight, split })
            }
            _ => Err(record.problems.into_iter().map(Fault::Message).chain(unknown).collect()),
        }
    }
}

fn weight(value: f64) -> Result<f32, String> {
    let weight = value as f32;
    if weight.is_finite() && weight >= 0.0 {
        Ok(weight)
    } else {
        Err(format!("field `weight`: found {value}, expected a finite number of at least 0"))
    }
}
