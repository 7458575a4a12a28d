//! `rcml embed`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use rcml_data::{Dataset, Role};
use rcml_model::{Embedder, Embeddings, EncodedItems, RelationQuery};

use crate::array_file::ArrayFormat;
use crate::corpus::{Corpus, CorpusArguments};
use crate::failure::{Failure, Result};
use crate::output::{check_file, note, print, with_suffix, write_whole};
use crate::progress::Progress;
use crate::run::{PictureArguments, Run};

#[derive(Debug, Args)]
#[command(after_help = "Example:
  rcml embed run --data emoji --out love.npy --relation \"both are about love\"
  rcml embed run --data emoji --out emoji.parquet

Row i belongs to line i of FILE.ids.txt, in the order of the dataset; a .parquet has the ids in its column `id` and the rows
in its column `embedding`, a .safetensors of not too many items has them in its header too. Rows are unit vectors; a row is zero
where the item lacks the view's modality, or all that the model reads.")]
pub(crate) struct EmbedArguments {
    /// Folder of a finished run
    run: PathBuf,
    #[command(flatten)]
    corpus: CorpusArguments,
    /// File to write: .safetensors, .npy or .parquet
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Relation to embed under, in any words [default: none]
    #[arg(long, value_name = "TEXT")]
    relation: Option<String>,
    /// fused, text, image, or a feature modality of the dataset
    #[arg(long, value_name = "VIEW", default_value = "fused", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    view: String,
    /// The end of the relation that items are embedded as: source asks, target answers [default: source; neither for a
    /// model without roles, nor for words that no relation of the dataset has where only directed relations have roles]
    #[arg(long, value_name = "ROLE", requires = "relation")]
    role: Option<End>,
    #[command(flatten)]
    pictures: PictureArguments,
    /// Where to compute: auto, cpu, and what else this build knows
    #[arg(long, value_name = "D", default_value = "auto")]
    device: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum End {
    Source,
    Target,
}

/// Length of the ids' JSON up to which they stand in the header of a safetensors file, which readers refuse above 100,000,000 bytes
/// and have to read whole.
const IDS_IN_HEADER: usize = 1 << 20;

pub(crate) fn run(arguments: &EmbedArguments) -> Result<()> {
    let format = ArrayFormat::of(&arguments.out)?;
    check_file("--out", &arguments.out)?;
    if arguments.relation.as_ref().is_some_and(|words| words.trim().is_empty()) {
        return Err(Failure::input("--relation: expected words, found none"));
    }
    let run = Run::open(&arguments.run, &arguments.pictures)?;
    let embedder = run.embedder(&arguments.device)?;
    arguments.check_view(&embedder)?;
    let corpus = Corpus::open(&arguments.corpus, &embedder)?;
    corpus.read(&embedder)?;
    let dataset = corpus.dataset();

    let ids: Vec<&str> = dataset.items.iter().map(|item| item.id.as_str()).collect();
    let mut metadata = BTreeMap::from([
        ("view".to_string(), arguments.view.clone()),
        ("method".to_string(), run.config.preset.clone()),
    ]);
    metadata.extend(ids_in_header(&ids)?.map(|ids| ("ids".to_string(), ids)));
    if let Some(relation) = &arguments.relation {
        metadata.insert("relation".into(), relation.clone());
        let role = if arguments.role == Some(End::Target) { "target" } else { "source" };
        metadata.insert("role".into(), role.into());
    }

    let progress = Progress::new("embedding", ids.len());
    let (width, mut missing) = (embedder.width(), 0);
    let mut piece = |chunk: usize| -> Result<Vec<f32>> {
        let encoded = corpus.chunk(chunk, &embedder, &|done| progress.set(done))?;
        let (rows, present) = arguments.rows(arguments.embed(dataset, &embedder, &encoded)?)?;
        missing += present.iter().filter(|has| !**has).count();
        Ok(rows)
    };
    let (mut chunks, mut failed) = (0..corpus.chunks(), None);
    // Written as it comes: the file may be larger than memory.
    let written = format.write(&arguments.out, &ids, width, &metadata, &mut || {
        piece(chunks.next()?).map_err(|failure| failed = Some(failure)).ok()
    });
    progress.finish();
    if let Some(failure) = failed {
        return Err(failure);
    }
    written?;
    if missing > 0 {
        let what =
            if arguments.view == "fused" { "nothing that the model reads" } else { &format!("no {}", arguments.view) };
        note(&format!("{missing} of {} items have {what}: their rows are zero", ids.len()));
    }
    if format.holds_ids() {
        return print(&format!("{}: {} x {width}, ids in its column `id`", arguments.out.display(), ids.len()));
    }
    let names = with_suffix(&arguments.out, ".ids.txt");
    write_whole(&names, |part| std::fs::write(part, ids.join("\n") + "\n"))?;
    print(&format!("{}: {} x {width}, ids in {}", arguments.out.display(), ids.len(), names.display()))
}

/// The ids as JSON; none where they are too long.
fn ids_in_header(ids: &[&str]) -> Result<Option<String>> {
    let text = serde_json::to_string(ids)?;
    Ok((text.len() <= IDS_IN_HEADER).then_some(text))
}

impl EmbedArguments {
    fn check_view(&self, embedder: &Embedder) -> Result<()> {
        let known: Vec<&str> = embedder.config().modalities.iter().map(|modality| modality.name.as_str()).collect();
        if self.view == "fused" || known.contains(&self.view.as_str()) {
            return Ok(());
        }
        let known = known.join(", ");
        Err(Failure::input(format!("--view {}: the model knows fused, {known}", self.view)))
    }

    fn embed(&self, dataset: &Dataset, embedder: &Embedder, items: &EncodedItems) -> Result<Embeddings> {
        let Some(words) = &self.relation else { return Ok(embedder.unconditioned(items)?) };
        let roles = embedder.config().roles;
        let asked = match self.role {
            None => roles.of_words(),
            Some(_) => (Role::Source, Role::Target),
        };
        let (source, target) = roles.of_phrasing(&dataset.relations, words).unwrap_or(asked);
        let of = |role| RelationQuery::Relation(words.trim().to_string(), role);
        Ok(match self.role {
            Some(End::Target) => embedder.candidates(items, &of(target))?,
            _ => embedder.queries(items, &of(source))?,
        })
    }

    /// The view's rows, and which of them stand for something.
    fn rows(&self, embeddings: Embeddings) -> Result<(Vec<f32>, Vec<bool>)> {
        let (vectors, present) = if self.view == "fused" {
            (embeddings.fused, embeddings.present)
        } else {
            let found = embeddings.modalities.into_iter().find(|(name, _, _)| *name == self.view);
            let missing = || Failure::input(format!("--view {}: no item of the dataset has it", self.view));
            let (_, vectors, present) = found.ok_or_else(missing)?;
            (vectors, present)
        };
        let rows = vectors.try_into_vec_as::<f32>();
        Ok((rows.map_err(|error| Failure::Runtime(format!("the device failed: {error:?}")))?, present))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_ids_stay_out_of_the_header() {
        assert_eq!(ids_in_header(&["a", "b\""]).unwrap().as_deref(), Some("[\"a\",\"b\\\"\"]"));
        let id = "i".repeat(IDS_IN_HEADER / 4);
        assert_eq!(ids_in_header(&[id.as_str(); 4]).unwrap(), None);
    }
}
