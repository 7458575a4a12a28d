//! `rcml eval`.

mod baselines;
mod methods;
mod queries;
mod readings;
mod report;
mod tables;

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use rcml_data::{Dataset, Fingerprints, Split, Splits, TrainingRecord};
use rcml_eval::{Comparison, EvalOptions, EvalReport, EvalSet, ModelScorer, Scorer, Task, compare, evaluate};
use serde_json::Value;

use crate::failure::{Failure, Result};
use crate::output::{check_file, check_folder, note, print, write_whole};
use crate::progress::Progress;
use crate::run::{PictureArguments, Run, origin, read_items};

#[derive(Debug, Args)]
#[command(after_help = "Example:
  rcml eval run --data emoji --baselines --report
  rcml eval runs/rcml-1 runs/rcml-2 runs/clip-1 --data emoji --task retrieval --json results.json
  rcml eval runs/rcml-1 runs/clip-1 --data emoji --compare
  rcml eval run --data emoji --task validity --task classification
  rcml eval runs/of-emoji runs/of-grocery --data grocery     # out of domain: a model of other data beside one of these

Several runs make one table: runs that differ by their seed alone are one row, with mean and standard deviation; rows have the
preset's name, with the folder's in brackets where that is taken. Values in tables are percent, values in JSON fractions. Every
reading of the test split is noted in RUN/readings.jsonl.")]
pub(crate) struct EvalArguments {
    /// Folders of finished runs
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// Folder of the dataset
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// What to ask; may be given several times [default: all]
    #[arg(long, value_name = "TASK")]
    task: Vec<AskedTask>,
    /// Which part of the data
    #[arg(long, value_name = "SPLIT", default_value = "test")]
    split: AskedSplit,
    /// Set every other method against the first run's: differences with 95% intervals and corrected p values
    #[arg(long)]
    compare: bool,
    /// Write what each query scored to a file, one JSON object a line for each method, relation, view and protocol
    #[arg(long, value_name = "FILE")]
    queries: Option<PathBuf>,
    /// Write the numbers to a file for programs
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Also evaluate the first run's encoders before training (alone, with the relation's words, as a product of cosines, under a
    /// linear map for each relation), TF-IDF, relation text alone, DistMult, ComplEx, popularity, chance, and the best possible
    /// where it is known
    #[arg(long)]
    baselines: bool,
    /// Write a page with tables, curves and case studies [default folder: the first RUN/report]
    #[arg(long, value_name = "DIR", num_args = 0..=1)]
    report: Option<Option<PathBuf>>,
    /// Write the tables to a file as Markdown
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Queries for each relation at most
    #[arg(long, value_name = "N", default_value_t = EvalOptions::default().max_queries)]
    max_queries: usize,
    /// Relations that relation type prediction ranks at most, and that the geometry looks at (never more
    /// than 100), drawn where there are more; 0 = all
    #[arg(long, value_name = "N", default_value_t = 0)]
    max_relations: usize,
    #[command(flatten)]
    pictures: PictureArguments,
    /// Where to compute: auto, cpu, and what else this build knows
    #[arg(long, value_name = "D", default_value = "auto")]
    device: String,
    /// Go on where held-out data was trained on
    #[arg(long)]
    allow_leakage: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AskedTask {
    /// Which items relate to this one in this way?
    Retrieval,
    /// Which items relate to this one in two ways at once? Asked in words that no relation has
    Composed,
    /// Which relation holds between two items?
    Type,
    /// Which picture belongs to this text?
    Crossmodal,
    /// Does the relation hold between two items? By the score, and by probes on frozen embeddings
    Validity,
    /// Which label does this item have? By the label's words, by neighbours, by a linear probe
    Classification,
    /// Which shape has the embedding, and how much does a relation change it?
    Geometry,
    /// All of them
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AskedSplit {
    Train,
    #[value(alias = "valid", alias = "val", alias = "dev")]
    Validation,
    Test,
}

/// Bootstrap samples of a comparison.
const RESAMPLES: usize = 5_000;

pub(crate) fn run(arguments: &EvalArguments) -> Result<()> {
    if arguments.max_queries == 0 {
        return Err(Failure::input("--max-queries: expected at least 1, found 0"));
    }
    rcml_kernels::device::parse(&arguments.device)?;
    // What the end of hours of work would trip over is looked at first.
    arguments.check_outputs()?;
    let runs: Vec<Run> =
        arguments.runs.iter().map(|folder| Run::open(folder, &arguments.pictures)).collect::<Result<_>>()?;
    let records: Vec<TrainingRecord> = runs.iter().map(Run::training).collect::<Result<_>>()?;
    let methods = methods::of_runs(&runs, &records)?;
    if arguments.compare && !arguments.baselines && methods.iter().all(|method| *method == methods[0]) {
        return Err(Failure::input(
            "--compare: expected at least two methods, runs that differ by more than their seed, or --baselines",
        ));
    }
    arguments.check_report_folder(&runs)?;

    let dataset = Dataset::open(&arguments.data)?;
    let prints = Fingerprints::of(&dataset);
    let visits: Vec<bool> = records.iter().map(|record| prints.are_of_other_items(record)).collect();
    let (splits, mut notes) = arguments.splits(&runs, &records, &visits, &prints)?;
    drop(prints);
    let set = EvalSet::new(&dataset, &splits, arguments.split())?;
    let base = |(run, record): (&Run, &TrainingRecord), visits: &bool| match visits {
        true => format!("{} (of {})", run.config.preset, origin(record)),
        false => run.config.preset.clone(),
    };
    let bases: Vec<String> = runs.iter().zip(&records).zip(&visits).map(|(run, visits)| base(run, visits)).collect();
    let names = methods::names(&runs, &methods, &bases);

    let mut reports = Vec::new();
    let mut shown = tables::Shown::new(&visits);
    let mut first_scorer = None;
    for (((run, record), name), visits) in runs.iter().zip(&records).zip(&names).zip(&visits) {
        let saw = EvalSet::new(&dataset, &splits, arguments.split())?.seen_where(|relation| record.knows(relation));
        if *visits {
            notes.push(format!(
                "{} was trained on {}: every item of {} is new to it, and so is every relation but those that both describe in the \
                 same words; compare its numbers under `all`",
                run.folder.display(),
                origin(record),
                dataset.name()
            ));
        }
        let embedder = run.embedder(&arguments.device)?;
        let reader = read_items(&embedder, &dataset, set.items())?;
        let mut scorer = ModelScorer::new(name, &dataset, embedder, reader);
        let report = arguments.evaluate(&saw, &mut scorer, run.config.seed)?;
        let differs = (0..).zip(&dataset.relations).any(|(at, relation)| set.seen(at) && !record.knows(relation));
        shown.add(&report, *visits && differs);
        reports.push(report);
        first_scorer.get_or_insert(scorer);
    }
    let mut baselines = Vec::new();
    if arguments.baselines {
        let embedder = runs[0].embedder(&arguments.device)?;
        let reader = read_items(&embedder, &dataset, set.items())?;
        for mut scorer in baselines::scorers(&runs[0], &names[0], &arguments.device, &set, &splits, &reader)? {
            let report = arguments.evaluate(&set, scorer.as_mut(), 0)?;
            shown.add(&report, false);
            baselines.push(report);
        }
    }

    let all: Vec<EvalReport> = reports.iter().chain(&baselines).cloned().collect();
    let mut tables = shown.tables(&set);
    let mut comparisons = Vec::new();
    if arguments.compare {
        comparisons = compare(&all, &shown.compared(), RESAMPLES, 0);
        if comparisons.is_empty() {
            notes.push("--compare: no two methods have a query in common".into());
        } else {
            let title = format!("Differences: {} less the others, paired bootstrap over query items", all[0].method);
            tables.push(Comparison::table(&title, &comparisons));
        }
    }
    for run in &runs {
        notes.extend(readings::record(&run.folder, &set, &arguments.tasks()));
    }
    notes.extend(all.first().into_iter().flat_map(|report| report.notes.iter().cloned()));
    if all.iter().all(|report| report.results.is_empty()) {
        notes.push(format!("the {} split of {} has nothing to ask", arguments.split_name(), dataset.name()));
    }
    // Shown before anything is written: a disk that is full by now takes no result away.
    let mut text: Vec<String> = tables.iter().map(rcml_eval::ResultTable::text).collect();
    text.extend(notes.iter().map(|note| format!("note: {note}\n")));
    let printed = print(&text.join("\n"));
    if let Some(path) = &arguments.json {
        write_json(path, &reports, &baselines, &comparisons)?;
    }
    if let Some(path) = &arguments.queries {
        queries::write(path, &all)?;
    }
    if let Some(path) = &arguments.markdown {
        write_whole(path, |part| std::fs::write(part, tables::markdown(&tables)))?;
    }
    if let (Some(folder), Some(scorer)) = (arguments.report_folder(&runs), &mut first_scorer) {
        let data = report::report(&set, &runs, &names, scorer, &tables, &notes)?;
        let page = data.write(&folder)?;
        note(&format!("report: {}", page.display()));
    }
    printed
}

impl EvalArguments {
    fn tasks(&self) -> Vec<Task> {
        let asked = |task: Task| {
            let own = match task {
                Task::Retrieval => AskedTask::Retrieval,
                Task::Composed => AskedTask::Composed,
                Task::Type => AskedTask::Type,
                Task::CrossModal => AskedTask::Crossmodal,
                Task::Validity => AskedTask::Validity,
                Task::Classification => AskedTask::Classification,
                Task::Geometry => AskedTask::Geometry,
            };
            self.task.is_empty() || self.task.contains(&AskedTask::All) || self.task.contains(&own)
        };
        Task::ALL.into_iter().filter(|task| asked(*task)).collect()
    }

    fn split(&self) -> Split {
        match self.split {
            AskedSplit::Train => Split::Train,
            AskedSplit::Validation => Split::Validation,
            AskedSplit::Test => Split::Test,
        }
    }

    fn split_name(&self) -> String {
        format!("{:?}", self.split).to_lowercase()
    }

    fn report_folder(&self, runs: &[Run]) -> Option<PathBuf> {
        let folder = self.report.clone()?;
        folder.or_else(|| Some(runs.first()?.folder.join("report")))
    }

    /// Refuses files that could not be written.
    fn check_outputs(&self) -> Result<()> {
        for (option, path) in [("--json", &self.json), ("--queries", &self.queries), ("--markdown", &self.markdown)] {
            path.iter().try_for_each(|path| check_file(option, path))?;
        }
        Ok(())
    }

    fn check_report_folder(&self, runs: &[Run]) -> Result<()> {
        self.report_folder(runs).iter().try_for_each(|folder| check_folder("--report", folder))
    }

    /// The split that all runs share, checked against what each of them trained on; with notes, also of leaks where they are allowed.
    /// What a run of other data has seen of this is told and not refused: whoever visits was not meant to be kept from it.
    fn splits(
        &self,
        runs: &[Run],
        records: &[TrainingRecord],
        visits: &[bool],
        prints: &Fingerprints<'_>,
    ) -> Result<(Splits, Vec<String>)> {
        let dataset = prints.dataset();
        let first = visits.iter().position(|visits| !visits).unwrap_or(0);
        let (splits, note_of_file) = runs[first].splits(dataset, visits[first])?;
        let mut notes: Vec<String> = note_of_file.into_iter().collect();
        for ((run, record), visits) in runs.iter().zip(records).zip(visits) {
            // A run on other data has split nothing of this.
            let own = &runs[first];
            if !visits && run.config.split != own.config.split && run.splits(dataset, false)?.0 != splits {
                return Err(Failure::input(format!(
                    "{} and {} split the dataset in different ways, so their numbers cannot stand in one table",
                    own.folder.display(),
                    run.folder.display()
                )));
            }
            match prints.check(&splits, self.split(), record) {
                Ok(more) => more.into_iter().for_each(|note| {
                    if !notes.contains(&note) {
                        notes.push(note);
                    }
                }),
                Err(error) if error.is_input() && (self.allow_leakage || *visits) => {
                    let message = format!("{}: {error}", run.folder.display());
                    note(&format!("warning: {message}"));
                    notes.push(message);
                }
                Err(error) => {
                    let hint = if error.is_input() { "; --allow-leakage evaluates nevertheless" } else { "" };
                    return Err(Failure::new(error.is_input(), format!("{}: {error}{hint}", run.folder.display())));
                }
            }
        }
        Ok((splits, notes))
    }

    fn evaluate(&self, set: &EvalSet<'_>, scorer: &mut dyn Scorer, seed: u64) -> Result<EvalReport> {
        let (max_queries, max_relations) = (self.max_queries, self.max_relations);
        let options = EvalOptions { max_queries, max_relations, ..EvalOptions::default() };
        let name = scorer.name().to_string();
        let mut shown: Option<(Task, Progress)> = None;
        let mut watch = |task: Task, done: usize, all: usize| {
            if shown.as_ref().is_none_or(|(current, _)| *current != task) {
                shown = Some((task, Progress::new(format!("{name}: {task}"), all)));
            }
            if let Some((_, progress)) = &shown {
                progress.set(done);
            }
        };
        Ok(evaluate(&self.tasks(), set, scorer, &options, seed, &mut watch)?)
    }
}

/// The contract's JSON of the first run; the others, the baselines and the comparisons stand in fields of their own.
fn write_json(
    path: &std::path::Path,
    reports: &[EvalReport],
    baselines: &[EvalReport],
    comparisons: &[Comparison],
) -> Result<()> {
    let mut value = serde_json::to_value(reports.first())?;
    if let Value::Object(object) = &mut value {
        if reports.len() > 1 {
            object.insert("runs".into(), serde_json::to_value(reports)?);
        }
        if !baselines.is_empty() {
            object.insert("baselines".into(), serde_json::to_value(baselines)?);
        }
        if !comparisons.is_empty() {
            object.insert("comparisons".into(), serde_json::to_value(comparisons)?);
        }
    }
    let text = serde_json::to_string_pretty(&value)?;
    write_whole(path, |part| std::fs::write(part, text + "\n"))
}
