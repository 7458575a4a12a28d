//! The cells as the experiments section of a paper.

use std::path::PathBuf;
use std::time::Duration;

use rcml_data::Dataset;
use rcml_eval::{Bar, Bars, CaseStudy, Curve, EvalReport, ResultTable, Scorer, Series, View};
use serde_json::Value;

use crate::article::Article;
use crate::cell::{Cell, QUICK};
use crate::failure::Result;
use crate::grid::Options;
use crate::map::{Groups, map};
use crate::method::{BETA, METHODS};
use crate::results::{Results, number, with_numbers};
use crate::source::Source;
use crate::transfer::Transfer;
use crate::work::duration;
use crate::{claims, columns, cost, findings, trained};

/// Query items of the case studies of a dataset, relations of each, answers under each.
const CASES: (usize, usize, usize) = (2, 3, 5);
/// What is drawn beside `rcml`: the same encoders without conditions.
const PLAIN: &str = "clip";

/// Writes `report.html`, `tables.md`, and files of tables and figures; gives the page's path.
pub(crate) fn write(
    options: &Options,
    sources: &[Source],
    cells: &[Cell],
    transfers: &[Transfer],
    processor_seconds: f64,
) -> Result<PathBuf> {
    let mut article = Article::new("RCML: experiments", &options.out)?;
    article.facts(&facts(options, cells, processor_seconds));
    method(&mut article, options);
    let results: Vec<Results> =
        sources.iter().map(|source| Results::of(source, cells, options)).collect::<Result<_>>()?;
    let results: Vec<Results> = results.into_iter().filter(|results| !results.main.is_empty()).collect();
    for results in &results {
        retrieval(&mut article, results)?;
    }
    composed(&mut article, &results)?;
    elsewhere(&mut article, options, &results, transfers)?;
    kept(&mut article, &results)?;
    ablations(&mut article, &results)?;
    for results in &results {
        looked_at(&mut article, options, cells, results)?;
    }
    article.heading("Cells");
    article.paragraph(
        "The learning rate that was chosen (times the configured one), the best validation MRR, seconds of all its trainings, seconds \
         of the call that finished it (its evaluation, and what was left to train), and the hash of its resolved configuration.",
    );
    article.table(&cell_table(options, cells))?;
    article.finish()
}

fn records(options: &Options, cells: &[Cell]) -> Vec<(Cell, Value)> {
    cells.iter().filter_map(|cell| Some((cell.clone(), cell.record(options)?))).collect()
}

fn facts(options: &Options, cells: &[Cell], processor_seconds: f64) -> Vec<(&'static str, String)> {
    let records = records(options, cells);
    let done = records.iter().filter(|(_, record)| record["state"] == "done").count();
    let seconds: f64 = records.iter().filter_map(|(_, record)| record["seconds"].as_f64()).sum();
    let of = |key: &str| {
        let mut found: Vec<String> =
            records.iter().map(|(_, record)| record["environment"][key].to_string().replace('"', "")).collect();
        found.sort_unstable();
        found.dedup();
        found.join(", ")
    };
    let mut facts = vec![
        (
            "cells",
            format!(
                "{done} of {} finished; {} of work in all",
                cells.len(),
                duration(Duration::from_secs_f64(seconds))
            ),
        ),
        ("processor time of the last call", duration(Duration::from_secs_f64(processor_seconds))),
        (
            "commit",
            format!("{}{}", of("commit"), if of("changed_files") == "false" { "" } else { ", with changed files" }),
        ),
        ("machine", format!("{}, {} threads, {}", of("processor"), of("threads"), of("system"))),
        ("compiler", of("rustc")),
        ("settings", options.common().join(" ")),
    ];
    if let Some(encoders) = &options.encoders {
        facts.push(("encoders", format!("{encoders}, pretrained, frozen")));
    }
    facts
}

fn method(article: &mut Article, options: &Options) {
    article.heading("How the experiments are made");
    article.paragraph(
        "All numbers are of held-out items, in percent (ranks as they are), mean and standard deviation over seeds where there are \
         several. 21-way is the protocol of the paper: one related item among 20 random unrelated ones. Full corpus ranks every \
         held-out item, with other right answers taken out. Ties count as the mean over all orders, so that a method that knows \
         nothing gets exactly the chance level, which stands below each table with the number of queries. AVG is the cosine of the \
         means of the modality embeddings, each as long as its model is confident of it, which is the embedding that searching uses; \
         plain leaves the confidence out, as the paper does.",
    );
    article.paragraph(&format!(
        "All methods have the same encoders, batches and number of steps, and the same search for a learning rate: each preset is \
         trained at {} times its configured rate, and the validation split chooses, once a dataset, with the first seed. What \
         changes one thing of a preset is trained with the rate that was chosen for it. The test split is read once a cell, after \
         that choice.",
        options.rates.join(" and ")
    ));
    if options.encoders.is_some() {
        article.paragraph(
            "The encoders are pretrained and frozen, and every item's states are computed once for all methods. Left out for that: the \
             ablation of frozen encoders, which all are, and clip-relations-text, which reads the text of every pair of item and \
             relation through the encoder in every step. A grid with --encoders scratch has both.",
        );
    }
    if options.quick {
        article.paragraph(&format!(
            "This is a quick grid: a hundred steps of small heads on frozen encoders and one seed. Differences between methods have \
             intervals over queries, but say nothing of another seed or a longer training. Relations ask fewer queries than `rcml \
             eval` has by default ({}): levels are to be compared within a table.",
            QUICK.join(" ")
        ));
    }
}

fn retrieval(article: &mut Article, results: &Results) -> Result<()> {
    let name = &results.source.name;
    article.heading(&format!("Results on {name}"));
    let differences = results.differences();
    for sentence in findings::summary(name, &differences) {
        article.paragraph(&sentence);
    }
    for table in [results.headline(), results.views(), results.novelty()].into_iter().flatten() {
        article.table(&table)?;
    }
    let methods = results.methods();
    let bars = |column: &rcml_eval::Column| {
        let mut bars: Vec<Bar> = Vec::new();
        for report in &methods {
            if bars.iter().all(|bar| bar.name != report.method)
                && let Some((value, spread)) = number(&methods, &report.method, column)
            {
                bars.push(Bar { name: report.method.clone(), value, spread, is_reference: report.method == "rcml" });
            }
        }
        Bars { title: format!("{name}: methods"), x: "MRR over the full corpus, seen relations".into(), bars }
    };
    article.figures(&[bars(&rcml_eval::Column::retrieval("", "full", "seen", "AVG", "mrr"))])?;
    if differences.is_empty() {
        return Ok(());
    }
    match findings::lost(name, &methods, &differences) {
        Some(table) => {
            article.paragraph(
                "Where another method is better, the best of them; p is of the paired bootstrap over query items with Holm's \
                 correction, where the measure has queries of its own.",
            );
            article.table(&table)?;
        }
        None => article.paragraph(&format!("On {name} no method is better than rcml in any measure of this report.")),
    }
    let title = format!("{name}: rcml less the others");
    article.table(&rcml_eval::Comparison::table(&title, &differences))
}

fn composed(article: &mut Article, results: &[Results]) -> Result<()> {
    let tables: Vec<ResultTable> = results.iter().filter_map(Results::composed).collect();
    if tables.is_empty() {
        return Ok(());
    }
    article.heading("An item and free text");
    article.paragraph(
        "Which items relate to this one in two ways at once? The text is the words of two relations with \"and\" between them, which \
         no training saw; asked are queries where each relation has answers that the other has not. One text for both goes through \
         the model as any relation does; the mean of two scores asks twice; the item's vector plus the text's is how one composes \
         with a CLIP.",
    );
    tables.iter().try_for_each(|table| article.table(table))
}

fn elsewhere(article: &mut Article, options: &Options, results: &[Results], transfers: &[Transfer]) -> Result<()> {
    let done: Vec<&Transfer> = transfers.iter().filter(|transfer| transfer.is_done(options)).collect();
    if done.is_empty() {
        return Ok(());
    }
    article.heading("Out of domain");
    article.paragraph(
        "Trained on one dataset, asked about another: every item and every relation is new. Below them the same methods trained on \
         the dataset itself, and what needs no training.",
    );
    for results in results {
        let mut reports: Vec<EvalReport> = Vec::new();
        for transfer in done.iter().filter(|transfer| transfer.to == results.source) {
            reports.push(transfer.report()?);
        }
        let beside = ["rcml", "clip-relations", "clip", "frozen", "frozen+text", "tf-idf", "relation-text", "chance"];
        reports.extend(results.methods().into_iter().filter(|report| beside.contains(&report.method.as_str())));
        let title = format!("{}: models of other data", results.source.name);
        if let Some(table) = with_numbers(ResultTable::new(title, &reports, &columns::elsewhere())) {
            article.table(&table)?;
        }
    }
    Ok(())
}

fn kept(article: &mut Article, results: &[Results]) -> Result<()> {
    article.heading("What training keeps");
    article.paragraph(
        "Pictures found by their own text and texts by their picture, and labels of items under no relation: `frozen` is the encoders \
         before training, all others after it.",
    );
    results.iter().filter_map(Results::kept).try_for_each(|table| article.table(&table))
}

fn ablations(article: &mut Article, results: &[Results]) -> Result<()> {
    let any: Vec<&Results> = results.iter().filter(|results| !results.ablations.is_empty()).collect();
    if any.is_empty() {
        return Ok(());
    }
    article.heading("Ablations");
    for results in any {
        let trained = results.trained();
        if results.source.name == "synthetic"
            && let Some(table) = claims::table(&trained)
        {
            article.paragraph(
                "The truth of this dataset is planted, so that what an ablation must cost is known before it is run. A fall of a \
                 tenth or more counts, or a larger loss in the first view than in the second.",
            );
            article.table(&table)?;
        }
        for (title, table) in results.ablation_tables() {
            let column = rcml_eval::Column::retrieval("", "full", "seen", "AVG", "mrr");
            let x = "MRR over the full corpus, seen relations".to_string();
            let name = format!("{}: {title}", results.source.name);
            if title == BETA {
                article.figures(&[beta_curve(&name, &trained)])?;
            } else {
                let bar = |row: &Vec<String>| {
                    let (value, spread) = number(&trained, row.first()?, &column)?;
                    let base = METHODS.iter().find(|method| method.table == title).map_or("", |method| method.preset);
                    Some(Bar { name: row.first()?.clone(), value, spread, is_reference: row.first()? == base })
                };
                article.figures(&[Bars { title: name, x, bars: table.rows.iter().filter_map(bar).collect() }])?;
            }
            article.table(&table)?;
        }
    }
    Ok(())
}

/// The paper's own beta is 0.6.
fn beta_curve(title: &str, reports: &[EvalReport]) -> Curve {
    let betas = METHODS
        .iter()
        .filter(|method| method.table == BETA)
        .filter_map(|method| Some((method.name.rsplit(' ').next()?.parse::<f64>().ok()?, method.name)));
    let mut betas: Vec<(f64, &str)> = betas.chain([(0.6, "rcml-paper")]).collect();
    betas.sort_by(|a, b| a.0.total_cmp(&b.0));
    let series = |view: &str| {
        let column = rcml_eval::Column::retrieval("", "full", "seen", view, "mrr");
        let points = betas.iter().filter_map(|(beta, name)| Some((*beta, number(reports, name, &column)?.0)));
        Series { name: view.to_string(), points: points.collect() }
    };
    Curve { title: format!("{title}, MRR"), x: "beta".into(), series: ["AVG", "TT", "II"].map(series).into() }
}

/// The map, case studies, parameters and latency: all on validation items.
fn looked_at(article: &mut Article, options: &Options, cells: &[Cell], results: &Results) -> Result<()> {
    let run = |name: &str| {
        let cell =
            cells.iter().find(|cell| cell.source == results.source && cell.method.name == name && cell.seed == 1)?;
        cell.run_folder(options).filter(|_| cell.is_done(options))
    };
    let (Some(own), Some(plain)) = (run("rcml"), run(PLAIN)) else { return Ok(()) };
    let dataset = Dataset::open(&results.source.folder)?;
    let set = trained::validation(&dataset, &own)?;
    let mut rcml = trained::scorer("rcml", &own, &set)?;
    let mut clip = trained::scorer(PLAIN, &plain, &set)?;
    article.heading(&format!("A look at {}", results.source.name));
    if let Some(groups) = Groups::choose(&dataset, set.whole(), set.items()) {
        let words = dataset.relations.get(groups.relation as usize).map_or("", |relation| relation.description());
        article.paragraph(&format!(
            "Validation items by t-SNE, each model's own, under the relation \"{words}\": a colour is a group of items that this \
             relation links. {PLAIN} embeds an item in one way, whatever the relation."
        ));
        let title = format!("{}: {words}", results.source.name);
        let mut methods: [(&str, &mut dyn Scorer); 2] = [(PLAIN, &mut clip), ("rcml", &mut rcml)];
        article.figures(&[map(title, &groups, set.items(), &mut methods)?])?;
    }
    let (queries, each, k) = CASES;
    let mut cases = Vec::new();
    for (query, relation) in CaseStudy::choose(&set, queries, each) {
        for scorer in [&mut rcml as &mut dyn Scorer, &mut clip] {
            let mut case = CaseStudy::new(&set, scorer, &View::avg(), query, relation, k)?;
            case.relation = format!("{}: {}", scorer.name(), case.relation);
            cases.push(case);
        }
    }
    article.cases(&cases);
    let names = ["rcml", "rcml-paper", "gate", PLAIN];
    let runs: Vec<(String, PathBuf)> =
        names.iter().filter_map(|name| Some(((*name).to_string(), run(name)?))).collect();
    article.table(&cost::table(&dataset, &set, &runs)?)
}

fn cell_table(options: &Options, cells: &[Cell]) -> ResultTable {
    let header = ["cell", "state", "rate", "validation", "training, s", "last call, s", "configuration", "commit"];
    let row = |(cell, record): (Cell, Value)| {
        let text = |value: &Value| value.as_str().map_or_else(|| "-".into(), String::from);
        let chosen = record["trainings"].as_array().into_iter().flatten().find(|t| t["rate"] == record["rate"]);
        let validation = chosen.and_then(|training| training["validation"].as_f64());
        vec![
            cell.name(),
            text(&record["state"]),
            text(&record["rate"]),
            validation.map_or_else(|| "-".into(), |value| format!("{:.1}", 100.0 * value)),
            format!("{:.0}", record["training_seconds"].as_f64().unwrap_or(0.0)),
            format!("{:.0}", record["seconds"].as_f64().unwrap_or(0.0)),
            text(&record["config_hash"]),
            text(&record["environment"]["commit"]),
        ]
    };
    ResultTable {
        title: "Every cell".into(),
        header: header.map(String::from).into(),
        rows: records(options, cells).into_iter().map(row).collect(),
        larger_is_better: vec![],
    }
}
