//! A folder in memory whose files a fuzz target writes over and over.

use std::path::PathBuf;
use std::sync::OnceLock;

use rcml_data::Dataset;

/// Reads the folder whose tables (items, relations, edges, with this ending) are the three parts of the input, with `---` between
/// them, and checks what must hold of every folder: the reader does not panic,
/// a folder without problems opens, and what was read can be written and read again.
pub fn read(ending: &str, data: &[u8]) {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let memory = PathBuf::from("/dev/shm");
        let parent = if memory.is_dir() { memory } else { std::env::temp_dir() };
        tempfile::tempdir_in(parent).expect("a folder to work in").keep()
    });
    let mut parts = parts(data);
    for table in ["items", "relations", "edges"] {
        let bytes = parts.next().unwrap_or_default();
        std::fs::write(folder.join(format!("{table}.{ending}")), bytes).expect("a file to read");
    }
    let problems = Dataset::check(folder).expect("everything wrong with the input is a problem");
    match Dataset::open(folder) {
        Err(error) => assert!(!problems.is_empty(), "no problem, and yet {error}"),
        Ok(dataset) => {
            for edge in &dataset.edges {
                assert!((edge.source as usize) < dataset.items.len() && (edge.target as usize) < dataset.items.len());
                assert!((edge.relation as usize) < dataset.relations.len() && edge.weight >= 0.0);
            }
            let copy = folder.join("copy");
            dataset.write(&copy).expect("what was read can be written");
            let again = Dataset::open(&copy).expect("what was written can be read");
            assert_eq!(
                (&again.items, &again.relations, &again.edges),
                (&dataset.items, &dataset.relations, &dataset.edges)
            );
        }
    }
}

fn parts(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(data);
    std::iter::from_fn(move || {
        let data = rest?;
        match data.windows(3).position(|bytes| bytes == b"---") {
            Some(at) => {
                rest = Some(&data[at + 3..]);
                Some(&data[..at])
            }
            None => rest.take(),
        }
    })
}
