//! The members of one key become the fields of one item.

use serde_json::{Map, Value};

use crate::format::record::describe;
use crate::format::table::Sample;

/// What a member of a sample is, by its ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Member {
    Picture,
    Text,
    Class,
    Fields,
    Edges,
    /// Sound, arrays and whatever else: passed over.
    Other,
}

impl Member {
    pub(super) fn of(ending: &str) -> Self {
        match ending {
            "txt" | "text" | "caption" => Self::Text,
            "cls" => Self::Class,
            "json" => Self::Fields,
            "relations.json" => Self::Edges,
            "jpg" | "jpeg" | "png" | "webp" | "gif" | "bmp" | "img" | "image" => Self::Picture,
            // Of several pictures, such as `left.jpg` and `right.jpg`, the first is taken.
            other => match other.rsplit_once('.') {
                Some((_, "jpg" | "jpeg" | "png" | "webp" | "gif" | "bmp")) => Self::Picture,
                _ => Self::Other,
            },
        }
    }
}

/// A sample that is being put together.
pub(super) struct Draft {
    pub(super) key: String,
    sample: Sample,
    text: Option<String>,
    class: Option<String>,
    picture: Option<String>,
}

impl Draft {
    pub(super) fn new(key: String) -> Self {
        Self { key, sample: Sample::default(), text: None, class: None, picture: None }
    }

    /// Takes the place of a picture; the first one of a sample counts.
    pub(super) fn picture(&mut self, name: &str, at: u64) {
        if self.sample.picture.is_none() {
            self.sample.picture = Some(at);
            self.picture = Some(name.to_string());
        }
    }

    pub(super) fn has_picture(&self) -> bool {
        self.sample.picture.is_some()
    }

    pub(super) fn problem(&mut self, message: String) {
        self.sample.problems.push(message);
    }

    /// Takes the contents of a member that is no picture.
    pub(super) fn member(&mut self, name: &str, member: Member, bytes: Vec<u8>) {
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(_) => return self.problem(format!("{name} is not UTF-8")),
        };
        let json = |text: &str| serde_json::from_str::<Value>(text.trim_start_matches('\u{feff}'));
        match member {
            Member::Text => self.text = Some(text),
            Member::Class => self.class = Some(text.trim().to_string()),
            Member::Fields => match json(&text) {
                Ok(Value::Object(fields)) => self.sample.fields = fields,
                Ok(other) => self.problem(format!("{name}: expected an object {{...}}, found {}", describe(&other))),
                Err(e) => self.problem(format!("{name}: broken JSON: {e}")),
            },
            Member::Edges => match json(&text) {
                Ok(Value::Array(edges)) => self.sample.edges.extend(edges),
                Ok(Value::Object(relations)) => self.sample.edges.extend(by_relation(relations)),
                Ok(other) => {
                    let found = describe(&other);
                    self.problem(format!("{name}: expected an array of edges, found {found}"));
                }
                Err(e) => self.problem(format!("{name}: broken JSON: {e}")),
            },
            Member::Picture | Member::Other => {}
        }
    }

    pub(super) fn finish(self) -> Sample {
        let Self { key, mut sample, text, class, picture } = self;
        let fields = &mut sample.fields;
        let mut set = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                fields.insert(name.into(), value.into());
            }
        };
        set("text", text);
        set("label", class);
        let missing = |name: &str, fields: &Map<String, Value>| fields.get(name).is_none_or(Value::is_null);
        if missing("id", fields) {
            fields.insert("id".into(), key.into());
        }
        if let Some(name) = picture.filter(|_| missing("image", fields)) {
            fields.insert("image".into(), name.into());
        }
        sample
    }
}

/// `{"same-room": ["b7", {"target": "c2", "weight": 0.5}]}` as edges.
fn by_relation(relations: Map<String, Value>) -> Vec<Value> {
    let mut edges = Vec::new();
    for (relation, targets) in relations {
        let targets = match targets {
            Value::Array(targets) => targets,
            one => vec![one],
        };
        for target in targets {
            let mut edge = match target {
                Value::Object(edge) => edge,
                target => Map::from_iter([("target".to_string(), target)]),
            };
            edge.insert("relation".into(), relation.as_str().into());
            edges.push(Value::Object(edge));
        }
    }
    edges
}
