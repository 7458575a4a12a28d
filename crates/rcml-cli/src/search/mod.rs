//! `rcml search`.

mod questions;
mod start;

use std::path::PathBuf;

use clap::Args;
use rcml_data::{Dataset, Item};
use rcml_eval::{Scorer, TfIdfQuery, TfIdfScorer, View, blend};
use rcml_model::{Candidates, Embedder, Nearest, ReadRelation, RelationQuery};
use serde_json::{Value, json};

use crate::corpus::{Corpus, CorpusArguments};
use crate::failure::{Failure, Result};
use crate::output::{note, print, print_json};
use crate::progress::Progress;
use crate::run::{PictureArguments, Run, read_items};
use questions::{Questions, check, read};
use start::{Start, StartArguments};

#[derive(Debug, Args)]
#[command(after_help = "Example:
  rcml search run --data emoji --item red-heart --relation \"both are about love\" -k 5
  rcml search run --data shop --text \"a brass lamp\" --image lamp.jpg --relation \"goes with it\"
  rcml search run --data shop --every-item --relation \"is bought with it\" --json > related.jsonl
  rcml index run --data shop --out shop.index    (once; then, without encoding anything:)
  rcml search run --index shop.index --item p17 --relation \"goes with it\"

Words that are a phrasing of one of the dataset's relations follow it from source to target.
With --words 0.5 items also rank higher for rare words that they share with the item and the
relation; `rcml eval --baselines` shows what that brings (row rcml+tf-idf).
Items of which the model reads nothing are no answers, and --every-item passes them over.
With several items or relations, results come relation by relation, with --json one object a line; the
item of one that the dataset lacks is null there.")]
pub(crate) struct SearchArguments {
    /// Folder of a finished run
    run: PathBuf,
    #[command(flatten)]
    corpus: CorpusArguments,
    #[command(flatten)]
    start: StartArguments,
    /// How the others relate to it, in any words; may be given several times
    #[arg(long, value_name = "TEXT", required = true)]
    relation: Vec<String>,
    /// Number of results
    #[arg(short, value_name = "K", default_value_t = 10, value_parser = at_least_one)]
    k: usize,
    /// Share of the score, from 0 to 1, that goes to words in common (TF-IDF); the rest goes to the
    /// model's embeddings
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    words: f32,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pictures: PictureArguments,
    /// Where to compute: auto, cpu, and what else this build knows
    #[arg(long, value_name = "D", default_value = "auto")]
    device: String,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|k| *k > 0).ok_or_else(|| "expected a number of at least 1".into())
}

fn share(text: &str) -> Result<f32, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "expected a number from 0 to 1".into())
}

/// Items that ask encoded at a time.
const CHUNK: usize = 4096;

pub(crate) fn run(arguments: &SearchArguments) -> Result<()> {
    let run = Run::open(&arguments.run, &arguments.pictures)?;
    if arguments.relation.iter().any(|words| words.trim().is_empty()) {
        return Err(Failure::input("--relation: expected words, found none"));
    }
    let embedder = &run.embedder(&arguments.device)?;
    let corpus = &Corpus::open(&arguments.corpus, embedder)?;
    let start = arguments.start.find(corpus.dataset())?;
    let known = &corpus.dataset().relations;
    let relations = arguments.relation.iter().map(|words| {
        let (source, target) = embedder.ends(known, words);
        Ok((source, embedder.read_relation(&target)?))
    });
    let relations: Vec<(RelationQuery, ReadRelation)> = relations.collect::<Result<_>>()?;
    let (sources, targets): (Vec<RelationQuery>, Vec<ReadRelation>) = relations.into_iter().unzip();
    let search = Search { arguments, embedder, corpus, start, sources, targets };
    let (questions, kept) = search.ask()?;
    let nearest = search.answer(&questions, kept)?;
    search.show(&questions, nearest)
}

/// A search under way.
struct Search<'a> {
    arguments: &'a SearchArguments,
    embedder: &'a Embedder,
    corpus: &'a Corpus,
    start: Start,
    /// What queries are embedded under, for each relation.
    sources: Vec<RelationQuery>,
    /// The same of candidates.
    targets: Vec<ReadRelation>,
}

impl Search<'_> {
    /// The items that ask; and those that answer, where both are all items of a dataset, which are encoded but once.
    fn ask(&self) -> Result<(Questions, Vec<Candidates>)> {
        let Self { embedder, corpus, sources, .. } = self;
        let n = corpus.dataset().items.len();
        let (mut questions, mut kept) = (Questions::new(sources.len()), Vec::new());
        match &self.start {
            Start::New(new) => {
                check(embedder, new)?;
                let reader = read_items(embedder, new, &[0])?;
                if !reader.image_problems().is_empty() {
                    return Err(Failure::input("--image: expected a picture that can be read"));
                }
                // A number that no candidate has.
                questions.items = vec![n as u32];
                questions.ask(embedder, &embedder.encode(&reader, &[0], &|_| {})?, sources)?;
                corpus.read(embedder)?;
            }
            Start::Items(asking) => {
                corpus.read(embedder)?;
                questions.items.clone_from(asking);
                for chunk in asking.chunks(CHUNK) {
                    questions.ask(embedder, &corpus.items(chunk, embedder)?, sources)?;
                }
                // Before the work on all others.
                if let Some(at) = questions.present.iter().position(|present| !present) {
                    let id = &corpus.dataset().items[asking[at] as usize].id;
                    let reads = read(embedder);
                    return Err(Failure::input(format!("--item {id}: it has none of what the model reads: {reads}")));
                }
            }
            Start::Every => {
                corpus.read(embedder)?;
                questions.items = (0..n as u32).collect();
                let progress = Progress::new("embedding", n);
                for number in 0..corpus.chunks() {
                    let encoded = corpus.chunk(number, embedder, &|done| progress.set(done))?;
                    questions.ask(embedder, &encoded, sources)?;
                    // An index is read again in less time than keeping its vectors is worth.
                    if let Corpus::Data { .. } = corpus {
                        kept.push(Candidates::new(embedder, &encoded, &self.targets)?);
                    }
                }
                progress.finish();
            }
        }
        Ok((questions, kept))
    }

    /// The best answers to every question under every relation.
    fn answer(&self, questions: &Questions, kept: Vec<Candidates>) -> Result<Vec<Nearest>> {
        let Self { arguments, embedder, corpus, .. } = self;
        let n = corpus.dataset().items.len();
        let named = self.with_new();
        let everything: Vec<u32> = (0..n as u32).collect();
        let mut words = named.as_ref().map(|named| TfIdfScorer::new(named, &everything, TfIdfQuery::ItemAndRelation));
        let mut nearest = vec![Nearest::new(questions.items.len(), arguments.k); arguments.relation.len()];
        let mut absent = 0;
        let mut add = |candidates: Candidates| -> Result<()> {
            let (first, width) = (candidates.first, candidates.present.len());
            absent += candidates.present.iter().filter(|present| !**present).count();
            for (number, relation) in arguments.relation.iter().enumerate() {
                let queries = &questions.relations[number];
                candidates.score(number, queries, embedder.width(), |query, scores| {
                    let asking = &questions.items[query..query + scores.len() / width];
                    if let Some(words) = &mut words {
                        let others = &everything[first as usize..][..width];
                        let shared = words.text_scores(relation, &View::avg(), asking, others)?.unwrap_or_default();
                        let scores = scores.iter_mut().zip(shared);
                        scores.for_each(|(score, shared)| *score = blend(*score, shared, arguments.words));
                    }
                    for (item, row) in asking.iter().zip(scores.chunks_mut(width)) {
                        // An item is no answer to itself.
                        if let Some(own) = item.checked_sub(first).and_then(|own| row.get_mut(own as usize)) {
                            *own = f32::NAN;
                        }
                    }
                    nearest[number].add(query, first, scores, width);
                    Ok::<(), Failure>(())
                })?;
            }
            Ok(())
        };
        if kept.is_empty() {
            let progress = Progress::new("searching", n);
            corpus.candidates(embedder, &self.targets, &|done| progress.set(done), add)?;
            progress.finish();
        } else {
            kept.into_iter().try_for_each(&mut add)?;
        }
        if absent > 0 {
            note(&format!("{absent} of {n} items are left out: they have none of what the model reads"));
        }
        Ok(nearest)
    }

    /// What words are compared in: the items, and behind them a new one that asks.
    fn with_new(&self) -> Option<Dataset> {
        let new = match &self.start {
            Start::New(new) => new.items.as_slice(),
            _ => &[],
        };
        let items = || self.corpus.dataset().items.iter().chain(new).cloned().collect();
        (self.arguments.words > 0.0).then(|| Dataset { items: items(), ..Dataset::default() })
    }

    fn show(&self, questions: &Questions, nearest: Vec<Nearest>) -> Result<()> {
        let dataset = self.corpus.dataset();
        let several = questions.items.len() * nearest.len() > 1;
        for (relation, nearest) in self.arguments.relation.iter().zip(nearest) {
            let found = questions.items.iter().zip(nearest.finish()).zip(&questions.present);
            for ((item, found), _) in found.filter(|(_, present)| **present) {
                let item = match &self.start {
                    Start::New(new) => &new.items[0],
                    _ => &dataset.items[*item as usize],
                };
                self.arguments.show(dataset, item, relation, &found, several)?;
            }
        }
        Ok(())
    }
}

impl SearchArguments {
    fn show(&self, dataset: &Dataset, item: &Item, relation: &str, found: &[(f32, u32)], several: bool) -> Result<()> {
        let of = |item: u32| &dataset.items[item as usize];
        let id = self.start.is_of_the_dataset().then_some(item.id.as_str());
        if self.json {
            let results = found.iter().map(|(score, item)| {
                let item = of(*item);
                json!({"id": item.id, "score": score, "text": item.text})
            });
            let mut object = json!({"item": id, "relation": relation});
            if id.is_none() {
                object["text"] = item.text.clone().into();
                object["image"] = item.image.clone().into();
            }
            object["results"] = Value::Array(results.collect());
            return if several { print(&object.to_string()) } else { print_json(&object) };
        }
        let width = found.iter().map(|(_, item)| of(*item).id.chars().count()).max().unwrap_or(0);
        let line = |(score, item): &(f32, u32)| {
            let item = of(*item);
            let line = format!("{score:6.3}  {:<width$}  {}", item.id, item.text.as_deref().unwrap_or(""));
            line.trim_end().to_string() + "\n"
        };
        let lines: String = found.iter().map(line).collect();
        let heading = format!("{}: {relation}\n", id.unwrap_or("the new item"));
        print(&if several { heading + &lines } else { lines })
    }
}
