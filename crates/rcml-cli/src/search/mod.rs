//! `rcml search`.

mod questions;
mod start;

use std::path::PathBuf;

use clap::Args;
use rcml_data::{Dataset, Item};
use rcml_eval::{Scorer, TfIdfQuery, TfIdfScorer, View, blend};
use rcml_kernels::row_products;
use rcml_model::{Nearest, ReadRelation};
use serde_json::{Value, json};

use crate::corpus::{Corpus, CorpusArguments};
use crate::failure::{Failure, Result};
use crate::output::{note, print, print_json};
use crate::progress::Progress;
use crate::run::{PictureArguments, Run, read_items};
use questions::{Answers, Ends, Questions, check, read};
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

/// Scores held at a time, which bounds memory whatever the number of questions.
const SCORES: usize = 1 << 24;

/// Items that ask encoded at a time.
const CHUNK: usize = 4096;

pub(crate) fn run(arguments: &SearchArguments) -> Result<()> {
    let run = Run::open(&arguments.run, &arguments.pictures)?;
    if arguments.relation.iter().any(|words| words.trim().is_empty()) {
        return Err(Failure::input("--relation: expected words, found none"));
    }
    let embedder = run.embedder(&arguments.device)?;
    let mut corpus = Corpus::open(&arguments.corpus, &embedder)?;
    let start = arguments.start.find(corpus.dataset())?;
    let known = &corpus.dataset().relations;
    let relations: Vec<Ends> = arguments.relation.iter().map(|words| embedder.ends(known, words)).collect();
    let targets: Vec<ReadRelation> =
        relations.iter().map(|(_, target)| embedder.read_relation(target)).collect::<Result<_, _>>()?;
    let n = corpus.dataset().items.len();
    let mut questions = Questions::new(relations.len());
    let mut kept = Vec::new();
    let asking: Vec<u32> = match &start {
        Start::New(new) => {
            check(&embedder, new)?;
            let reader = read_items(&embedder, new, &[0])?;
            if !reader.image_problems().is_empty() {
                return Err(Failure::input("--image: expected a picture that can be read"));
            }
            questions.ask(&embedder, &embedder.encode(&reader, &[0], &|_| {})?, &relations)?;
            corpus.read(&embedder)?;
            // A number that no candidate has.
            vec![n as u32]
        }
        Start::Items(asking) => {
            corpus.read(&embedder)?;
            for chunk in asking.chunks(CHUNK) {
                questions.ask(&embedder, &corpus.items(chunk, &embedder)?, &relations)?;
            }
            // Before the work on all others.
            if let Some(at) = questions.present.iter().position(|present| !present) {
                let id = &corpus.dataset().items[asking[at] as usize].id;
                let reads = read(&embedder);
                return Err(Failure::input(format!("--item {id}: it has none of what the model reads: {reads}")));
            }
            asking.clone()
        }
        Start::Every => {
            corpus.read(&embedder)?;
            let progress = Progress::new("embedding", n);
            for number in 0..corpus.chunks() {
                let encoded = corpus.chunk(number, &embedder, &|done| progress.set(done))?;
                questions.ask(&embedder, &encoded, &relations)?;
                // To read them again from an index takes less than memory for their vectors is worth; to encode them again does not.
                if let Corpus::Data { .. } = corpus {
                    kept.push(Answers::new(&embedder, &encoded, &targets)?);
                }
            }
            progress.finish();
            (0..n as u32).collect()
        }
    };

    let named = with_new(arguments.words > 0.0, corpus.dataset(), &start);
    let everything: Vec<u32> = (0..n as u32).collect();
    let mut words = named.as_ref().map(|named| TfIdfScorer::new(named, &everything, TfIdfQuery::ItemAndRelation));
    let mut nearest = vec![Nearest::new(asking.len(), arguments.k); relations.len()];
    let (mut absent, mut scores) = (0, Vec::new());
    let progress = Progress::new("searching", n);
    let mut kept = kept.into_iter();
    for number in 0..corpus.chunks() {
        let answers = match kept.next() {
            Some(answers) => answers,
            None => Answers::new(&embedder, &corpus.chunk(number, &embedder, &|done| progress.set(done))?, &targets)?,
        };
        let candidates = answers.first..answers.first + answers.present.len() as u32;
        let width = answers.present.len().max(1);
        absent += answers.present.iter().filter(|present| !**present).count();
        let block = (SCORES / width).max(1);
        for (number, relation) in arguments.relation.iter().enumerate() {
            let queries = questions.relations[number].chunks(block * embedder.width());
            for (at, (asking, queries)) in asking.chunks(block).zip(queries).enumerate() {
                scores.resize(asking.len() * width, 0.0);
                row_products(queries, &answers.relations[number], embedder.width(), &mut scores);
                if let Some(words) = &mut words {
                    let of = &everything[candidates.start as usize..candidates.end as usize];
                    let shared = words.text_scores(relation, &View::avg(), asking, of)?.unwrap_or_default();
                    let scores = scores.iter_mut().zip(shared);
                    scores.for_each(|(score, shared)| *score = blend(*score, shared, arguments.words));
                }
                for (item, row) in asking.iter().zip(scores.chunks_mut(width)) {
                    let absent = answers.present.iter().zip(row.iter_mut()).filter(|(present, _)| !**present);
                    absent.for_each(|(_, score)| *score = f32::NAN);
                    // An item is no answer to itself.
                    if let Some(own) = item.checked_sub(candidates.start).and_then(|own| row.get_mut(own as usize)) {
                        *own = f32::NAN;
                    }
                }
                nearest[number].add(at * block, candidates.start, &scores, width);
            }
        }
    }
    progress.finish();
    if absent > 0 {
        note(&format!("{absent} of {n} items are left out: they have none of what the model reads"));
    }
    let several = asking.len() * relations.len() > 1;
    for (relation, nearest) in arguments.relation.iter().zip(nearest) {
        let found = asking.iter().zip(nearest.finish()).zip(&questions.present);
        for ((item, found), _) in found.filter(|(_, present)| **present) {
            let item = match &start {
                Start::New(new) => &new.items[0],
                _ => &corpus.dataset().items[*item as usize],
            };
            arguments.show(corpus.dataset(), item, relation, &found, several)?;
        }
    }
    Ok(())
}

/// What words are compared in: the dataset, and behind its items a new one that asks.
fn with_new(wanted: bool, dataset: &Dataset, start: &Start) -> Option<Dataset> {
    let new = match start {
        Start::New(new) => new.items.as_slice(),
        _ => &[],
    };
    wanted.then(|| Dataset { items: dataset.items.iter().chain(new).cloned().collect(), ..Dataset::default() })
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
