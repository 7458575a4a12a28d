//! Answers questions from an index: lines of an item's id, a tab, and how the others relate to it.
//!
//! ```text
//! rcml index run --data shop --out shop.index
//! cargo build --release --workspace --examples
//! printf 'p17\tgoes with it\n' | target/release/examples/serve run shop.index
//! ```

use std::error::Error;
use std::io::BufRead;
use std::time::Instant;

use rcml::prelude::*;

const ANSWERS: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    // Memory that one question has freed serves the next one: half of the time is otherwise spent on asking the system for it.
    rcml::kernels::memory::keep_freed();
    let mut arguments = std::env::args().skip(1);
    let (Some(run), Some(folder)) = (arguments.next(), arguments.next()) else {
        return Err("expected a run and an index".into());
    };
    let embedder = Embedder::load(run, &device::parse("auto")?)?;
    let index = ItemIndex::open(folder, &embedder)?;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let Some((id, words)) = line.split_once('\t') else {
            eprintln!("expected an id, a tab and a relation, found {line:?}");
            continue;
        };
        match answer(&embedder, &index, id, words.trim()) {
            Ok(()) => {}
            // One bad question does not end a service.
            Err(error) => eprintln!("{line}: {error}"),
        }
    }
    Ok(())
}

fn answer(embedder: &Embedder, index: &ItemIndex, id: &str, words: &str) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let items = index.dataset();
    let (source, target) = embedder.ends(&items.relations, words);
    let item = items.find_item(id)?;
    let query = embedder.queries(&index.items(&[item], embedder)?, &source)?;
    let query = query.fused.into_data().try_to_vec::<f32>().map_err(|error| format!("{error:?}"))?;
    let nearest = index.nearest(embedder, &query, &target, ANSWERS + 1)?;
    println!("{id}: {words} ({} ms)", start.elapsed().as_millis());
    // The item itself is the nearest of all under most relations.
    for (score, found) in nearest.iter().flatten().filter(|(_, found)| *found != item).take(ANSWERS) {
        let found = &items.items[*found as usize];
        println!("  {score:.3}  {}  {}", found.id, found.text.as_deref().unwrap_or(""));
    }
    Ok(())
}
