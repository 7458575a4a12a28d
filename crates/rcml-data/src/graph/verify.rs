//! Whether a `.rgraph` file is whole and means what it says.

use std::path::Path;

use rayon::prelude::*;
use xxhash_rust::xxh3::xxh3_64;

use super::layout::{ALIGNMENT, HEADER, Header, SECTIONS};
use super::open::{map, wrong};
use super::record::{RELATED, targets};
use super::{Block, RelationGraph};
use crate::Result;

/// Items that are checked at a time.
const CHUNK: u64 = 1 << 14;

impl RelationGraph {
    /// Reads a whole `.rgraph` file and checks it: the checksum of every section; that lists ascend, name items that
    /// exist and are found from both ends; that anchors, counts and unions are those of the lists. Returns the graph.
    ///
    /// # Errors
    /// Those of [`open`](Self::open), and the first thing found wrong.
    pub fn verify(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let map = map(path)?;
        let (graph, header) = Self::from_map(&map).map_err(|message| wrong(path, message))?;
        check_bytes(&map, &header).map_err(|message| wrong(path, message))?;
        graph.check_lists().map_err(|message| wrong(path, message))?;
        Ok(graph)
    }

    fn check_lists(&self) -> Result<(), String> {
        let edges_right = self.offsets.first() == Some(&0) && self.offsets.last() == Some(&(self.blocks.len() as u64));
        if !edges_right || !self.offsets.is_sorted() {
            return Err("has offsets that do not ascend from the first word of the blocks to the last".into());
        }
        let chunks = (self.items as u64).div_ceil(CHUNK);
        let chunk = |chunk: u64| {
            let mut mirror = 0u64;
            for item in chunk * CHUNK..((chunk + 1) * CHUNK).min(self.items as u64) {
                mirror = mirror.wrapping_add(self.check_item(item as u32)?);
            }
            Ok::<u64, String>(mirror)
        };
        let sums: Vec<u64> = (0..chunks).into_par_iter().map(chunk).collect::<Result<_, String>>()?;
        if sums.into_iter().fold(0, u64::wrapping_add) != 0 {
            return Err("has edges that are found from one end only".into());
        }
        (0..self.relations.len() as u32).into_par_iter().try_for_each(|relation| {
            let (mut pairs, mut holds) = (0, ascends(self.anchors(relation)));
            for (_, targets) in self.answers(relation) {
                pairs += targets.len();
                holds &= !targets.is_empty();
            }
            if holds && pairs == self.pairs(relation) {
                return Ok(());
            }
            Err(format!("has anchors or a number of pairs of relation {relation} that its lists do not have"))
        })
    }

    /// Checks the block of an item. Returns the sum over its edges of a number that the other end takes away again.
    fn check_item(&self, item: u32) -> Result<u64, String> {
        let range = self.offsets[item as usize]..self.offsets[item as usize + 1];
        let words = self.blocks.get(range.start as usize..range.end as usize).unwrap_or_default();
        let block = Block::of(words);
        let fail = |what: &str| Err(format!("has a block of item {item} {what}"));
        if words.is_empty() {
            return Ok(0);
        }
        let Some(&last) = block.ends.last() else { return fail("without lists") };
        let united = block.lists.len() > 1;
        if !ascends(block.lists) || (block.lists.last() == Some(&RELATED)) != united {
            return fail("whose lists do not ascend, or lack their union");
        }
        // A union of one list would be that list.
        if block.lists.len() == 2 {
            return fail("with a union of a single list");
        }
        let of_relations = block.lists.len() - usize::from(united);
        let entries = if of_relations == 0 { 0 } else { block.ends[of_relations - 1] as usize };
        let weights = if self.weighted { entries } else { 0 };
        if block.neighbours.len() != last as usize + weights {
            return fail("of another length than its lists have");
        }
        let mut union = Vec::new();
        let mut mirror = 0u64;
        for (i, &list) in block.lists[..of_relations].iter().enumerate() {
            let neighbours = block.neighbours(i);
            let relation = list / 2;
            let Some(back) = self.sources_list(relation) else { return fail("with an unknown relation") };
            if list != back && list != targets(relation) {
                return fail("with a list of sources under a symmetric relation");
            }
            if neighbours.is_empty() || neighbours.len() != block.range(i).len() || !ascends(neighbours) {
                return fail("with a list that is empty or does not ascend");
            }
            if neighbours.iter().any(|&n| n as usize >= self.items || n == item) {
                return fail("with a neighbour that does not exist or is the item itself");
            }
            let weights = block.weights(list).filter(|_| self.weighted);
            if weights.is_some_and(|w| w.iter().any(|w| !(w.is_finite() && *w >= 0.0))) {
                return fail("with a weight that is negative or not finite");
            }
            for (k, &neighbour) in neighbours.iter().enumerate() {
                let weight = weights.and_then(|w| w.get(k)).map_or(0, |w| w.to_bits());
                let edge = |source: u32, target: u32| mix(relation, source, target, weight);
                mirror = if list != targets(relation) {
                    mirror.wrapping_sub(edge(neighbour, item))
                } else if list == back {
                    mirror.wrapping_add(edge(item, neighbour)).wrapping_sub(edge(neighbour, item))
                } else {
                    mirror.wrapping_add(edge(item, neighbour))
                };
            }
            union.extend_from_slice(neighbours);
        }
        union.sort_unstable();
        union.dedup();
        if block.related() != union {
            return fail("whose union is not that of its lists");
        }
        Ok(mirror)
    }
}

/// Checksums, and zeros between the sections.
fn check_bytes(file: &[u8], header: &Header) -> Result<(), String> {
    (0..SECTIONS.len()).into_par_iter().try_for_each(|i| {
        let bytes = &file[header.bytes(i)];
        if xxh3_64(bytes) == header.sections[i].checksum {
            return Ok(());
        }
        let start = header.sections[i].start;
        Err(format!(
            "is damaged: the checksum of its {} ({} bytes from byte {start}) is wrong",
            SECTIONS[i],
            bytes.len()
        ))
    })?;
    let mut end = HEADER as usize;
    for (i, name) in SECTIONS.iter().enumerate() {
        let start = end.next_multiple_of(ALIGNMENT as usize);
        if file[end..start].iter().any(|&byte| byte != 0) {
            return Err(format!("is damaged: the bytes before its {name} are not 0"));
        }
        end = header.bytes(i).end;
    }
    Ok(())
}

fn ascends(numbers: &[u32]) -> bool {
    numbers.is_sorted_by(|a, b| a < b)
}

/// A number of an edge that differs in every bit from those of edges like it (the finaliser of SplitMix64).
fn mix(relation: u32, source: u32, target: u32, weight: u32) -> u64 {
    let mut z = 0u64;
    for part in [u64::from(relation) << 32 | u64::from(source), u64::from(target) << 32 | u64::from(weight)] {
        z = z.wrapping_add(part).wrapping_add(0x9E37_79B9_7F4A_7C15);
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
    }
    z
}
