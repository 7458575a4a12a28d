//! The page that shows it all.

use rcml_eval::{CaseStudy, Curve, EvalSet, ReportData, ResultTable, Scorer, View, read_curves};

use crate::failure::Result;
use crate::output::note;
use crate::run::Run;

/// Query items of the case studies, relations of each, answers under each.
const CASES: (usize, usize, usize) = (12, 3, 5);

/// Tables of all methods, curves of the first run of each, case studies of the first run. `methods` name that of each run.
pub(super) fn report(
    set: &EvalSet<'_>,
    runs: &[Run],
    methods: &[String],
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
    let mut notes = notes.to_vec();
    let curves = curves(runs, methods, &mut notes);
    Ok(ReportData {
        title: format!("RCML on {}", dataset.name()),
        facts,
        tables: tables.to_vec(),
        curves,
        case_studies,
        notes,
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

/// One picture per quantity, one line per method; what never changes is no picture. A log that cannot be read becomes a note: its run
/// still has results.
fn curves(runs: &[Run], methods: &[String], notes: &mut Vec<String>) -> Vec<Curve> {
    let is_first = |at: &usize| !methods[..*at].contains(&methods[*at]);
    let shown: Vec<usize> = (0..runs.len()).filter(is_first).collect();
    let mut all: Vec<Curve> = Vec::new();
    for &at in &shown {
        let log = runs[at].folder.join("metrics.jsonl");
        // A run whose log was removed still has results.
        if !log.is_file() {
            continue;
        }
        let curves = read_curves(&log).unwrap_or_else(|error| {
            note(&format!("no curves of {}: {error}", methods[at]));
            notes.push(format!("no curves of {}: {error}", methods[at]));
            Vec::new()
        });
        for mut curve in curves {
            if shown.len() > 1 {
                let method = &methods[at];
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
    all.retain(|curve| !curve.is_constant());
    all
}

#[cfg(test)]
mod tests {
    use rcml_train::RunConfig;

    use super::*;

    #[test]
    fn broken_logs_are_notes_and_constants_no_curves() {
        let folder = tempfile::tempdir().unwrap();
        let run = |name: &str, log: &str| {
            let folder = folder.path().join(name);
            std::fs::create_dir(&folder).unwrap();
            std::fs::write(folder.join("metrics.jsonl"), log).unwrap();
            Run { folder, config: RunConfig::default() }
        };
        let lines = "{\"step\":1,\"loss\":2.0,\"relations\":8}\n{\"step\":2,\"loss\":1.5,\"relations\":8}\n";
        let runs = [run("a", lines), run("b", lines), run("c", "nonsense\n{}\n")];
        let (methods, mut notes) = (["rcml", "rcml", "gate"].map(String::from), Vec::new());
        let found = curves(&runs, &methods, &mut notes);
        assert_eq!(found.iter().map(|curve| curve.title.as_str()).collect::<Vec<_>>(), ["loss"]);
        assert_eq!(found[0].series.len(), 1);
        assert!(notes.len() == 1 && notes[0].contains("no curves of gate") && notes[0].contains("metrics.jsonl:1"));
    }
}
