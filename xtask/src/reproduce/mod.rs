//! `cargo xtask reproduce`: the experiments, as a grid that can be stopped and continued.

mod cell;
mod grid;
mod table;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};

use self::grid::{MAIN, METHODS, PlannedCell, cells};
use self::table::{Numbers, Table, escape_html};
use crate::command::interrupted;
use crate::data;
use crate::failure::{Failure, Result};
use crate::program::Program;

#[derive(Args)]
#[command(after_help = "Examples:
  cargo xtask reproduce --quick                        # does everything run? not for conclusions
  cargo xtask reproduce --dataset emoji --seeds 3
  cargo xtask reproduce --dataset my-folder -- sampler.items=64   # further settings of every run

Cells that are finished are kept; one that broke is recorded, does not stop the others, and is tried again by the next call. The
test split is read once a cell. Writes report.html, tables.md and, per table, .csv and .tex into --out.")]
pub(crate) struct ReproduceArgs {
    /// A built data set by name, or a folder; may be given several times [default: emoji and synthetic]
    #[arg(long, value_name = "NAME")]
    dataset: Vec<String>,
    /// Seeds of every method
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    seeds: u32,
    /// Few steps, one seed, fewer ablations
    #[arg(long)]
    quick: bool,
    /// Show which cells there are and which are finished, and do nothing
    #[arg(long)]
    plan: bool,
    /// Where cells and tables are kept [default: runs/reproduce, with --quick runs/reproduce-quick]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Settings of every run, as `rcml train --set` takes them
    #[arg(last = true, value_name = "KEY=VALUE")]
    settings: Vec<String>,
}

pub(crate) fn run(args: &ReproduceArgs) -> Result<()> {
    let default = if args.quick { "runs/reproduce-quick" } else { "runs/reproduce" };
    let out = args.out.clone().unwrap_or_else(|| default.into());
    let names = if args.dataset.is_empty() { vec!["emoji".into(), "synthetic".into()] } else { args.dataset.clone() };
    let named = |name: &String| -> Result<(String, PathBuf)> {
        if Path::new(name).is_dir() {
            Ok((data::name(Path::new(name))?, name.into()))
        } else {
            Ok((name.clone(), data::folder(name)))
        }
    };
    let datasets: Vec<(String, PathBuf)> = names.iter().map(named).collect::<Result<_>>()?;
    let seeds = if args.quick { 1 } else { args.seeds };
    let plan = cells(&out, &datasets, seeds, args.quick, &args.settings);
    if args.plan {
        for cell in &plan {
            let state =
                cell.record().map_or("open".into(), |record| record["state"].as_str().unwrap_or("?").to_string());
            println!("{state:7} {} {} seed {}", cell.dataset, cell.method.name, cell.seed);
        }
        return Ok(());
    }
    let program = Program::build(&[])?;
    for (name, folder) in &datasets {
        if *folder == data::folder(name) {
            data::build_if_missing(&program, name)?;
        }
    }
    let failures = work(&plan, &program)?;
    let done: Vec<&PlannedCell> = plan.iter().filter(|cell| cell.is_done()).collect();
    if !done.is_empty() {
        write(&out, &datasets, &done, plan.len(), args.quick)?;
    }
    if interrupted() {
        return Err(Failure::interrupted());
    }
    if failures.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("{} of {} cells failed:\n{}", failures.len(), plan.len(), failures.join("\n"))))
}

/// Runs what is not finished; gives what broke.
fn work(plan: &[PlannedCell], program: &Program) -> Result<Vec<String>> {
    let environment = environment();
    let open: Vec<&PlannedCell> = plan.iter().filter(|cell| !cell.is_done()).collect();
    println!("{} cells, {} of them finished", plan.len(), plan.len() - open.len());
    let (start, mut failures) = (Instant::now(), Vec::new());
    for (number, cell) in open.iter().enumerate() {
        if interrupted() {
            break;
        }
        let left = match number {
            0 => String::new(),
            _ => format!(", about {} left", duration(start.elapsed() / number as u32 * (open.len() - number) as u32)),
        };
        println!(
            "\n==> cell {} of {}: {}, {}, seed {}{left}",
            number + 1,
            open.len(),
            cell.dataset,
            cell.method.name,
            cell.seed
        );
        if let Err(failure) = cell.run(program, &environment) {
            println!("==> FAILED: {failure}");
            failures.push(format!("{}: {failure}", cell.folder.display()));
        }
    }
    Ok(failures)
}

fn duration(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3600 => format!("{} min", seconds / 60),
        seconds => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// Where and from what the numbers come.
fn environment() -> Value {
    let first_line = |program: &str, args: &[&str]| {
        let output = std::process::Command::new(program).args(args).output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).lines().next().map(String::from);
        text.filter(|_| output.status.success())
    };
    let processor = fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split(':').nth(1)?.trim().to_string())
    });
    json!({
        "commit": first_line("git", &["rev-parse", "HEAD"]),
        "changed_files": first_line("git", &["status", "--porcelain", "--untracked-files=no"]).is_some(),
        "rustc": first_line("rustc", &["--version"]),
        "system": format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        "processor": processor,
        "threads": std::thread::available_parallelism().map_or(0, usize::from),
    })
}

/// Writes the tables and the page.
fn write(out: &Path, datasets: &[(String, PathBuf)], done: &[&PlannedCell], planned: usize, quick: bool) -> Result<()> {
    let mut tables: Vec<Table> = Vec::new();
    for (dataset, _) in datasets {
        let mut numbers = Numbers::default();
        for cell in done.iter().filter(|cell| cell.dataset == *dataset) {
            cell.rows()?.iter().for_each(|(method, row)| numbers.add(method, row));
        }
        let table_of =
            |name: &str| METHODS.iter().find(|method| method.name == name).map_or(MAIN, |method| method.table);
        let mut titles: Vec<&str> = METHODS.iter().map(|method| method.table).collect();
        // Methods of a table stand together.
        titles.dedup();
        for title in titles {
            let preset = METHODS.iter().find(|method| method.table == title).map_or("", |method| method.preset);
            let table = numbers.table(&format!("{dataset}: {title}"), |name| {
                table_of(name) == title || (title != MAIN && name == preset)
            });
            tables.extend(table);
        }
    }
    fs::create_dir_all(out).map_err(|error| Failure::file(out, error))?;
    let save = |name: &str, text: &str| {
        let path = out.join(name);
        fs::write(&path, text).map_err(|error| Failure::file(&path, error))
    };
    let facts = facts(done, planned, quick);
    let notes: Vec<String> = facts.iter().map(|(name, fact)| format!("- {name}: {fact}")).collect();
    let markdown: Vec<String> = tables.iter().map(Table::markdown).collect();
    save("tables.md", &format!("{}\n\n{}", notes.join("\n"), markdown.join("\n")))?;
    for table in &tables {
        let name = grid::slug(&table.title);
        save(&format!("{name}.csv"), &table.csv())?;
        save(&format!("{name}.tex"), &table.latex())?;
    }
    save("report.html", &page(&facts, &tables))?;
    println!("\nTables: {}\nReport: {}", out.join("tables.md").display(), out.join("report.html").display());
    Ok(())
}

fn facts(done: &[&PlannedCell], planned: usize, quick: bool) -> Vec<(&'static str, String)> {
    let records: Vec<Value> = done.iter().filter_map(|cell| cell.record()).collect();
    let seconds: f64 = records.iter().filter_map(|record| record["seconds"].as_f64()).sum();
    let of = |key: &str| {
        let mut found: Vec<String> = records.iter().map(|record| record["environment"][key].to_string()).collect();
        found.sort_unstable();
        found.dedup();
        found.join(", ").replace('"', "")
    };
    let mut facts = vec![
        (
            "cells",
            format!("{} of {planned} finished, {} in all", done.len(), duration(Duration::from_secs_f64(seconds))),
        ),
        ("commit", of("commit")),
        ("processor", format!("{}, {} threads", of("processor"), of("threads"))),
        ("rustc", of("rustc")),
        (
            "values",
            "percent; mean ± standard deviation over seeds; held-out items, each test split read once a cell".into(),
        ),
    ];
    if quick {
        facts.push((
            "quick",
            format!("{}: shows that everything runs; nothing follows from these numbers", grid::QUICK),
        ));
    }
    facts
}

fn page(facts: &[(&str, String)], tables: &[Table]) -> String {
    let facts: String =
        facts.iter().map(|(name, fact)| format!("<dt>{name}</dt><dd>{}</dd>", escape_html(fact))).collect();
    let tables: String = tables.iter().map(|table| format!("<section>{}</section>\n", table.html())).collect();
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>RCML: experiments</title><style>\
         body{{font:15px/1.5 system-ui,sans-serif;max-width:1200px;margin:0 auto;padding:24px}}\
         section{{overflow-x:auto}}table{{border-collapse:collapse;font-variant-numeric:tabular-nums}}\
         th,td{{padding:4px 10px;text-align:right;border-bottom:1px solid #ccc}}th:first-child,td:first-child{{text-align:left}}\
         dl{{display:grid;grid-template-columns:max-content 1fr;gap:2px 16px}}dd{{margin:0}}\
         </style></head><body>\n<h1>RCML: experiments</h1>\n<dl>{facts}</dl>\n{tables}</body></html>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grid_becomes_tables_and_a_page() {
        let out = std::env::temp_dir().join(format!("xtask-reproduce-{}", std::process::id()));
        let datasets = [("d".to_string(), PathBuf::from("data"))];
        let plan = cells(&out, &datasets, 1, true, &[]);
        // A program that writes what `rcml eval` would, and breaks for one method.
        for cell in plan.iter().filter(|cell| cell.method.name != "gate") {
            fs::create_dir_all(&cell.folder).unwrap();
            let row = json!({ "task": "retrieval", "protocol": "full", "relations": "seen", "view": "AVG", "metric": "mrr",
                              "value": 0.5, "chance": 0.1, "queries": 9 });
            fs::write(cell.results_path(), json!({ "results": [row] }).to_string()).unwrap();
        }
        let done: Vec<&PlannedCell> = plan.iter().filter(|cell| cell.results_path().is_file()).collect();
        write(&out, &datasets, &done, plan.len(), true).unwrap();
        let text = fs::read_to_string(out.join("tables.md")).unwrap();
        assert!(text.contains("### d: Methods") && text.contains("### d: Ablations of the paper's method"), "{text}");
        assert!(text.contains("| paper, no intra-modal terms | 50.0 |") && !text.contains("| gate |"), "{text}");
        let ablations = text.split("Ablations").nth(1).unwrap();
        assert!(ablations.contains("| rcml-paper | 50.0 |"), "an ablation stands beside what it changes: {text}");
        assert!(fs::read_to_string(out.join("report.html")).unwrap().contains("<td>rcml</td>"));
        assert!(out.join("d-Methods.csv").is_file() && out.join("d-Methods.tex").is_file());
        fs::remove_dir_all(&out).unwrap();
    }

    #[test]
    fn durations_are_readable() {
        assert_eq!(duration(Duration::from_secs(59)), "59 s");
        assert_eq!(duration(Duration::from_secs(3720)), "1 h 2 min");
    }
}
