//! The pairs that the rules relate, written as they are found.

use std::fmt::Write as _;
use std::io::{self, Write};

use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::factor::Factors;
use super::rule::{RULES, Rule};
use super::{CHUNK, Purpose, id, stream};
use crate::Split;

/// Edges per item and relation where not all are written.
const PER_ITEM: usize = 8;

/// Combinations that are tried for them: in a small catalogue most combinations have no item.
const DRAWS: usize = 96;

pub(super) struct Catalogue<'a> {
    pub(super) factors: &'a [Factors],
    pub(super) splits: &'a [Split],
    pub(super) seed: u64,
    pub(super) complete: bool,
}

/// Writes zstd-compressed lines and returns their number.
pub(super) fn write(catalogue: &Catalogue<'_>, file: &mut dyn Write) -> io::Result<u64> {
    let mut encoder = zstd::Encoder::new(file, 3)?;
    let mut edges = 0;
    for (r, rule) in RULES.iter().enumerate() {
        for split in [Split::Train, Split::Validation, Split::Test] {
            let items = Members::of(catalogue, split);
            for sources in items.by_index.chunks(CHUNK) {
                let found: Vec<(u64, String)> = sources
                    .par_iter()
                    .map(|&source| {
                        let targets = if catalogue.complete {
                            items.all_targets(catalogue, rule, source)
                        } else {
                            // Every (item, relation) has a stream of its own, so threads cannot change the draw.
                            let mut rng = stream(catalogue.seed, source as usize * RULES.len() + r, Purpose::Edges);
                            items.some_targets(catalogue, rule, source, &mut rng)
                        };
                        (targets.len() as u64, lines(rule, source, &targets))
                    })
                    .collect();
                for (count, lines) in found {
                    edges += count;
                    encoder.write_all(lines.as_bytes())?;
                }
            }
        }
    }
    encoder.finish()?;
    Ok(edges)
}

fn lines(rule: &Rule, source: u32, targets: &[u32]) -> String {
    let mut lines = String::new();
    let source = id(source as usize);
    for target in targets {
        let target = id(*target as usize);
        // Writing to a String cannot fail.
        let _ = writeln!(lines, r#"{{"relation":"{}","source":"{source}","target":"{target}"}}"#, rule.id);
    }
    lines
}

/// The items of one split.
struct Members {
    by_index: Vec<u32>,
    /// Sorted by combination of factors; those of combination c are `by_factors[starts[c]..starts[c + 1]]`.
    by_factors: Vec<u32>,
    starts: Vec<u32>,
}

impl Members {
    fn of(catalogue: &Catalogue<'_>, split: Split) -> Self {
        let by_index: Vec<u32> = (0u32..).zip(catalogue.splits).filter(|(_, s)| **s == split).map(|(i, _)| i).collect();
        let combination = |i: u32| catalogue.factors[i as usize].index();
        let mut by_factors = by_index.clone();
        by_factors.sort_by_key(|i| combination(*i));
        let mut starts = vec![0u32; Factors::COUNT + 1];
        for &i in &by_index {
            starts[combination(i) + 1] += 1;
        }
        for c in 0..Factors::COUNT {
            starts[c + 1] += starts[c];
        }
        Self { by_index, by_factors, starts }
    }

    /// All targets, ascending; of a symmetric rule only those after the source, since one line tells both directions.
    fn all_targets(&self, catalogue: &Catalogue<'_>, rule: &Rule, source: u32) -> Vec<u32> {
        let factors = catalogue.factors[source as usize];
        let related = |t: &u32| {
            *t != source && (!rule.symmetric || *t > source) && rule.holds(factors, catalogue.factors[*t as usize])
        };
        self.by_index.iter().copied().filter(related).collect()
    }

    /// Some targets, ascending.
    fn some_targets(&self, catalogue: &Catalogue<'_>, rule: &Rule, source: u32, rng: &mut ChaCha8Rng) -> Vec<u32> {
        let mut targets = Vec::with_capacity(PER_ITEM);
        for _ in 0..DRAWS {
            let Some(factors) = rule.target(catalogue.factors[source as usize], rng) else { break };
            let c = factors.index();
            let alike = &self.by_factors[self.starts[c] as usize..self.starts[c + 1] as usize];
            if let Some(&target) = rand::seq::IndexedRandom::choose(alike, rng)
                && target != source
                && !targets.contains(&target)
            {
                targets.push(target);
                if targets.len() == PER_ITEM {
                    break;
                }
            }
        }
        targets.sort_unstable();
        targets
    }
}
