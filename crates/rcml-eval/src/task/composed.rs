//! Composed retrieval: an item and free text that no relation of the dataset has.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::corpus::{METRICS, Query};
use super::tally::{Measures, Scored, Tally};
use super::trial::{self, Purpose};
use super::{EvalOptions, TaskResult, queries_per_call};
use crate::algebra::dot;
use crate::item_vectors::{Conditioning, ItemVectors};
use crate::report::QueryValues;
use crate::scorer::{check_length, checked_scores};
use crate::{EvalSet, RelationRef, Result, Scorer, Side, View};

/// Pairs of relations that are asked about at most: those with the most queries.
const PAIRS: usize = 30;

/// How the two halves of a question reach the method.
const PROTOCOLS: [&str; 4] = ["words", "sum", "added", "first-half"];

/// Two relations that are to hold at once.
struct Question {
    relations: [u32; 2],
    queries: Vec<u32>,
}

/// "Which item relates to this one in this way AND in that way?" The free text is the two relations' words with "and" between
/// them, which training never saw; a right answer is related to the query in both ways. Asked are pairs of relations that share
/// answers, of queries where each relation has answers that the other has not, so that both halves are needed. All items of the
/// split are ranked, other right answers filtered.
///
/// - `words`: one embedding under the whole text
/// - `sum`: the mean of the scores under either relation alone
/// - `added`: the item's vector under no relation plus the text's, as one composes with a CLIP
/// - `first-half`: the score under the first relation alone, which shows what the second half is worth
pub(super) fn run(
    set: &EvalSet<'_>,
    scorer: &mut dyn Scorer,
    options: &EvalOptions,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<TaskResult> {
    let questions = questions(set, options);
    if questions.is_empty() {
        return Ok(TaskResult::default());
    }
    scorer.prepare(set.items())?;
    let views: Vec<View> = scorer.views().into_iter().filter(|view| !matches!(view.query, Side::Modality(_))).collect();
    let free = views.iter().map(|view| scorer.item_vectors(Conditioning::None, &view.query, set.items()));
    let free: Vec<Option<ItemVectors>> = free.collect::<Result<_>>()?;
    // (protocol, view) -> what the queries of each question scored.
    let mut tallies: BTreeMap<(usize, usize), Vec<Tally>> = BTreeMap::new();
    for (done, question) in questions.iter().enumerate() {
        let mut found: Vec<[Tally; PROTOCOLS.len()]> = views.iter().map(|_| Default::default()).collect();
        // The scores of both relations are held in all views.
        for queries in question.queries.chunks(queries_per_call(views.len() * set.items().len())) {
            ask(&Asked { set, question, views: &views, queries }, scorer, &free, &mut found)?;
        }
        for (v, found) in found.into_iter().enumerate() {
            found.into_iter().enumerate().for_each(|(p, tally)| tallies.entry((p, v)).or_default().push(tally));
        }
        progress(done + 1, questions.len());
    }

    let mut result = TaskResult::default();
    for ((p, v), tallies) in tallies {
        let measures = Measures { task: "composed", protocol: PROTOCOLS[p].into(), metrics: &METRICS, macros: &[] };
        for group in ["all", "seen", "unseen"] {
            let of = |(question, tally)| in_group(set, question, group).then_some(tally);
            let members: Vec<&Tally> = questions.iter().zip(&tallies).filter_map(of).collect();
            result.rows.extend(measures.metric_rows(group, &views[v], &members));
        }
        for (question, tally) in questions.iter().zip(tallies) {
            result.queries.extend(query_values(set, question, PROTOCOLS[p], &views[v], tally));
        }
    }
    Ok(result)
}

/// A question is of seen relations where both are.
fn in_group(set: &EvalSet<'_>, question: &Question, group: &str) -> bool {
    let seen = question.relations.iter().all(|relation| set.seen(*relation));
    group == "all" || seen == (group == "seen")
}

fn questions(set: &EvalSet<'_>, options: &EvalOptions) -> Vec<Question> {
    let relations = set.relations();
    let mut queries: BTreeMap<[u32; 2], Vec<u32>> = BTreeMap::new();
    let mut of_item: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for &relation in &relations {
        set.held().anchors(relation).iter().for_each(|query| of_item.entry(*query).or_default().push(relation));
    }
    for (&query, relations) in &of_item {
        for (number, &a) in relations.iter().enumerate() {
            for &b in &relations[number + 1..] {
                let shared = both(set.held().targets(a, query), set.held().targets(b, query), query).len();
                let alone = |relation| set.whole().targets(relation, query).len();
                let known = both(set.whole().targets(a, query), set.whole().targets(b, query), query).len();
                if shared > 0 && known < alone(a) && known < alone(b) {
                    queries.entry([a, b]).or_default().push(query);
                }
            }
        }
    }
    let mut all: Vec<([u32; 2], Vec<u32>)> = queries.into_iter().collect();
    // The sort is stable: equal numbers of queries stay in the order of the relations.
    all.sort_by_key(|(_, queries)| std::cmp::Reverse(queries.len()));
    let drawn = |([a, b], queries): ([u32; 2], Vec<u32>)| Question {
        relations: [a, b],
        queries: trial::draw(&queries, options.max_queries, trial::stream(options.seed, Purpose::Composed, [a, b, 0])),
    };
    all.into_iter().take(PAIRS).map(drawn).collect()
}

/// Items of both ascending lists, without the query.
fn both(a: &[u32], b: &[u32], query: u32) -> Vec<u32> {
    a.iter().copied().filter(|item| *item != query && b.binary_search(item).is_ok()).collect()
}

/// Some queries of a question.
struct Asked<'a, 'd> {
    set: &'a EvalSet<'d>,
    question: &'a Question,
    views: &'a [View],
    queries: &'a [u32],
}

/// Adds what queries score in each view (`found`), protocol by protocol; nothing where the method cannot. A method embeds items anew
/// whenever it is asked under something else, so that every view is asked for under one thing before the next.
fn ask(
    asked: &Asked<'_, '_>,
    scorer: &mut dyn Scorer,
    free: &[Option<ItemVectors>],
    found: &mut [[Tally; PROTOCOLS.len()]],
) -> Result<()> {
    let Asked { set, question, views, queries } = asked;
    let [words, sum, added, first_half] = [0, 1, 2, 3];
    let text = self::words(set, question);
    for (view, found) in views.iter().zip(found.iter_mut()) {
        if let Some(scores) = scorer.text_scores(&text, view, queries, set.items())? {
            check_length(scorer, view, &scores, queries.len(), set.items().len())?;
            asked.add(&mut found[words], &scores);
        }
    }
    let [first, second] = question.relations.map(RelationRef::Index);
    let mut halves = Vec::with_capacity(views.len());
    for (view, found) in views.iter().zip(found.iter_mut()) {
        let scores = checked_scores(scorer, first, view, queries, set.items())?;
        asked.add(&mut found[first_half], &scores);
        halves.push(scores);
    }
    for ((view, found), mut scores) in views.iter().zip(found.iter_mut()).zip(halves) {
        let others = checked_scores(scorer, second, view, queries, set.items())?;
        scores.iter_mut().zip(others).for_each(|(a, b)| *a = (*a + b) / 2.0);
        asked.add(&mut found[sum], &scores);
    }
    if let Some(text) = scorer.text_vectors(&[text])?.as_ref().and_then(|vectors| vectors.get(0)) {
        for (vectors, found) in free.iter().zip(found) {
            if let Some(vectors) = vectors {
                asked.add(&mut found[added], &sums(vectors, text, queries, set.items()));
            }
        }
    }
    Ok(())
}

impl Asked<'_, '_> {
    fn add(&self, tally: &mut Tally, scores: &[f32]) {
        let values = values(self.set, self.question, self.queries, scores);
        self.queries.iter().zip(values).for_each(|(query, values)| tally.add(*query, u32::MAX, values));
    }
}

fn words(set: &EvalSet<'_>, question: &Question) -> String {
    let of = |relation: u32| set.dataset().relations.get(relation as usize).map_or("", |known| known.description());
    question.relations.map(of).join(" and ")
}

/// Scores of candidates for the sum of each query's vector and the text's.
fn sums(vectors: &ItemVectors, text: &[f32], queries: &[u32], candidates: &[u32]) -> Vec<f32> {
    let row = |query: &u32| -> Vec<f32> {
        let asked = |vector: &[f32]| vector.iter().zip(text).map(|(a, b)| a + b).collect::<Vec<f32>>();
        let asked = vectors.get(*query).map(asked);
        let score = |candidate: u32| Some(dot(asked.as_ref()?, vectors.get(candidate)?));
        candidates.iter().map(|candidate| score(*candidate).unwrap_or(f32::NAN)).collect()
    };
    queries.par_iter().flat_map_iter(row).collect()
}

fn values(set: &EvalSet<'_>, question: &Question, queries: &[u32], scores: &[f32]) -> Vec<Scored> {
    let [a, b] = question.relations;
    let rows = queries.par_iter().zip(scores.par_chunks(set.items().len()));
    let of = |(&query, row): (&u32, &[f32])| {
        let answers = both(set.held().targets(a, query), set.held().targets(b, query), query);
        let related = both(set.whole().targets(a, query), set.whole().targets(b, query), query);
        let mut ranked = Query::new(query, &answers, &related, set.items(), row);
        ranked.count(row);
        ranked.values()
    };
    rows.map(of).collect()
}

fn query_values(
    set: &EvalSet<'_>,
    question: &Question,
    protocol: &str,
    view: &View,
    tally: Tally,
) -> Option<QueryValues> {
    let id = |relation: u32| set.dataset().relations.get(relation as usize).map_or("", |known| known.id.as_str());
    let seen = if in_group(set, question, "seen") { "seen" } else { "unseen" };
    (tally.queries() > 0).then(|| {
        let (queries, values) = tally.into_values();
        QueryValues {
            task: "composed".into(),
            protocol: protocol.into(),
            relation: question.relations.map(id).join("+"),
            groups: vec!["all".into(), seen.into()],
            view: view.label(),
            metrics: METRICS.iter().map(ToString::to_string).collect(),
            queries,
            values,
        }
    })
}

#[cfg(test)]
mod tests {
    use rcml_data::Split;

    use super::super::{Task, fixture};
    use super::*;
    use crate::ResultRow;

    /// Knows the truth under each relation, and under words whether they name both.
    struct Reader {
        reads: bool,
    }

    impl Scorer for Reader {
        fn name(&self) -> &str {
            "reader"
        }

        fn views(&self) -> Vec<View> {
            vec![View::new("text", "text"), View::avg()]
        }

        fn scores(&mut self, relation: RelationRef, _: &View, queries: &[u32], candidates: &[u32]) -> Result<Vec<f32>> {
            let of = |a: &u32| candidates.iter().map(|b| fixture::truth(relation, *a, *b)).collect::<Vec<_>>();
            Ok(queries.iter().flat_map(of).collect())
        }

        fn text_scores(
            &mut self,
            words: &str,
            _: &View,
            queries: &[u32],
            candidates: &[u32],
        ) -> Result<Option<Vec<f32>>> {
            assert_eq!(words, "has the same colour and has the same shape");
            let holds = |a: u32, b: u32| {
                fixture::truth(RelationRef::Index(0), a, b) * fixture::truth(RelationRef::Index(1), a, b)
            };
            let of = |a: &u32| candidates.iter().map(|b| holds(*a, *b)).collect::<Vec<_>>();
            Ok(self.reads.then(|| queries.iter().flat_map(of).collect()))
        }
    }

    fn rows(reads: bool) -> Vec<ResultRow> {
        let (dataset, splits) = fixture::colours(120, 72);
        let set = EvalSet::new(&dataset, &splits, Split::Test).unwrap();
        let rows = Task::Composed.run(&set, &mut Reader { reads }, &EvalOptions::default(), &mut |_, _| {});
        rows.unwrap().rows
    }

    fn find<'a>(rows: &'a [ResultRow], protocol: &str, metric: &str) -> Option<&'a ResultRow> {
        rows.iter().find(|row| row.protocol == protocol && row.relations == "all" && row.metric == metric)
    }

    #[test]
    fn both_halves_are_needed() {
        let rows = rows(true);
        assert!(rows.iter().all(|row| row.view == "AVG" && row.queries == 72 && row.relations != "seen"));
        for protocol in ["words", "sum"] {
            let row = find(&rows, protocol, "mrr").unwrap();
            assert!((row.value - 1.0).abs() < 1e-12 && row.chance < 0.2, "{row:?}");
        }
        // Of 72 items 18 have the colour, 6 of them the shape as well: the colour alone leaves 12 wrong ones before or beside them.
        let half = find(&rows, "first-half", "hit@1").unwrap();
        assert!((half.value - 1.0 / 13.0).abs() < 1e-9, "{half:?}");
        assert!(find(&rows, "added", "mrr").is_none(), "a method without vectors");
    }

    /// Counts how often it is asked under something else than before.
    struct Turning {
        under: Option<String>,
        turns: usize,
    }

    impl Turning {
        fn turn(&mut self, under: String) {
            self.turns += usize::from(self.under.as_ref() != Some(&under));
            self.under = Some(under);
        }
    }

    impl Scorer for Turning {
        fn name(&self) -> &str {
            "turning"
        }

        fn views(&self) -> Vec<View> {
            vec![View::avg(), View::plain()]
        }

        fn scores(&mut self, relation: RelationRef, _: &View, queries: &[u32], candidates: &[u32]) -> Result<Vec<f32>> {
            self.turn(format!("{relation:?}"));
            Ok(vec![0.5; queries.len() * candidates.len()])
        }

        fn text_scores(
            &mut self,
            words: &str,
            _: &View,
            queries: &[u32],
            candidates: &[u32],
        ) -> Result<Option<Vec<f32>>> {
            self.turn(words.into());
            Ok(Some(vec![0.5; queries.len() * candidates.len()]))
        }
    }

    #[test]
    fn all_views_are_asked_for_under_one_thing_before_the_next() {
        let (dataset, splits) = fixture::colours(120, 72);
        let set = EvalSet::new(&dataset, &splits, Split::Test).unwrap();
        let mut scorer = Turning { under: None, turns: 0 };
        let rows = Task::Composed.run(&set, &mut scorer, &EvalOptions::default(), &mut |_, _| {}).unwrap().rows;
        assert_eq!(scorer.turns, 3, "the words, one relation, the other");
        assert!(rows.iter().any(|row| row.view == "plain" && row.protocol == "sum"));
        assert!(rows.iter().all(|row| (row.value - row.chance).abs() < 1e-9), "{rows:?}");
    }

    #[test]
    fn a_method_that_cannot_read_is_left_out() {
        let rows = rows(false);
        assert!(find(&rows, "words", "mrr").is_none() && find(&rows, "sum", "mrr").is_some());
    }
}
