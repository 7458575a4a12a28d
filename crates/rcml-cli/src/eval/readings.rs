//! Every reading of a test split, noted in the run's folder: a split that is read often is no test any more.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use rcml_data::Split;
use rcml_eval::{EvalSet, Task};
use serde_json::json;

/// Beside the weights.
const FILE: &str = "readings.jsonl";

/// Notes that the test split was read; gives a note for the reader where it was read before. A list that cannot be read or written
/// is no reason not to evaluate.
pub(super) fn record(run: &Path, set: &EvalSet<'_>, tasks: &[Task]) -> Option<String> {
    if set.split() != Split::Test {
        return None;
    }
    let path = run.join(FILE);
    let dataset = set.dataset().name();
    let before = match fs::read_to_string(&path) {
        Ok(text) => text.lines().filter(|line| is_of(line, &dataset)).count(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
        Err(error) => {
            return Some(format!("{}: whether the test split was read before is not known: {error}", path.display()));
        }
    };
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let tasks: Vec<String> = tasks.iter().map(ToString::to_string).collect();
    let line = json!({
        "unix_seconds": seconds, "dataset": dataset, "split": "test", "items": set.items().len(), "tasks": tasks,
        "program": env!("CARGO_PKG_VERSION"),
    });
    let written =
        OpenOptions::new().create(true).append(true).open(&path).and_then(|mut file| writeln!(file, "{line}"));
    if let Err(error) = written {
        return Some(format!("{}: this reading of the test split could not be noted: {error}", path.display()));
    }
    (before > 0).then(|| {
        format!(
            "{}: its test split was read {before} times before ({FILE}); choose settings on validation",
            run.display()
        )
    })
}

fn is_of(line: &str, dataset: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(line).is_ok_and(|value| value["dataset"] == dataset)
}

#[cfg(test)]
mod tests {
    use rcml_data::{Dataset, Item, Splits};

    use super::*;

    #[test]
    fn readings_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        let dataset = Dataset { items: vec![Item::new("a").text("x"), Item::new("b").text("y")], ..Dataset::default() };
        let splits = Splits { items: vec![Split::Train, Split::Test], relations: vec![], edges: vec![] };
        let of = |split| EvalSet::new(&dataset, &splits, split).unwrap();
        let (test, train) = (of(Split::Test), of(Split::Train));
        assert_eq!(record(folder.path(), &train, &Task::ALL), None);
        assert_eq!(record(folder.path(), &test, &Task::ALL), None);
        let told = record(folder.path(), &test, &Task::ALL).unwrap();
        assert!(told.contains("read 1 times before"), "{told}");
        let file = folder.path().join(FILE);
        assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 2);
        // What cannot be read is told, and stops nothing.
        fs::remove_file(&file).unwrap();
        fs::create_dir(&file).unwrap();
        let told = record(folder.path(), &test, &Task::ALL).unwrap();
        assert!(told.contains(FILE) && told.contains("not known"), "{told}");
    }
}
