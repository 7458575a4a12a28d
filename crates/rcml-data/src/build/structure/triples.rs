//! Statements of a knowledge graph: (subject, predicate, object), as N-Triples or as tab-separated values.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::{Path, PathBuf};

use oxrdf::{NamedOrBlankNode, Term};
use oxttl::NTriplesParser;

use super::draft::{Draft, attach, distinct_ids, phrased};
use super::words::{clause, spoken};
use super::{Added, PruneOptions};
use crate::build::interactions::slug;
use crate::build::table::{self, BadRows, Column};
use crate::{Dataset, Error, Item, Problem, Result};

/// Where the statements are, and what becomes of them.
#[derive(Debug, Clone, PartialEq)]
pub struct TripleOptions {
    /// `.nt` (also `.nt.gz`, `.nt.zst`), or a table with three columns and a header line or none: subject, predicate, object.
    pub files: Vec<PathBuf>,
    /// Predicates whose objects are texts of their subjects, by their whole name or its last part.
    pub labels: Vec<String>,
    /// Predicates that hold in both directions.
    pub symmetric: Vec<String>,
    /// Language of the texts, where they have one.
    pub language: String,
    /// Whether subjects and objects that the dataset lacks become items; otherwise their statements are dropped.
    pub new_items: bool,
    /// Predicates (by their whole name or its last part) and their phrasings, in place of the usual ones.
    pub phrasings: BTreeMap<String, Vec<String>>,
    /// Whether lines that cannot be read are skipped and counted.
    pub skip_bad: bool,
    /// Edges of an item, and of a relation.
    pub prune: PruneOptions,
}

impl TripleOptions {
    /// Labels as RDF, SKOS and schema.org have them; a predicate with fewer than five statements is no relation.
    pub fn new(files: Vec<PathBuf>) -> Self {
        let texts = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        Self {
            files,
            labels: texts(&["label", "prefLabel", "name", "title"]),
            symmetric: texts(&[
                "similarTo",
                "similar_to",
                "related",
                "sameAs",
                "spouse",
                "sibling",
                "verb_group",
                "also_see",
            ]),
            language: "en".into(),
            new_items: true,
            phrasings: BTreeMap::new(),
            skip_bad: false,
            prune: PruneOptions { support: 5, degree: 50 },
        }
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct TripleReport {
    /// What was added.
    pub added: Added,
    /// Statements read.
    pub statements: u64,
    /// Items added.
    pub items: usize,
    /// Statements about things that are no items, or whose object is a value and no label.
    pub dropped: u64,
    /// Lines that could not be read and were skipped.
    pub bad: u64,
}

impl fmt::Display for TripleReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { statements, items, dropped, bad, .. } = self;
        writeln!(f, "  {statements} statements; {items} new items, {dropped} statements dropped, {bad} bad lines")?;
        write!(f, "{}", self.added)
    }
}

/// A statement whose object is a thing or a text.
struct Statement {
    subject: String,
    predicate: String,
    object: Object,
}

enum Object {
    Thing(String),
    /// A text and its language, where it has one.
    Text(String, Option<String>),
}

/// Adds a relation for each predicate between things. Its phrasings are made of the predicate's name.
///
/// # Errors
/// Files that cannot be read (with file and line); nothing that can be a relation.
pub fn add_triples(dataset: &mut Dataset, options: &TripleOptions) -> Result<TripleReport> {
    let mut bad = BadRows::new(options.skip_bad);
    let (mut count, mut dropped) = (0, 0);
    let mut texts: HashMap<String, (bool, String)> = HashMap::new();
    let mut links: Vec<(String, String, String)> = Vec::new();
    for path in table::files(&options.files)? {
        each(&path, &mut bad, |Statement { subject, predicate, object }| {
            count += 1;
            match object {
                Object::Thing(object) => links.push((predicate, subject, object)),
                Object::Text(text, language) if named(&predicate, &options.labels) => {
                    // A text in the wanted language, else the first one without a language.
                    let wanted = language.as_ref().is_some_and(|language| language.starts_with(&options.language));
                    if wanted || language.is_none() {
                        let known = texts.entry(subject).or_insert_with(|| (wanted, text.clone()));
                        if wanted && !known.0 {
                            *known = (true, text);
                        }
                    }
                }
                Object::Text(..) => dropped += 1,
            }
        })?;
    }
    let bad = bad.finish()?;
    let before = dataset.items.len();
    let mut index: HashMap<String, u32> =
        dataset.items.iter().zip(0..).map(|(item, number)| (item.id.clone(), number)).collect();
    let mut drafts: BTreeMap<String, Draft> = BTreeMap::new();
    for (predicate, subject, object) in links {
        let mut number = |name: String| match index.get(&name) {
            Some(&number) => Some(number),
            None if options.new_items => {
                let number = dataset.items.len() as u32;
                let text = texts.get(&name).map_or_else(|| spoken(&name), |(_, text)| text.clone());
                dataset.items.push(Item::new(&name).text(if text.is_empty() { name.clone() } else { text }));
                index.insert(name, number);
                Some(number)
            }
            None => None,
        };
        let (Some(source), Some(target)) = (number(subject), number(object)) else {
            dropped += 1;
            continue;
        };
        let symmetric = named(&predicate, &options.symmetric);
        let draft = drafts.entry(predicate).or_insert_with_key(|predicate| Draft {
            relation: relation(predicate, symmetric, options),
            edges: Vec::new(),
        });
        draft.edges.push((source, target, 1.0));
    }
    if drafts.is_empty() {
        return Err(Error::input(format!("none of {count} statements links two items")));
    }
    distinct_ids(drafts.values_mut());
    let items = dataset.items.len() - before;
    let added = attach(dataset, drafts.into_values().collect(), &options.prune, Vec::new())?;
    Ok(TripleReport { added, statements: count, items, dropped, bad })
}

/// Whether a name, or its last part, is in the list.
fn named(name: &str, list: &[String]) -> bool {
    let last = name.rsplit(['/', '#']).next().unwrap_or(name).trim_start_matches('_');
    list.iter().any(|wanted| wanted == name || wanted == last)
}

fn relation(predicate: &str, symmetric: bool, options: &TripleOptions) -> crate::Relation {
    let given = options.phrasings.iter().find(|(name, _)| named(predicate, std::slice::from_ref(name)));
    let words = spoken(predicate);
    let usual = || {
        if symmetric {
            vec![
                format!("{words}: both to each other"),
                format!("is linked with it by {words}"),
                format!("the two share the link {words}"),
            ]
        } else if let Some(clause) = clause(&words) {
            vec![clause.clone(), format!("it {clause}"), format!("what it {clause}")]
        } else {
            vec![
                format!("has as its {words}"),
                format!("its {words} is"),
                format!("is linked by {words} to"),
                format!("points, by {words}, to"),
            ]
        }
    };
    let phrasings = given.map_or_else(usual, |(_, phrasings)| phrasings.clone());
    let mut relation = phrased(slug(&words), "knowledge", symmetric, phrasings);
    relation.attributes.insert("predicate".into(), predicate.into());
    relation
}

fn each(path: &Path, bad: &mut BadRows, mut sink: impl FnMut(Statement)) -> Result<()> {
    let name = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    let plain = [".gz", ".zst"].iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(&name);
    if !plain.ends_with(".nt") {
        return each_of_table(path, bad, sink);
    }
    table::each_line(
        path,
        |line| {
            if line.starts_with(b"#") {
                return Ok(None);
            }
            let mut parser = NTriplesParser::new().for_slice(line);
            let triple = parser.next().transpose().map_err(|e| e.to_string())?;
            Ok(triple.map(|triple| Statement {
                subject: match triple.subject {
                    NamedOrBlankNode::NamedNode(node) => node.into_string(),
                    NamedOrBlankNode::BlankNode(node) => format!("_:{}", node.as_str()),
                },
                predicate: triple.predicate.into_string(),
                object: match triple.object {
                    Term::NamedNode(node) => Object::Thing(node.into_string()),
                    Term::BlankNode(node) => Object::Thing(format!("_:{}", node.as_str())),
                    Term::Literal(literal) => {
                        Object::Text(literal.value().to_owned(), literal.language().map(str::to_lowercase))
                    }
                },
            }))
        },
        |line, statement| {
            match statement {
                Ok(Some(statement)) => sink(statement),
                Ok(None) => {}
                Err(message) => bad.add(path, line, message),
            }
            Ok(())
        },
    )
}

/// Three cells a line, apart by tabs; the benchmarks (WN18RR, FB15k) have no header, exports of a database have one.
fn each_of_table(path: &Path, bad: &mut BadRows, mut sink: impl FnMut(Statement)) -> Result<()> {
    let first = table::first_line(path)?;
    let cells: Vec<&[u8]> = first.split(|&byte| byte == b'\t').collect();
    let header = [b"subject".as_slice(), b"predicate", b"object"];
    let is_headed = header.iter().all(|name| cells.iter().any(|cell| cell.trim_ascii() == *name));
    if is_headed || !matches!(cells.len(), 3 | 4) {
        let columns = ["subject", "predicate", "object"].map(Column::required);
        let parse = |cells: &mut [serde_json::Value]| [0, 1, 2].map(|at: usize| table::text(&cells[at]));
        return table::each_row(path, &columns, parse, |line, row| {
            match row {
                Ok([Some(subject), Some(predicate), Some(object)]) => {
                    sink(Statement { subject, predicate, object: Object::Thing(object) });
                }
                Ok(_) => bad.add(path, line, "expected a subject, a predicate and an object"),
                Err(message) => bad.add(path, line, message),
            }
            Ok(())
        });
    }
    let parse = |line: &[u8]| {
        let text = std::str::from_utf8(line).map_err(|_| "is not UTF-8".to_owned())?;
        let cells: Vec<&str> = text.split('\t').map(str::trim).collect();
        match cells.as_slice() {
            [subject, predicate, object, ..] if ![subject, predicate, object].iter().any(|cell| cell.is_empty()) => {
                let object = Object::Thing((*object).into());
                Ok(Statement { subject: (*subject).into(), predicate: (*predicate).into(), object })
            }
            _ => {
                Err(format!("expected a subject, a predicate and an object apart by tabs, found {} cells", cells.len()))
            }
        }
    };
    table::each_line(path, parse, |line, statement| {
        match statement {
            Ok(statement) => sink(statement),
            Err(message) => bad.add(path, line, message),
        }
        Ok(())
    })
}

/// Reads phrasings from a table: `predicate` and `description`, a phrasing a row.
///
/// # Errors
/// A table that cannot be read, a row without a predicate or a phrasing.
pub fn read_phrasings(path: &Path) -> Result<BTreeMap<String, Vec<String>>> {
    let mut phrasings: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let columns = [Column::required("predicate"), Column::required("description")];
    let parse = |cells: &mut [serde_json::Value]| Some((table::text(&cells[0])?, table::text(&cells[1])?));
    table::each_row(path, &columns, parse, |line, row| match row {
        Ok(Some((predicate, phrasing))) => {
            phrasings.entry(predicate).or_default().push(phrasing);
            Ok(())
        }
        Ok(None) => Err(Error::problems(vec![Problem::at(path, line, "expected a predicate and a description")])),
        Err(message) => Err(Error::problems(vec![Problem::at(path, line, message)])),
    })?;
    Ok(phrasings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(name: &str, text: &str, options: impl FnOnce(&mut TripleOptions)) -> Result<(Dataset, TripleReport)> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        let mut all = TripleOptions { prune: PruneOptions { support: 1, degree: 0 }, ..TripleOptions::new(vec![path]) };
        options(&mut all);
        let mut dataset = Dataset::default();
        let report = add_triples(&mut dataset, &all)?;
        Ok((dataset, report))
    }

    const WORDNET: &str = "# a comment\n\
        <http://wn/dog> <http://www.w3.org/2000/01/rdf-schema#label> \"Hund\"@de .\n\
        <http://wn/dog> <http://www.w3.org/2000/01/rdf-schema#label> \"a \\\"dog\\\"\"@en .\n\
        <http://wn/dog> <http://wn/schema#hasHypernym> <http://wn/animal_kind> .\n\
        <http://wn/dog> <http://wn/schema#similarTo> <http://wn/wolf> .\n\
        <http://wn/dog> <http://wn/schema#legs> \"4\"^^<http://www.w3.org/2001/XMLSchema#integer> .\n\
        _:b1 <http://wn/schema#hasHypernym> <http://wn/animal_kind> .\n";

    #[test]
    fn n_triples_with_labels_values_and_blank_nodes() {
        let (dataset, report) = built("wn.nt", WORDNET, |_| {}).unwrap();
        let texts: Vec<&str> = dataset.items.iter().filter_map(|item| item.text.as_deref()).collect();
        assert_eq!(texts, ["a \"dog\"", "animal kind", "wolf", "b1"]);
        assert_eq!((report.statements, report.items, report.dropped), (6, 4, 1));
        let ids: Vec<(&str, bool)> = dataset.relations.iter().map(|r| (r.id.as_str(), r.symmetric)).collect();
        assert_eq!(ids, [("has-hypernym", false), ("similar-to", true)]);
        let edges: Vec<_> = dataset.edges.iter().map(|e| (e.relation, e.source, e.target)).collect();
        assert_eq!(edges, [(0, 0, 1), (0, 3, 1), (1, 0, 2)]);
        assert!(dataset.relations[0].descriptions.len() > 2);
        let error = built("wn.nt", &format!("{WORDNET}<a> <b> .\n"), |_| {}).unwrap_err().to_string();
        assert!(error.contains("wn.nt:8"), "{error}");
    }

    #[test]
    fn predicates_that_are_clauses_are_said_as_they_are() {
        let (built, _) = built("p.tsv", "a\tisPartOf\tb\na\tlocated_in\tc\nb\tgenre\tc\n", |_| {}).unwrap();
        let said: Vec<&str> = built.relations.iter().map(|r| r.description()).collect();
        assert_eq!(said, ["has as its genre", "is part of", "is located in"]);
    }

    #[test]
    fn tab_separated_with_and_without_a_header() {
        let plain = "dog\t_hypernym\tanimal\ncat\t_hypernym\tanimal\ndog\t_also_see\tcat\n";
        let headed = format!("subject\tpredicate\tobject\n{plain}");
        let (one, _) = built("wn.tsv", plain, |_| {}).unwrap();
        let (two, _) = built("wn.tsv", &headed, |_| {}).unwrap();
        assert_eq!((&one.items, &one.edges), (&two.items, &two.edges));
        assert_eq!(one.relations.iter().map(|r| r.id.as_str()).collect::<Vec<_>>(), ["also-see", "hypernym"]);
        assert_eq!(one.relations[1].description(), "has as its hypernym");
        let (said, _) = built("wn.tsv", plain, |options| {
            options.phrasings.insert("hypernym".into(), vec!["is a kind of".into()]);
        })
        .unwrap();
        assert_eq!(said.relations[1].descriptions, ["is a kind of"]);
        let error = built("wn.tsv", "a\tb\tc\nd\te\t\n", |_| {}).unwrap_err().to_string();
        assert!(error.contains("wn.tsv:2: expected a subject"), "{error}");
        let error = built("wn.tsv", plain, |options| options.new_items = false).unwrap_err().to_string();
        assert!(error.contains("none of 3 statements links two items"), "{error}");
    }
}
