//! WebDataset shards.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;

use serde_json::{Map, Value};

use super::picture::ending;
use super::{Row, row};
use crate::whole::write_file;
use crate::{Dataset, Result, Split};

/// Samples of a shard, at most.
const SAMPLES: usize = 10_000;
/// Bytes of a shard; one more sample may lie beyond.
const BYTES: usize = 512 << 20;

/// Writes the items with the edges that begin at them. Where every item has a split, each split has shards of its own.
/// `sample` gives the row and the picture of the item with an index.
pub(super) fn shards(
    dataset: &Dataset,
    dir: &Path,
    mut sample: impl FnMut(usize) -> Result<(Row, Option<Vec<u8>>)>,
) -> Result<()> {
    let items = &dataset.items;
    let mut outgoing: Vec<Vec<usize>> = vec![Vec::new(); items.len()];
    for (index, edge) in dataset.edges.iter().enumerate() {
        // An edge of an item that does not exist is an error when it becomes a row.
        match outgoing.get_mut(edge.source as usize) {
            Some(edges) => edges.push(index),
            None => _ = row::edge(dataset, edge)?,
        }
    }
    let groups: Vec<(&str, Vec<usize>)> = if items.iter().all(|item| item.split.is_some()) {
        let of = |split| (0..items.len()).filter(|&index| items[index].split == Some(split)).collect();
        vec![("train", of(Split::Train)), ("validation", of(Split::Validation)), ("test", of(Split::Test))]
    } else {
        vec![("items", (0..items.len()).collect())]
    };
    let mut keys = Keys { taken: items.iter().map(|item| item.id.clone()).collect() };
    for (name, members) in groups {
        let mut members = members.into_iter().peekable();
        let mut number = 0;
        while members.peek().is_some() {
            let path = dir.join(format!("{name}-{number:06}.tar"));
            write_file(&path, |file| {
                let mut shard = Shard { tar: tar::Builder::new(file), bytes: 0 };
                let mut samples = 0;
                while samples < SAMPLES && shard.bytes < BYTES {
                    let Some(index) = members.next() else { break };
                    let (row, picture) = sample(index)?;
                    let edges: Result<Vec<Value>> = outgoing[index].iter().map(|&edge| member(dataset, edge)).collect();
                    shard.sample(&keys.of(&items[index].id, index), row, picture, edges?)?;
                    samples += 1;
                }
                Ok(shard.tar.finish()?)
            })?;
            number += 1;
        }
    }
    Ok(())
}

/// An edge as it stands with its source.
fn member(dataset: &Dataset, edge: usize) -> Result<Value> {
    let mut row = row::edge(dataset, &dataset.edges[edge])?;
    row.shift_remove("source");
    Ok(Value::Object(row))
}

/// The names of samples.
struct Keys {
    taken: HashSet<String>,
}

impl Keys {
    /// The id where it can be the name of a file, else a number.
    fn of(&mut self, id: &str, index: usize) -> String {
        let simple = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if !id.is_empty() && id.len() <= 80 && id.chars().all(simple) && !id.starts_with("__") {
            return id.to_string();
        }
        let mut key = format!("{index:06}");
        while !self.taken.insert(key.clone()) {
            key.push('_');
        }
        key
    }
}

struct Shard<'a> {
    tar: tar::Builder<&'a mut BufWriter<File>>,
    bytes: usize,
}

impl Shard<'_> {
    fn sample(&mut self, key: &str, mut row: Row, picture: Option<Vec<u8>>, edges: Vec<Value>) -> io::Result<()> {
        if let Some(picture) = &picture {
            self.member(&format!("{key}.{}", ending(picture)), picture)?;
        }
        if let Some(Value::String(text)) = row.shift_remove("text") {
            self.member(&format!("{key}.txt"), text.as_bytes())?;
        }
        // The fields that are missing are said to be, so that no attribute is taken for them.
        let mut fields = Map::new();
        if row.get("id").and_then(Value::as_str) != Some(key) {
            fields.extend(row.get_key_value("id").map(|(name, value)| (name.clone(), value.clone())));
        }
        row.shift_remove("id");
        fields.extend([("text".to_string(), Value::Null), ("image".to_string(), Value::Null)]);
        fields.extend(row);
        self.member(&format!("{key}.json"), Value::Object(fields).to_string().as_bytes())?;
        if !edges.is_empty() {
            self.member(&format!("{key}.relations.json"), Value::Array(edges).to_string().as_bytes())?;
        }
        Ok(())
    }

    fn member(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        // Nothing of the machine or the hour: the same dataset is the same file.
        header.set_mtime(0);
        self.bytes += bytes.len() + 512;
        self.tar.append_data(&mut header, name, bytes)
    }
}
