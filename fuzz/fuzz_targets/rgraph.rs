//! The reader of `.rgraph` files: a graph is built from the first part of the input, its file is changed by the rest, and
//! every checksum is made right again. Whatever came of it must be refused, or answer every question without a panic; and what
//! verification accepts must be the graph of its own edges.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use rcml_data::{Edge, Relation, RelationGraph};
use xxhash_rust::xxh3::xxh3_64;

const ITEMS: u32 = 16;

/// A file in memory, where the system has such.
static PATH: LazyLock<PathBuf> = LazyLock::new(|| {
    let shared = PathBuf::from("/dev/shm");
    let folder = if shared.is_dir() { shared } else { std::env::temp_dir() };
    tempfile::Builder::new().prefix("fuzz").suffix(".rgraph").tempfile_in(folder).unwrap().into_temp_path().keep().unwrap()
});

fuzz_target!(|data: &[u8]| {
    let Some((&split, data)) = data.split_first() else { return };
    let (edges, changes) = data.split_at(usize::from(split).min(data.len()));
    let relations = [Relation::new("d", "points at"), Relation::new("s", "goes with").symmetric(true), Relation::new("e", "is")];
    let edges: Vec<Edge> = edges
        .chunks_exact(3)
        .map(|e| {
            let edge = Edge::new(u32::from(e[0] % 3), u32::from(e[1]) % ITEMS, u32::from(e[2]) % ITEMS);
            Edge { weight: f32::from(e[0] / 3) / 4.0, ..edge }
        })
        .collect();
    RelationGraph::new(ITEMS as usize, &relations, &edges).write(&*PATH).unwrap();
    let mut file = std::fs::read(&*PATH).unwrap();
    for change in changes.chunks_exact(3) {
        let at = usize::from(u16::from_le_bytes([change[0], change[1]])) % file.len();
        file[at] = change[2];
    }
    // An odd last byte cuts the file.
    if let [cut] = changes.chunks_exact(3).remainder() {
        file.truncate(file.len() * usize::from(*cut) / 256);
    }
    reseal(&mut file);
    std::fs::write(&*PATH, &file).unwrap();

    if let Ok(graph) = RelationGraph::open(&*PATH) {
        ask(&graph);
    }
    if let Ok(graph) = RelationGraph::verify(&*PATH) {
        ask(&graph);
        let copy = PATH.with_extension("copy");
        let relations: Vec<Relation> =
            (0..graph.relations() as u32).map(|r| Relation::new(r.to_string(), "x").symmetric(graph.symmetric(r))).collect();
        let edges = edges_of(&graph);
        let again = RelationGraph::new(graph.items(), &relations, &edges);
        for relation in 0..graph.relations() as u32 {
            assert_eq!(again.anchors(relation), graph.anchors(relation));
            for item in 0..graph.items() as u32 {
                assert_eq!(again.targets(relation, item), graph.targets(relation, item));
                assert_eq!(again.sources(relation, item), graph.sources(relation, item));
                assert_eq!(again.related_items(item), graph.related_items(item));
            }
        }
        graph.write(&copy).unwrap();
        assert!(std::fs::read(&copy).unwrap().len() >= 152);
    }
});

fn edges_of(graph: &RelationGraph) -> Vec<Edge> {
    let mut edges = Vec::new();
    for relation in 0..graph.relations() as u32 {
        for &source in graph.anchors(relation) {
            edges.extend(graph.targets(relation, source).iter().map(|&target| Edge::new(relation, source, target)));
        }
    }
    edges
}

/// Asks everything there is to ask.
fn ask(graph: &RelationGraph) {
    let items = || (0..ITEMS + 2).chain([u32::MAX]);
    for relation in (0..5).chain([u32::MAX / 2, u32::MAX]) {
        let _ = (graph.pairs(relation), graph.anchors(relation), graph.symmetric(relation));
        for item in items() {
            let _ = (graph.targets(relation, item), graph.sources(relation, item), graph.weights(relation, item));
            let _ = graph.contains(relation, item, 3);
        }
    }
    items().for_each(|item| _ = graph.related(item, 3));
}

/// Makes the checksums right, as far as the header says where they are (docs/rgraph.md).
fn reseal(file: &mut [u8]) {
    let number = |file: &[u8], at: usize| Some(u64::from_le_bytes(file.get(at..at + 8)?.try_into().ok()?));
    for section in 0..4 {
        let at = 48 + 24 * section;
        let bytes = || {
            let (start, length) = (number(file, at)?, number(file, at + 8)?);
            file.get(start as usize..start.checked_add(length)? as usize)
        };
        let checksum = bytes().map(xxh3_64);
        // A file may be cut within its header.
        if let Some((checksum, place)) = checksum.zip(file.get_mut(at + 16..at + 24)) {
            place.copy_from_slice(&checksum.to_le_bytes());
        }
    }
    if file.len() >= 152 {
        let length = file.len() as u64;
        file[32..40].copy_from_slice(&length.to_le_bytes());
        let checksum = xxh3_64(&file[..144]);
        file[144..152].copy_from_slice(&checksum.to_le_bytes());
    }
}
