use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use proptest::prelude::*;

use super::*;

const ITEMS: u32 = 12;

fn relations() -> Vec<Relation> {
    vec![
        Relation::new("directed", "points at"),
        Relation::new("symmetric", "goes with").symmetric(true),
        Relation::new("empty", "never holds"),
    ]
}

/// One relation and one item too many, so that edges to nowhere occur; half of the graphs have weights.
fn edges() -> impl Strategy<Value = Vec<Edge>> {
    let edge = (0u32..4, 0..ITEMS + 1, 0..ITEMS + 1, 0u8..4);
    (prop::collection::vec(edge, 0..60), any::<bool>()).prop_map(|(edges, weighted)| {
        let weight = |w: u8| if weighted { f32::from(w) / 2.0 } else { 1.0 };
        edges.into_iter().map(|(r, s, t, w)| Edge { weight: weight(w), ..Edge::new(r, s, t) }).collect()
    })
}

fn exists(edge: &Edge) -> bool {
    edge.relation < 3 && edge.source < ITEMS && edge.target < ITEMS && edge.source != edge.target
}

/// (relation, source, target) -> weight.
type Model = BTreeMap<(u32, u32, u32), f32>;

fn naive(edges: &[Edge]) -> Model {
    let mut model = Model::new();
    for e in edges.iter().filter(|e| exists(e)) {
        let back = (e.relation == 1).then_some((1, e.target, e.source));
        for key in [Some((e.relation, e.source, e.target)), back].into_iter().flatten() {
            let weight = model.entry(key).or_insert(e.weight);
            *weight = weight.max(e.weight);
        }
    }
    model
}

fn assert_model(graph: &RelationGraph, model: &Model) {
    let weighted = model.values().any(|&w| w != 1.0);
    for r in 0..4 {
        assert_eq!(graph.pairs(r), model.keys().filter(|e| e.0 == r).count());
        let anchors: BTreeSet<u32> = model.keys().filter(|e| e.0 == r).map(|e| e.1).collect();
        assert!(graph.anchors(r).iter().eq(&anchors));
        for a in 0..ITEMS + 1 {
            let targets: Vec<u32> = model.keys().filter(|e| e.0 == r && e.1 == a).map(|e| e.2).collect();
            let sources: Vec<u32> = model.keys().filter(|e| e.0 == r && e.2 == a).map(|e| e.1).collect();
            assert_eq!(graph.targets(r, a), targets);
            assert_eq!(graph.sources(r, a), sources);
            let weights: Vec<f32> = model.iter().filter(|(e, _)| e.0 == r && e.1 == a).map(|(_, &w)| w).collect();
            match graph.weights(r, a) {
                Some(found) => assert_eq!(found, weights),
                None => assert!(!weighted || weights.is_empty()),
            }
            for b in 0..ITEMS + 1 {
                assert_eq!(graph.contains(r, a, b), model.contains_key(&(r, a, b)));
            }
        }
    }
    for a in 0..ITEMS + 1 {
        let related: BTreeSet<u32> =
            model.keys().filter_map(|&(_, s, t)| (s == a).then_some(t).or((t == a).then_some(s))).collect();
        assert!(graph.related_items(a).iter().eq(&related));
        assert!((0..ITEMS).all(|b| graph.related(a, b) == related.contains(&b)));
    }
    assert_many(graph);
}

/// Many questions at once have the answers that they have one by one, of however many groups they are.
fn assert_many(graph: &RelationGraph) {
    let all = (0..4).flat_map(|r| (0..ITEMS + 2).map(move |a| (r, a))).chain([(u32::MAX, 0), (0, u32::MAX)]);
    for count in [0, 1, 31, 32, 33, usize::MAX] {
        let questions = || all.clone().take(count);
        let one_by_one: Vec<&[u32]> = questions().map(|(r, a)| graph.targets(r, a)).collect();
        assert_eq!(graph.targets_many(questions()).collect::<Vec<_>>(), one_by_one);
        let items = || questions().map(|(_, a)| a);
        assert!(graph.related_items_many(items()).eq(items().map(|a| graph.related_items(a))));
    }
    for r in 0..4 {
        assert!(graph.answers(r).eq(graph.anchors(r).iter().map(|&a| (a, graph.targets(r, a)))));
    }
}

/// Builds the file of a graph out of a stream of edges that exist.
fn build(path: &Path, edges: &[Edge]) -> GraphCounts {
    let mut builder = GraphBuilder::new(path, ITEMS as usize, &[false, true, false], 0).unwrap();
    edges.iter().filter(|e| exists(e)).for_each(|&edge| builder.push(edge).unwrap());
    builder.finish().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn agrees_with_a_map_of_triples_in_memory_and_in_a_file(edges in edges()) {
        let graph = RelationGraph::new(ITEMS as usize, &relations(), &edges);
        prop_assert_eq!((graph.items(), graph.relations()), (ITEMS as usize, 3));
        // What `new` leaves out has no say in whether there are weights.
        assert_model(&graph, &naive(&edges));
        prop_assert!(!graph.is_mapped());

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("g.rgraph");
        let counts = build(&path, &edges);
        prop_assert_eq!(counts.bytes, std::fs::metadata(&path).unwrap().len());
        prop_assert_eq!(counts.pairs as usize, naive(&edges).len());
        let mapped = RelationGraph::verify(&path).unwrap();
        prop_assert!(mapped.is_mapped());
        assert_model(&mapped, &naive(&edges));
        assert_model(&RelationGraph::open(&path).unwrap(), &naive(&edges));

        // One order of edges or another, a stream or a graph in memory: the same bytes.
        let bytes = std::fs::read(&path).unwrap();
        build(&path, &edges.iter().rev().copied().collect::<Vec<_>>());
        prop_assert_eq!(&bytes, &std::fs::read(&path).unwrap());
        graph.write(&path).unwrap();
        prop_assert_eq!(&bytes, &std::fs::read(&path).unwrap());
        prop_assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "temporary files are gone");
    }

    #[test]
    fn a_part_of_the_graph_agrees_with_the_part_of_the_map(edges in edges(), keep in prop::collection::vec(any::<bool>(), ITEMS as usize)) {
        let graph = RelationGraph::new(ITEMS as usize, &relations(), &edges).among(|i| keep[i as usize]);
        let mut model = naive(&edges);
        model.retain(|e, _| keep[e.1 as usize] && keep[e.2 as usize]);
        assert_model(&graph, &model);
    }
}

#[test]
fn an_empty_graph_answers() {
    assert_model(&RelationGraph::new(ITEMS as usize, &relations(), []), &Model::new());
    assert_eq!(RelationGraph::default().related_items(3), &[] as &[u32]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("g.rgraph");
    RelationGraph::default().write(&path).unwrap();
    assert_eq!(RelationGraph::verify(&path).unwrap().items(), 0);
}

#[test]
fn a_stream_larger_than_memory_gives_the_same_file() {
    let folder = tempfile::tempdir().unwrap();
    let edges: Vec<Edge> =
        (0..50_000u32).map(|i| Edge::new(i % 7, i * 7919 % 5000, 5000 + i * 104_729 % 3000)).collect();
    let symmetric = [true, false, true, false, true, false, true];
    let build = |memory: usize| {
        let path = folder.path().join("g.rgraph");
        let mut builder = GraphBuilder::new(&path, 8000, &symmetric, memory).unwrap();
        edges.iter().for_each(|&edge| builder.push(edge).unwrap());
        let runs = builder.finish().unwrap().runs;
        RelationGraph::verify(&path).unwrap();
        (runs, std::fs::read(&path).unwrap())
    };
    let (many, bytes) = build(1 << 16);
    let (none, same) = build(1 << 30);
    assert!(many > 10 && none == 0);
    assert!(bytes == same);
}

#[test]
fn wrong_edges_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut builder = GraphBuilder::new(folder.path().join("g"), 3, &[false], 0).unwrap();
    for (edge, words) in [
        (Edge::new(0, 0, 3), "an item that does not exist"),
        (Edge::new(1, 0, 2), "a relation that does not exist"),
        (Edge::new(0, 2, 2), "to itself"),
        (Edge { weight: f32::NAN, ..Edge::new(0, 0, 1) }, "not finite"),
    ] {
        let error = builder.push(edge).unwrap_err();
        assert!(error.is_input() && error.to_string().contains(words), "{error}");
    }
    assert!(GraphBuilder::new("g", usize::MAX, &[], 0).is_err());
}
