//! Classification of items by `label`: what plain ability an embedding has.

use std::collections::{BTreeMap, BTreeSet};

use rcml_data::Split;

use super::trial::{self, Purpose};
use super::{EvalOptions, TaskResult};
use crate::algebra::dot;
use crate::item_vectors::{Conditioning, ItemVectors};
use crate::metrics::geometry::{Rows, nearest};
use crate::metrics::{Confusion, expected_macro_f1};
use crate::probe::{Probe, ProbeConfig};
use crate::report::QueryValues;
use crate::{Error, EvalSet, Result, ResultRow, Scorer, Side, View};

/// Neighbours that vote.
const NEIGHBOURS: usize = 20;
/// Sharpness of the votes: a neighbour of cosine s votes with weight exp(s / 0.07) (Wu et al., 2018).
const VOTE_TEMPERATURE: f32 = 0.07;
/// Labels that a linear probe is fitted for at most: each pass costs items x labels.
const MOST: usize = 512;
/// Items of a class that a probe is fitted on at least.
const LEAST: usize = 2;

/// Labels, and the items that have them.
struct Labelled {
    labels: Vec<String>,
    train: Vec<(u32, usize)>,
    test: Vec<(u32, usize)>,
}

/// Three protocols on vectors under no relation, one view per modality and AVG:
/// - `zero-shot`: the label whose words are closest; no item is learnt from;
/// - `knn`: the 20 nearest training items vote;
/// - `linear`: logistic regression, fitted on training items.
///
/// Training items teach, items of the split are asked. A label counts where at least two training items and one item of the split
/// have it.
pub(super) fn run(
    set: &EvalSet<'_>,
    scorer: &mut dyn Scorer,
    options: &EvalOptions,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<TaskResult> {
    let mut result = TaskResult::default();
    let Some(known) = labelled(set, options, &mut result.notes) else { return Ok(result) };
    let items: BTreeSet<u32> = known.train.iter().chain(&known.test).map(|(item, _)| *item).collect();
    let items: Vec<u32> = items.into_iter().collect();
    scorer.prepare(&items)?;
    let fits = known.labels.len() <= MOST;
    if !fits {
        let labels = known.labels.len();
        result.notes.push(format!("classification (linear): left out, {labels} labels are more than {MOST}"));
    }
    let words: Vec<String> = known.labels.iter().map(|label| label.replace(['-', '_'], " ")).collect();
    let words = scorer.text_vectors(&words)?;
    let views: Vec<View> = scorer.views().into_iter().filter(|view| view.query == view.candidate).collect();
    for (done, view) in views.iter().enumerate() {
        let Some(vectors) = scorer.item_vectors(Conditioning::None, &view.query, &items)? else { continue };
        let (test, test_x) = side(&vectors, &known.test);
        let (train, train_x) = side(&vectors, &known.train);
        if test.is_empty() {
            continue;
        }
        if let Some(words) = &words {
            let against_text = View { query: view.query.clone(), candidate: Side::modality("text") };
            let shown = if !matches!(view.query, Side::Modality(_)) { view } else { &against_text };
            let scores = closest_words(words, &known.labels, &test_x, vectors.width());
            record(&mut result, &known, "zero-shot", shown, &test, &scores)?;
        }
        if !train.is_empty() {
            let scores = votes(&train, &train_x, &test_x, vectors.width(), known.labels.len())?;
            record(&mut result, &known, "knn", view, &test, &scores)?;
            if fits {
                let truth: Vec<usize> = train.iter().map(|(_, label)| *label).collect();
                let config = ProbeConfig { l2: 1e-3, ..ProbeConfig::default() };
                let probe = Probe::fit(&train_x, vectors.width(), &truth, known.labels.len(), &config)?;
                record(&mut result, &known, "linear", view, &test, &probe.probabilities(&test_x))?;
            }
        }
        progress(done + 1, views.len());
    }
    Ok(result)
}

fn labelled(set: &EvalSet<'_>, options: &EvalOptions, notes: &mut Vec<String>) -> Option<Labelled> {
    let items = &set.dataset().items;
    let label_of = |item: &u32| items.get(*item as usize)?.label.as_deref();
    let train: Vec<u32> = set.items_of(Split::Train).into_iter().filter(|i| label_of(i).is_some()).collect();
    let asked: Vec<u32> = set.items().iter().copied().filter(|i| label_of(i).is_some()).collect();
    if asked.is_empty() {
        return None;
    }
    if asked.iter().any(|item| train.binary_search(item).is_ok()) {
        notes.push("classification: the items of this split are training items as well, nothing is held out".into());
        return None;
    }
    let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    train.iter().filter_map(label_of).for_each(|label| counts.entry(label).or_default().0 += 1);
    asked.iter().filter_map(label_of).for_each(|label| counts.entry(label).or_default().1 += 1);
    let kept: Vec<&str> = counts.iter().filter(|(_, (a, b))| *a >= LEAST && *b > 0).map(|(label, _)| *label).collect();
    if kept.len() < 2 {
        notes.push(format!(
            "classification: {} labels have {LEAST} training items and an item to ask about, expected at least 2",
            kept.len()
        ));
        return None;
    }
    let class = |item: &u32| kept.binary_search(&label_of(item)?).ok().map(|class| (*item, class));
    let draw = |items: &[u32], part: u32| {
        let known: Vec<(u32, usize)> = items.iter().filter_map(class).collect();
        trial::draw(&known, options.max_items, trial::stream(options.seed, Purpose::Labels, [part, 0, 0]))
    };
    let (train, test) = (draw(&train, 0), draw(&asked, 1));
    let left_out = asked.iter().filter(|item| class(item).is_none()).count();
    if left_out > 0 {
        notes.push(format!(
            "classification: {left_out} of {} items left out, fewer than {LEAST} training items have their label",
            asked.len()
        ));
    }
    Some(Labelled { labels: kept.into_iter().map(String::from).collect(), train, test })
}

/// The items that have a vector, with their vectors.
fn side(vectors: &ItemVectors, items: &[(u32, usize)]) -> (Vec<(u32, usize)>, Vec<f32>) {
    let known: Vec<(u32, usize)> = items.iter().copied().filter(|(item, _)| vectors.get(*item).is_some()).collect();
    let values = known.iter().filter_map(|(item, _)| vectors.get(*item)).flatten().copied().collect();
    (known, values)
}

/// Cosine of each item with each label's words: `[items, labels]`.
fn closest_words(words: &ItemVectors, labels: &[String], x: &[f32], width: usize) -> Vec<f64> {
    let score = |row: &[f32], label: u32| words.get(label).map_or(f64::NEG_INFINITY, |word| f64::from(dot(row, word)));
    x.chunks(width).flat_map(|row| (0..labels.len() as u32).map(move |label| score(row, label))).collect()
}

/// Weighted votes of the nearest training items: `[items, labels]`.
fn votes(train: &[(u32, usize)], train_x: &[f32], test_x: &[f32], width: usize, labels: usize) -> Result<Vec<f64>> {
    let of = |values| Rows::new(values, width).map_err(|error| Error::input(format!("classification: {error}")));
    let (corpus, asked) = (of(train_x)?, of(test_x)?);
    let found = nearest(asked, corpus, NEIGHBOURS.min(train.len()), |_| None);
    let found = found.map_err(|error| Error::input(format!("classification: {error}")))?;
    let mut scores = vec![0.0; found.len() * labels];
    for ((neighbours, row), votes) in found.iter().zip(asked.iter()).zip(scores.chunks_mut(labels)) {
        for &neighbour in neighbours {
            let cosine = dot(row, &train_x[neighbour * width..][..width]);
            votes[train[neighbour].1] += f64::from((cosine / VOTE_TEMPERATURE).exp());
        }
    }
    Ok(scores)
}

/// Adds the rows of a protocol; `scores` are `[items, labels]`. Tied labels share the credit in the accuracies; macro recall and F1
/// take the first of the tied.
fn record(
    result: &mut TaskResult,
    known: &Labelled,
    protocol: &str,
    view: &View,
    test: &[(u32, usize)],
    scores: &[f64],
) -> Result<()> {
    let labels = known.labels.len();
    let (mut first, mut five, mut predicted) = (Vec::new(), Vec::new(), Vec::new());
    for (row, (_, truth)) in scores.chunks(labels).zip(test) {
        let answer = row[*truth];
        let better = row.iter().filter(|s| **s > answer).count();
        let tied = row.iter().filter(|s| **s == answer).count().max(1);
        let hit = |k: usize| (k.saturating_sub(better) as f64 / tied as f64).min(1.0);
        first.push(hit(1));
        five.push(hit(5));
        let best = row.iter().enumerate().rev().max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(class, _)| class);
        predicted.push(best);
    }
    let truth: Vec<usize> = test.iter().map(|(_, label)| *label).collect();
    let confusion = Confusion::new(&predicted, &truth, labels)
        .map_err(|error| Error::input(format!("classification ({protocol}): {error}")))?;
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let chance = 1.0 / labels as f64;
    let occurring: Vec<usize> =
        (0..labels).map(|label| truth.iter().filter(|truth| **truth == label).count()).collect();
    let numbers = [
        ("accuracy", mean(&first), chance),
        ("top-5", mean(&five), (5.0 * chance).min(1.0)),
        ("macro-recall", confusion.macro_recall(), chance),
        ("macro-f1", confusion.macro_f1(), expected_macro_f1(&occurring)),
    ];
    result.rows.extend(numbers.map(|(metric, value, chance)| ResultRow {
        task: "classification".into(),
        protocol: protocol.into(),
        relations: "none".into(),
        view: view.label(),
        metric: metric.into(),
        value,
        queries: test.len(),
        chance,
    }));
    result.queries.push(QueryValues {
        task: "classification".into(),
        protocol: protocol.into(),
        relation: "none".into(),
        groups: vec!["none".into()],
        view: view.label(),
        metrics: vec!["accuracy".into()],
        queries: test.iter().map(|(item, _)| (*item, u32::MAX)).collect(),
        values: first,
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{Task, fixture};
    use super::*;
    use crate::RelationRef;

    /// Items that say their colour; with `words`, colours are found by their name.
    struct Colours {
        words: bool,
    }

    impl Scorer for Colours {
        fn name(&self) -> &str {
            "colours"
        }

        fn views(&self) -> Vec<View> {
            vec![View::avg()]
        }

        fn scores(&mut self, _: RelationRef, _: &View, queries: &[u32], candidates: &[u32]) -> Result<Vec<f32>> {
            Ok(vec![0.0; queries.len() * candidates.len()])
        }

        fn item_vectors(&mut self, _: Conditioning, _: &Side, items: &[u32]) -> Result<Option<ItemVectors>> {
            let values = items.iter().flat_map(|i| (0..4).map(move |c| f32::from(u8::from(i % 4 == c)))).collect();
            Ok(Some(ItemVectors::new(items, 4, values, vec![true; items.len()])))
        }

        fn text_vectors(&mut self, texts: &[String]) -> Result<Option<ItemVectors>> {
            let names = ["red", "green", "blue", "violet"];
            let one = |text: &String| names.map(|name| f32::from(u8::from(name == text)));
            let numbers: Vec<u32> = (0..texts.len() as u32).collect();
            let values = texts.iter().flat_map(one).collect();
            Ok(self.words.then(|| ItemVectors::new(&numbers, 4, values, vec![true; texts.len()])))
        }
    }

    fn run(words: bool, relabel: impl Fn(usize) -> Option<&'static str>) -> TaskResult {
        let (mut dataset, splits) = fixture::colours(80, 30);
        for (i, item) in dataset.items.iter_mut().enumerate() {
            item.label = relabel(i).map(String::from);
        }
        let set = EvalSet::new(&dataset, &splits, Split::Test).unwrap();
        Task::Classification.run(&set, &mut Colours { words }, &EvalOptions::default(), &mut |_, _| {}).unwrap()
    }

    fn colour(i: usize) -> Option<&'static str> {
        Some(["red", "green", "blue", "violet"][i % 4])
    }

    #[test]
    fn what_the_vectors_say_is_found_in_all_three_ways() {
        let found = run(true, colour);
        for protocol in ["zero-shot", "knn", "linear"] {
            let row = found.rows.iter().find(|r| r.protocol == protocol && r.metric == "accuracy").unwrap();
            assert!((row.value - 1.0).abs() < 1e-9 && row.chance == 0.25 && row.queries == 30, "{row:?}");
        }
        assert!(run(false, colour).rows.iter().all(|row| row.protocol != "zero-shot"));
    }

    #[test]
    fn labels_that_the_vectors_do_not_hold_are_guessed() {
        let found = run(false, |i| Some(["a", "b"][i / 4 % 2]));
        let linear = found.rows.iter().find(|r| r.protocol == "linear" && r.metric == "accuracy").unwrap();
        assert!((0.2..0.8).contains(&linear.value), "{linear:?}");
    }

    #[test]
    fn the_chance_of_macro_f1_knows_how_rare_labels_are() {
        let found = run(false, |i| Some(if i % 10 == 0 { "rare" } else { "common" }));
        let of = |metric: &str| found.rows.iter().find(|r| r.protocol == "knn" && r.metric == metric).unwrap();
        assert_eq!((of("macro-recall").chance, of("macro-f1").chance), (0.5, expected_macro_f1(&[27, 3])));
        assert!(of("macro-f1").chance < 0.42, "{:?}", of("macro-f1"));
    }

    #[test]
    fn labels_that_training_lacks_are_left_out_and_said() {
        let found = run(false, |i| if i >= 75 { Some("new") } else { colour(i) });
        assert!(found.notes.iter().any(|n| n.contains("5 of 30 items left out")), "{:?}", found.notes);
        assert!(found.rows.iter().all(|row| row.queries == 25));
        let single = run(false, |_| Some("one"));
        assert!(single.rows.is_empty() && single.notes[0].contains("1 labels"), "{:?}", single.notes);
        let none = run(false, |_| None);
        assert!(none.rows.is_empty() && none.notes.is_empty());
    }

    #[test]
    fn items_that_training_has_are_not_asked_about() {
        let (mut dataset, mut splits) = fixture::colours(40, 10);
        dataset.items.iter_mut().for_each(|item| item.label = Some("x".into()));
        splits.items.fill(Split::Train);
        let set = EvalSet::new(&dataset, &splits, Split::Test).unwrap();
        let found = Task::Classification
            .run(&set, &mut Colours { words: false }, &EvalOptions::default(), &mut |_, _| {})
            .unwrap();
        assert!(found.rows.is_empty() && found.notes[0].contains("nothing is held out"), "{:?}", found.notes);
    }
}
