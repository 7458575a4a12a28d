//! A small catalogue with planted truth, for tests.

use rcml_data::{Dataset, Edge, Item, Relation, Split, Splits};

use crate::RelationRef;

/// Item i has colour i % 4 and shape (i / 4) % 3; the last `held` items are held out; "same-shape" is unseen.
pub(crate) fn colours(items: usize, held: usize) -> (Dataset, Splits) {
    let colours = ["red", "green", "blue", "violet"];
    let shapes = ["square", "disc", "cross"];
    let mut dataset = Dataset::default();
    dataset.info.name = Some("colours".into());
    for i in 0..items {
        let text = format!("a {} {}, number {i}", colours[i % 4], shapes[i / 4 % 3]);
        dataset.items.push(Item::new(format!("i{i}")).text(text).image(format!("images/{i}.png")));
    }
    for (id, description) in [("same-colour", "has the same colour"), ("same-shape", "has the same shape")] {
        dataset.relations.push(Relation::new(id, description).symmetric(true).family("factor"));
    }
    for a in 0..items as u32 {
        for b in a + 1..items as u32 {
            for relation in 0..2 {
                if truth(RelationRef::Index(relation), a, b) > 0.5 {
                    dataset.edges.push(Edge::new(relation, a, b));
                }
            }
        }
    }
    let split = |i: usize| if i + held < items { Split::Train } else { Split::Test };
    let edge_split = |e: &Edge| {
        let (a, b) = (split(e.source as usize), split(e.target as usize));
        (a == b).then_some(a)
    };
    let splits = Splits {
        items: (0..items).map(split).collect(),
        relations: vec![Split::Train, Split::Test],
        edges: dataset.edges.iter().map(edge_split).collect(),
    };
    (dataset, splits)
}

/// 1 where the relation holds, else 0.
pub(crate) fn truth(relation: RelationRef, a: u32, b: u32) -> f32 {
    let holds = match relation {
        RelationRef::Index(0) => a % 4 == b % 4,
        RelationRef::Index(_) => a / 4 % 3 == b / 4 % 3,
        RelationRef::SameItem => a == b,
    };
    f32::from(u8::from(holds))
}
