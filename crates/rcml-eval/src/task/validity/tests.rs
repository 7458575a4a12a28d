use rcml_data::{Edge, Item, Relation, Splits};

use super::super::{Task, fixture};
use super::*;
use crate::OracleScorer;

fn rows(scorer: &mut dyn Scorer) -> TaskResult {
    let (dataset, splits) = fixture::colours(90, 40);
    let set = EvalSet::new(&dataset, &splits, Split::Test).unwrap();
    Task::Validity.run(&set, scorer, &EvalOptions::default(), &mut |_, _| {}).unwrap()
}

fn value(result: &TaskResult, protocol: &str, relations: &str, metric: &str) -> f64 {
    let is = |r: &&ResultRow| r.protocol == protocol && r.relations == relations && r.metric == metric;
    result.rows.iter().find(is).unwrap_or_else(|| panic!("no row {protocol} {relations} {metric}")).value
}

#[test]
fn the_truth_is_right_and_a_constant_guesses() {
    let mut truth = OracleScorer::new("truth", vec![View::avg()], fixture::truth);
    let found = rows(&mut truth);
    for metric in ["accuracy", "auroc", "auprc", "auroc-random", "auroc-hard", "accuracy"] {
        assert!((value(&found, "similarity", "seen", metric) - 1.0).abs() < 1e-9, "{metric}");
    }
    assert!(value(&found, "similarity", "seen", "ece") < 0.05);
    assert!(found.rows.iter().all(|row| row.protocol == "similarity"), "an oracle has no vectors to probe");
    let mut constant = OracleScorer::new("constant", vec![View::avg()], |_, _, _| 0.3);
    let found = rows(&mut constant);
    for metric in ["auroc", "auprc"] {
        assert!((value(&found, "similarity", "all", metric) - 0.5).abs() < 1e-9, "{metric}");
    }
    assert!((value(&found, "similarity", "all", "brier") - 0.25).abs() < 1e-3);
}

/// Vectors that say colour and shape, and numbers that no test item may be recognised by.
struct Factors {
    /// Whether vectors also carry the item's number, which a probe could learn by heart.
    numbered: bool,
}

impl Scorer for Factors {
    fn name(&self) -> &str {
        "factors"
    }

    fn views(&self) -> Vec<View> {
        vec![View::avg()]
    }

    fn scores(&mut self, _: RelationRef, _: &View, queries: &[u32], candidates: &[u32]) -> Result<Vec<f32>> {
        Ok(vec![0.0; queries.len() * candidates.len()])
    }

    fn item_vectors(&mut self, _: Conditioning, _: &Side, items: &[u32]) -> Result<Option<ItemVectors>> {
        let width = 7 + if self.numbered { 90 } else { 0 };
        let mut values = vec![0.0; items.len() * width];
        for (row, item) in values.chunks_mut(width).zip(items) {
            row[*item as usize % 4] = 1.0;
            row[4 + *item as usize / 4 % 3] = 1.0;
            if self.numbered {
                row[7 + *item as usize] = 1.0;
            }
        }
        Ok(Some(ItemVectors::new(items, width, values, vec![true; items.len()])))
    }

    fn relation_vector(&mut self, relation: RelationRef) -> Result<Option<Vec<f32>>> {
        Ok(Some(if relation == RelationRef::Index(0) { vec![1.0, 0.0] } else { vec![0.0, 1.0] }))
    }
}

#[test]
fn an_mlp_learns_which_factor_counts_and_a_line_on_the_vectors_side_by_side_cannot() {
    let found = rows(&mut Factors { numbered: false });
    assert!(value(&found, "mlp", "same-colour", "auroc") > 0.97);
    let line = value(&found, "linear", "same-colour", "auroc");
    assert!((0.3..0.7).contains(&line), "{line}: equality is no linear function of two one-hot vectors");
    assert_eq!(value(&found, "similarity", "same-colour", "auroc"), 0.5);
}

/// A probe that saw the test edges would know them by heart: with random edges there is nothing else to know.
#[test]
fn probes_do_not_see_what_they_are_asked() {
    let mut dataset = rcml_data::Dataset {
        items: (0..90).map(|i| Item::new(format!("i{i}")).text("x")).collect(),
        relations: vec![Relation::new("random", "is linked by a coin")],
        ..rcml_data::Dataset::default()
    };
    for a in 0..90_u32 {
        for b in 0..90_u32 {
            // Test edges join test items, training edges training items; a multiplicative hash tosses the coin.
            if a != b && (a < 50) == (b < 50) && (a * 90 + b).wrapping_mul(2_654_435_761) >> 29 == 0 {
                dataset.edges.push(Edge::new(0, a, b));
            }
        }
    }
    let of = |i: u32| if i < 50 { Split::Train } else { Split::Test };
    let splits = Splits {
        items: (0..90).map(of).collect(),
        relations: vec![Split::Train],
        edges: dataset.edges.iter().map(|e| Some(of(e.source))).collect(),
    };
    let set = EvalSet::new(&dataset, &splits, Split::Test).unwrap();
    let options = EvalOptions::default();
    let honest = parts(&set, &options);
    let asked: BTreeSet<(u32, u32)> = honest.ask.iter().map(|c| (c.query, c.candidate)).collect();
    assert!(honest.fit.iter().chain(&honest.tune).all(|c| !asked.contains(&(c.query, c.candidate))));
    assert!(honest.fit.iter().chain(&honest.tune).all(|c| c.query < 50 && c.candidate < 50));

    let mut scorer = Factors { numbered: true };
    let auroc_of = |scorer: &mut Factors, parts: &Parts| {
        let p = Features::of(scorer, parts).unwrap().unwrap().probe(parts, HIDDEN, 0).unwrap();
        let (p, holds) = answered(&parts.ask, &p);
        auroc(&p, &holds).unwrap()
    };
    let fair = auroc_of(&mut scorer, &honest);
    // The planted bug: what is asked is also what the probe is fitted and chosen on.
    let cheating = Parts { fit: honest.ask.clone(), tune: honest.ask.clone(), ask: honest.ask };
    let leaked = auroc_of(&mut scorer, &cheating);
    assert!((0.3..0.65).contains(&fair) && leaked > 0.8 && leaked > fair + 0.15, "{fair} {leaked}");
}

#[test]
fn the_training_split_is_not_asked_about() {
    let (dataset, splits) = fixture::colours(60, 30);
    let set = EvalSet::new(&dataset, &splits, Split::Train).unwrap();
    let mut scorer = OracleScorer::new("truth", vec![View::avg()], fixture::truth);
    let found = Task::Validity.run(&set, &mut scorer, &EvalOptions::default(), &mut |_, _| {}).unwrap();
    assert!(found.rows.is_empty() && found.notes[0].contains("fitted on the training split"), "{found:?}");
}
