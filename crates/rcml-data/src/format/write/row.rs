//! The fields of items, relations and edges, as the tables have them.

use serde_json::{Map, Value, json};

use crate::{Dataset, Edge, Error, Item, Relation, Result};

/// A row of the fields that have a value, followed by the attributes.
fn row(
    thing: &str,
    fields: impl IntoIterator<Item = (&'static str, Option<Value>)>,
    attributes: &Map<String, Value>,
) -> Result<Map<String, Value>> {
    let mut row = Map::new();
    for (name, value) in fields {
        if attributes.contains_key(name) {
            return Err(Error::input(format!("{thing} has an attribute `{name}`, which is a field of the format")));
        }
        if let Some(value) = value {
            row.insert(name.into(), value);
        }
    }
    row.extend(attributes.iter().map(|(name, value)| (name.clone(), value.clone())));
    Ok(row)
}

pub(super) fn item(item: &Item) -> Result<Map<String, Value>> {
    let fields = [
        ("id", Some(json!(item.id))),
        ("text", item.text.as_ref().map(|text| json!(text))),
        ("image", item.image.as_ref().map(|image| json!(image))),
        ("label", item.label.as_ref().map(|label| json!(label))),
        ("split", item.split.map(|split| json!(split))),
        ("features", (!item.features.is_empty()).then(|| json!(item.features))),
    ];
    row(&format!("item {:?}", item.id), fields, &item.attributes)
}

pub(super) fn relation(relation: &Relation) -> Result<Map<String, Value>> {
    let one = relation.descriptions.len() == 1;
    let fields = [
        ("id", Some(json!(relation.id))),
        ("description", one.then(|| json!(relation.description()))),
        ("descriptions", (!one).then(|| json!(relation.descriptions))),
        ("symmetric", relation.symmetric.then(|| json!(true))),
        ("family", relation.family.as_ref().map(|family| json!(family))),
        ("split", relation.split.map(|split| json!(split))),
    ];
    row(&format!("relation {:?}", relation.id), fields, &relation.attributes)
}

pub(super) fn edge(dataset: &Dataset, edge: &Edge) -> Result<Map<String, Value>> {
    let item = |i: u32| dataset.items.get(i as usize).map(|item| json!(item.id));
    let relation = dataset.relations.get(edge.relation as usize).map(|relation| json!(relation.id));
    let (Some(relation), Some(source), Some(target)) = (relation, item(edge.source), item(edge.target)) else {
        return Err(Error::input(format!("an edge names an item or a relation that does not exist: {edge:?}")));
    };
    if !(edge.weight.is_finite() && edge.weight >= 0.0) {
        return Err(Error::input(format!("an edge has a weight that is not finite or below 0: {edge:?}")));
    }
    let fields = [
        ("relation", Some(relation)),
        ("source", Some(source)),
        ("target", Some(target)),
        // By its shortest decimal: widened to f64, 0.1 would be written as 0.10000000149011612.
        ("weight", (edge.weight != 1.0).then(|| json!(edge.weight.to_string().parse::<f64>().ok()))),
        ("split", edge.split.map(|split| json!(split))),
    ];
    row("an edge", fields, &Map::new())
}
