//! docs/objectives.md says what the catalogue says.
//!
//! `RCML_WRITE_DOCS=1 cargo test --release --workspace --test methods documentation` writes the table anew.

use std::fmt::Write;
use std::path::Path;

use rcml_losses::{METHODS, MethodInfo, Place};

const BEGIN: &str = "<!-- methods: written by a test of rcml-losses -->\n";
const END: &str = "<!-- end of methods -->\n";

fn cell(text: &str) -> String {
    if text.is_empty() { "-".into() } else { text.replace('|', "\\|") }
}

fn place(info: &MethodInfo) -> String {
    match info.place {
        Place::Pairs if info.name == "relation-contrast" => "related pairs".into(),
        Place::Pairs => "related pairs, items".into(),
        Place::Items => "items".into(),
        Place::Library(needs) => format!("Rust alone: {needs}"),
    }
}

fn rendered() -> String {
    let mut out = String::new();
    writeln!(out, "| method | formula | use it for | in a run | source | from |\n|---|---|---|---|---|---|").unwrap();
    for info in METHODS {
        let (name, formula, when) = (info.name, cell(info.formula), cell(info.when));
        let (source, from) = (cell(info.source), info.provenance.name());
        writeln!(out, "| `{name}` | `{formula}` | {when} | {} | {source} | {from} |", cell(&place(info))).unwrap();
    }
    writeln!(out, "\nThe sockets that they are made of, and the value that each is tested against (X = A, Y = B, tau = 0.5 and N = 3").unwrap();
    writeln!(out, "unless it says otherwise; `tests/methods/fixture.rs` holds A, B and C):\n").unwrap();
    writeln!(
        out,
        "| method | scorer | candidates | targets | divergence | value | fixture |\n|---|---|---|---|---|---|---|"
    )
    .unwrap();
    for info in METHODS {
        let [scorer, candidates, targets, divergence] = info.sockets.map(cell);
        let (name, oracle, fixture) = (info.name, info.oracle, cell(info.fixture));
        writeln!(out, "| `{name}` | {scorer} | {candidates} | {targets} | {divergence} | {oracle:.9} | {fixture} |")
            .unwrap();
    }
    writeln!(out, "\nNumbers that they take in `parameters`:\n\n| method | number | default | from | to | what |\n|---|---|---|---|---|---|").unwrap();
    for info in METHODS {
        for p in info.parameters {
            writeln!(out, "| `{}` | `{}` | {} | {} | {} | {} |", info.name, p.name, p.default, p.min, p.max, p.what)
                .unwrap();
        }
    }
    out
}

#[test]
fn the_page_of_objectives_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/objectives.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (head, rest) = page.split_once(BEGIN).expect("the page has a place for the methods");
    let (found, tail) = rest.split_once(END).expect("the place for the methods ends");
    let rendered = rendered();
    if std::env::var_os("RCML_WRITE_DOCS").is_some() {
        std::fs::write(&path, format!("{head}{BEGIN}{rendered}{END}{tail}")).unwrap();
        return;
    }
    assert_eq!(found, rendered, "{}: stale; RCML_WRITE_DOCS=1 writes it anew", path.display());
}
