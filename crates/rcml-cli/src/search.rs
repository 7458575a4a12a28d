//! `rcml search`.

use std::path::PathBuf;

use clap::Args;
use rcml_data::Dataset;
use rcml_eval::{Scorer, TfIdfQuery, TfIdfScorer, View, blend};
use serde_json::json;

use crate::failure::{Failure, Result};
use crate::output::{print, print_json};
use crate::progress::Progress;
use crate::relation::ends;
use crate::run::{Run, read_items};

#[derive(Debug, Args)]
#[command(after_help = "Example:
  rcml search run --data emoji --item red-heart --relation \"both are about love\" -k 5

Words that are a phrasing of one of the dataset's relations follow it from source to target.
With --words 0.5 items also rank higher for rare words that they share with the item and the
relation; `rcml eval --baselines` shows what that brings (row rcml+tf-idf).")]
pub(crate) struct SearchArguments {
    /// Folder of a finished run
    run: PathBuf,
    /// Folder of the dataset
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Id of the item to start from
    #[arg(long, value_name = "ID")]
    item: String,
    /// How the others relate to it, in any words
    #[arg(long, value_name = "TEXT")]
    relation: String,
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

/// Items encoded at a time, which bounds memory whatever the size of the dataset.
const CHUNK: usize = 4096;

pub(crate) fn run(arguments: &SearchArguments) -> Result<()> {
    let run = Run::open(&arguments.run)?;
    let dataset = Dataset::open(&arguments.data)?;
    let query = dataset.find_item(&arguments.item)?;
    if arguments.relation.trim().is_empty() {
        return Err(Failure::input("--relation: expected words, found none"));
    }
    let embedder = run.embedder(&arguments.device)?;
    let items: Vec<u32> = (0..dataset.items.len() as u32).collect();
    let reader = read_items(&embedder, &dataset, &items)?;
    let (source, target) = ends(&dataset, embedder.config().roles, &arguments.relation);
    let failed = |error: String| Failure::Runtime(format!("the device failed: {error}"));

    let asked = embedder.queries(&reader, &embedder.encode(&reader, &[query], &|_| {})?, &source)?;
    let asked = asked.fused.try_into_vec_as::<f32>().map_err(|error| failed(format!("{error:?}")))?;
    let progress = Progress::new("embedding", items.len());
    let mut found: Vec<(f32, u32)> = Vec::new();
    for chunk in items.chunks(CHUNK) {
        let first = chunk.first().map_or(0, |item| *item as usize);
        let encoded = embedder.encode(&reader, chunk, &|done| progress.set(first + done))?;
        let vectors = embedder.candidates(&encoded, &target)?.fused.try_into_vec_as::<f32>();
        let vectors = vectors.map_err(|error| failed(format!("{error:?}")))?;
        let score = |vector: &[f32]| vector.iter().zip(&asked).map(|(a, b)| a * b).sum::<f32>();
        found.extend(vectors.chunks(asked.len().max(1)).map(score).zip(chunk.iter().copied()));
    }
    progress.finish();
    if arguments.words > 0.0 {
        let mut words = TfIdfScorer::new(&dataset, &items, TfIdfQuery::ItemAndRelation);
        let shared = words.text_scores(&arguments.relation, &View::avg(), &[query], &items)?.unwrap_or_default();
        found.iter_mut().zip(shared).for_each(|((score, _), shared)| *score = blend(*score, shared, arguments.words));
    }
    found.retain(|(_, item)| *item != query);
    // The sort is stable: equal scores stay in the order of the dataset.
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    found.truncate(arguments.k);

    let of = |item: u32| &dataset.items[item as usize];
    if arguments.json {
        let results =
            found.iter().map(|(score, item)| json!({"id": of(*item).id, "score": score, "text": of(*item).text}));
        return print_json(&json!({
            "item": arguments.item,
            "relation": arguments.relation,
            "results": results.collect::<Vec<_>>(),
        }));
    }
    let width = found.iter().map(|(_, item)| of(*item).id.chars().count()).max().unwrap_or(0);
    let line = |(score, item): &(f32, u32)| {
        let item = of(*item);
        let line = format!("{score:6.3}  {:<width$}  {}", item.id, item.text.as_deref().unwrap_or(""));
        line.trim_end().to_string() + "\n"
    };
    print(&found.iter().map(line).collect::<String>())
}
