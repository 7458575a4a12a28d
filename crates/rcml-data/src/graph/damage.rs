//! Damaged files: an error or the right answers, never a panic, whatever the damage.

use std::path::Path;

use proptest::prelude::*;

use super::*;

const ITEMS: u32 = 9;

fn graph(weighted: bool) -> RelationGraph {
    let relations = [Relation::new("d", "points at"), Relation::new("s", "goes with").symmetric(true)];
    let edge = |i: u32| {
        let weight = if weighted { i as f32 / 4.0 } else { 1.0 };
        Edge { weight, ..Edge::new(i % 2, i * 5 % 8, (i * 5 + 1 + i / 3) % 8) }
    };
    RelationGraph::new(ITEMS as usize, &relations, &(0..14).map(edge).collect::<Vec<_>>())
}

fn bytes(weighted: bool) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("g.rgraph");
    graph(weighted).write(&path).unwrap();
    std::fs::read(path).unwrap()
}

/// Asks everything there is to ask; the answers do not matter.
fn ask(graph: &RelationGraph) -> usize {
    let relations = (0..4).chain([u32::MAX / 2, u32::MAX]);
    let items = || (0..ITEMS + 2).chain([u32::MAX]);
    let mut sum = 0;
    for relation in relations {
        sum += graph.pairs(relation) % 2 + graph.anchors(relation).len() + usize::from(graph.symmetric(relation));
        for item in items() {
            sum += graph.targets(relation, item).len() + graph.sources(relation, item).len();
            sum += graph.weights(relation, item).map_or(0, <[f32]>::len);
            sum += usize::from(graph.contains(relation, item, 3));
        }
    }
    sum + items().map(|item| graph.related_items(item).len()).sum::<usize>()
}

/// Whether the damage was found. Opening may not notice it, but then nothing must break.
fn found(path: &Path, damaged: &[u8]) -> bool {
    std::fs::write(path, damaged).unwrap();
    if let Ok(graph) = RelationGraph::open(path) {
        ask(&graph);
    }
    RelationGraph::verify(path).is_err()
}

#[test]
fn every_flipped_byte_and_every_cut_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("g.rgraph");
    for weighted in [false, true] {
        let whole = bytes(weighted);
        assert!(!found(&path, &whole));
        let mut damaged = whole.clone();
        for at in 0..whole.len() {
            for bit in [0x01, 0x80] {
                damaged[at] ^= bit;
                assert!(found(&path, &damaged), "byte {at} of {}", whole.len());
                damaged[at] ^= bit;
            }
            assert!(found(&path, &whole[..at]), "cut to {at} bytes");
        }
        damaged.push(0);
        assert!(found(&path, &damaged), "a byte too many");
    }
}

#[test]
fn errors_name_the_file_and_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("g.rgraph");
    let whole = bytes(true);
    let with = |at: usize, byte: u8| {
        let mut bytes = whole.clone();
        bytes[at] = byte;
        bytes
    };
    for (bytes, words) in [
        (vec![], "it is empty"),
        (b"{}".to_vec(), "no .rgraph file: 2 bytes"),
        (vec![b' '; 400], "does not begin"),
        (with(8, 2), "version 2"),
        (with(16, 99), "checksum of its header"),
        (whole[..whole.len() - 1].to_vec(), "cut short"),
        (with(192, 99), "checksum of its blocks"),
        (with(160, 1), "before its blocks are not 0"),
    ] {
        std::fs::write(&path, bytes).unwrap();
        let error = RelationGraph::verify(&path).unwrap_err();
        assert!(error.is_input() && error.to_string().starts_with(path.to_str().unwrap()), "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
    let folder = RelationGraph::open(folder.path()).unwrap_err();
    assert!(folder.to_string().contains("is no file"), "{folder}");
    assert!(RelationGraph::open("/no/such.rgraph").unwrap_err().is_input());
}

/// Puts other words into a file and makes all checksums right again: a file that a faulty or hostile writer made.
pub(super) fn forge(whole: &[u8], changes: &[(usize, u8)]) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    for &(at, byte) in changes {
        let at = at % bytes.len();
        bytes[at] = byte;
    }
    layout::reseal(&mut bytes, layout::Header::read(whole).unwrap());
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn forged_files_never_break_anything(weighted: bool, changes in prop::collection::vec((152usize..4000, any::<u8>()), 1..12)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("g.rgraph");
        let forged = forge(&bytes(weighted), &changes);
        if !found(&path, &forged) {
            // What verification lets pass makes sense: it is the graph of its own edges.
            let graph = RelationGraph::verify(&path).unwrap();
            let symmetric: Vec<bool> = (0..2).map(|r| graph.symmetric(r)).collect();
            let again = RelationGraph::from_records(ITEMS as usize, &symmetric, graph.weighted(), graph.records());
            let copy = folder.path().join("again.rgraph");
            again.write(&copy).unwrap();
            prop_assert_eq!(std::fs::read(copy).unwrap(), std::fs::read(&path).unwrap());
        }
    }
}
