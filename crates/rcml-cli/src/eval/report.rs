//! The page that shows it all.

use rcml_eval::{CaseStudy, Curve, EvalSet, ReportData, ResultTable, Scorer, View, read_curves};

use crate::failure::Result;
use crate::run::Run;

/// Query items of the case studies, relations of each, answers under each.
const CASES: (usize, usize, usize) = (12, 3, 5);

/// Tables of all methods, curves of the first run of each, case studies of the first run.
pub(super) fn report(
    set: &EvalSet<'_>,
    runs: &[Run],
    first: &mut dyn Scorer,
    tables: &[ResultTable],
    notes: &[String],
) -> Result<ReportData> {
    let dataset = set.dataset();
    let (queries, each, k) = CASES;
    let case_studies = CaseStudy::choose(set, queries, each)
        .into_iter()
        .map(|(query, relation)| CaseStudy::new(set, first, &View::avg(), query, relation, k))
        .collect::<Result<_, _>>()?;
    let mut facts = vec![
        ("dataset".to_string(), dataset.name()),
        ("split".to_string(), format!("{}, {} items", format!("{:?}", set.split()).to_lowercase(), set.items().len())),
        ("runs".to_string(), runs.iter().map(describe).collect::<Vec<_>>().join(", ")),
        ("case studies of".to_string(), runs.first().map(describe).unwrap_or_default()),
        ("made by".to_string(), command_line()),
    ];
    let info = &dataset.info;
    for (name, fact) in [("source", &info.source), ("licence", &info.licence), ("attribution", &info.attribution)] {
        facts.extend(fact.iter().map(|fact| (name.to_string(), fact.clone())));
    }
    Ok(ReportData {
        title: format!("RCML on {}", dataset.name()),
        facts,
        tables: tables.to_vec(),
        curves: curves(runs)?,
        case_studies,
        notes: notes.to_vec(),
    })
}

fn describe(run: &Run) -> String {
    format!("{} (preset {}, seed {})", run.folder.display(), run.config.preset, run.config.seed)
}

fn command_line() -> String {
    let quoted = |word: String| if word.contains(char::is_whitespace) { format!("\"{word}\"") } else { word };
    let words = std::env::args().skip(1).map(quoted);
    std::iter::once("rcml".to_string()).chain(words).collect::<Vec<_>>().join(" ")
}

/// One picture per quantity, one line per method.
fn curves(runs: &[Run]) -> Result<Vec<Curve>> {
    let mut shown: Vec<&Run> = Vec::new();
    for run in runs {
        if shown.iter().all(|other| other.config.preset != run.config.preset) {
            shown.push(run);
        }
    }
    let mut all: Vec<Curve> = Vec::new();
    for run in &shown {
        let log = run.folder.join("metrics.jsonl");
        // A run whose log was removed still has results.
        if !log.is_file() {
            continue;
        }
        for mut curve in read_curves(&log)? {
            if shown.len() > 1 {
                let method = &run.config.preset;
                let several = curve.series.len() > 1;
                for series in &mut curve.series {
                    series.name = if several { format!("{method}, {}", series.name) } else { method.clone() };
                }
            }
            match all.iter_mut().find(|known| known.title == curve.title) {
                Some(known) => known.series.extend(curve.series),
                None => all.push(curve),
            }
        }
    }
    Ok(all)
}
