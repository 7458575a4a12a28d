//! `rcml search`.

mod embedded;
mod rank;
mod start;

use std::path::PathBuf;

use clap::Args;
use rcml_data::Dataset;
use rcml_eval::{Scorer, TfIdfQuery, TfIdfScorer, View, blend};
use rcml_kernels::row_products;
use rcml_model::RelationQuery;
use serde_json::{Value, json};

use crate::failure::{Failure, Result};
use crate::output::{note, print, print_json};
use crate::relation::ends;
use crate::run::{PictureArguments, Run};
use embedded::Embedded;
use start::{Start, StartArguments};

#[derive(Debug, Args)]
#[command(after_help = "Example:
  rcml search run --data emoji --item red-heart --relation \"both are about love\" -k 5
  rcml search run --data shop --text \"a brass lamp\" --image lamp.jpg --relation \"goes with it\"
  rcml search run --data shop --every-item --relation \"is bought with it\" --json > related.jsonl

Words that are a phrasing of one of the dataset's relations follow it from source to target.
With --words 0.5 items also rank higher for rare words that they share with the item and the
relation; `rcml eval --baselines` shows what that brings (row rcml+tf-idf).
Items of which the model reads nothing are no answers, and --every-item passes them over.
With several items or relations, results come relation by relation, with --json one object a line; the
item of one that the dataset lacks is null there.")]
pub(crate) struct SearchArguments {
    /// Folder of a finished run
    run: PathBuf,
    /// Folder of the dataset
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
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

pub(crate) fn run(arguments: &SearchArguments) -> Result<()> {
    let run = Run::open(&arguments.run, &arguments.pictures)?;
    let mut dataset = Dataset::open(&arguments.data)?;
    let start = arguments.start.find(&dataset)?;
    if arguments.relation.iter().any(|words| words.trim().is_empty()) {
        return Err(Failure::input("--relation: expected words, found none"));
    }
    let embedder = run.embedder(&arguments.device)?;
    let roles = embedder.config().roles;
    let relations: Vec<(RelationQuery, RelationQuery)> =
        arguments.relation.iter().map(|words| ends(&dataset, roles, words)).collect();
    let embedded = Embedded::new(&embedder, &dataset, &start, &relations)?;

    let corpus: Vec<u32> = (0..dataset.items.len() as u32).collect();
    let asking = match start {
        Start::Items(items) => items,
        Start::Every => corpus.clone(),
        Start::New(mut new) => {
            // A number that no candidate has.
            dataset.items.append(&mut new.items);
            vec![corpus.len() as u32]
        }
    };
    let mut words = (arguments.words > 0.0).then(|| TfIdfScorer::new(&dataset, &corpus, TfIdfQuery::ItemAndRelation));
    let several = asking.len() * relations.len() > 1;
    let block = (SCORES / corpus.len().max(1)).max(1);
    let absent: Vec<usize> = (0..corpus.len()).filter(|item| !embedded.candidates[*item]).collect();
    if !absent.is_empty() {
        let (n, all) = (absent.len(), corpus.len());
        note(&format!("{n} of {all} items are left out: they have none of what the model reads"));
    }
    let mut scores = Vec::new();
    for (relation, vectors) in arguments.relation.iter().zip(&embedded.relations) {
        let present = embedded.queries.chunks(block);
        for ((items, queries), present) in
            asking.chunks(block).zip(vectors.queries.chunks(block * embedded.width)).zip(present)
        {
            scores.resize(items.len() * corpus.len(), 0.0);
            row_products(queries, &vectors.candidates, embedded.width, &mut scores);
            if let Some(words) = &mut words {
                let shared = words.text_scores(relation, &View::avg(), items, &corpus)?.unwrap_or_default();
                scores
                    .iter_mut()
                    .zip(shared)
                    .for_each(|(score, shared)| *score = blend(*score, shared, arguments.words));
            }
            for row in scores.chunks_mut(corpus.len().max(1)) {
                absent.iter().for_each(|item| row[*item] = f32::NAN);
            }
            let found = items.iter().zip(rank::best(items, &scores, arguments.k)).zip(present);
            for ((item, found), _) in found.filter(|(_, present)| **present) {
                arguments.show(&dataset, *item, relation, &found, several)?;
            }
        }
    }
    Ok(())
}

impl SearchArguments {
    fn show(&self, dataset: &Dataset, item: u32, relation: &str, found: &[(f32, u32)], several: bool) -> Result<()> {
        let of = |item: u32| &dataset.items[item as usize];
        let id = self.start.is_of_the_dataset().then(|| of(item).id.as_str());
        if self.json {
            let results = found.iter().map(|(score, item)| {
                let item = of(*item);
                json!({"id": item.id, "score": score, "text": item.text})
            });
            let mut object = json!({"item": id, "relation": relation});
            if id.is_none() {
                object["text"] = of(item).text.clone().into();
                object["image"] = of(item).image.clone().into();
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
