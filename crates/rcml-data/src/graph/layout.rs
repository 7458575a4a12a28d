//! The bytes of a `.rgraph` file: docs/rgraph.md describes them for readers in other languages.

use std::ops::Range;

use xxhash_rust::xxh3::xxh3_64;

use super::encode::RelationEntry;
use super::record::MOST_RELATIONS;

/// First bytes: one that no text has, the name, a line end that a careless copy would change.
const MAGIC: u64 = u64::from_le_bytes(*b"\x89RGRAPH\n");

/// Raised whenever an old reader would misread a new file.
const VERSION: u64 = 1;

/// The flag of a file whose lists have weights; flags are the upper half of the version's word.
const WEIGHTED: u64 = 1 << 32;

/// Sections begin at multiples of this: a cache line.
pub(super) const ALIGNMENT: u64 = 64;

/// Names of the sections, in the order of the header.
pub(super) const SECTIONS: [&str; 4] = ["blocks", "offsets", "anchors", "relations"];

/// Numbers of 8 bytes that the header has.
const NUMBERS: usize = 7 + 3 * SECTIONS.len();

/// Bytes of the header.
pub(super) const HEADER: u64 = 8 * NUMBERS as u64;

/// The file starts with this.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) weighted: bool,
    pub(super) items: u64,
    pub(super) relations: u64,
    /// Bytes of the whole file.
    pub(super) length: u64,
    /// Hash of the ids of all items and relations in order; 0 = unknown.
    pub(super) names: u64,
    pub(super) sections: [Section; SECTIONS.len()],
}

/// A part of the file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) start: u64,
    /// In bytes, without the padding after it.
    pub(super) length: u64,
    /// xxh3 of its bytes.
    pub(super) checksum: u64,
}

impl Header {
    /// The bytes, with the checksum of those before it at their end.
    pub(super) fn to_bytes(self) -> [u8; HEADER as usize] {
        let version = VERSION | if self.weighted { WEIGHTED } else { 0 };
        let own = [MAGIC, version, self.items, self.relations, self.length, self.names];
        let sections = self.sections.iter().flat_map(|s| [s.start, s.length, s.checksum]);
        let mut bytes = [0; HEADER as usize];
        let (place, checksum) = bytes.split_at_mut(HEADER as usize - 8);
        for (place, number) in place.chunks_exact_mut(8).zip(own.into_iter().chain(sections)) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        checksum.copy_from_slice(&xxh3_64(place).to_le_bytes());
        bytes
    }

    /// Reads and checks everything that can be checked without reading the sections; says what is wrong.
    pub(super) fn read(file: &[u8]) -> Result<Self, String> {
        let Some((bytes, _)) = file.split_first_chunk::<{ HEADER as usize }>() else {
            return Err(format!("is no .rgraph file: {} bytes, fewer than its header has", file.len()));
        };
        let mut numbers = [0; NUMBERS];
        numbers.iter_mut().zip(bytes.as_chunks().0).for_each(|(number, bytes)| *number = u64::from_le_bytes(*bytes));
        let [magic, version, items, relations, length, names, sections @ .., checksum] = numbers;
        if magic != MAGIC {
            return Err("is no .rgraph file: it does not begin with the bytes that every such file has".into());
        }
        if version as u32 != VERSION as u32 {
            return Err(format!("is of version {}, this program reads version {VERSION}", version as u32));
        }
        if checksum != xxh3_64(&bytes[..bytes.len() - 8]) {
            return Err("is damaged: the checksum of its header is wrong".into());
        }
        if length != file.len() as u64 {
            return Err(format!("is cut short or was added to: {} bytes, expected {length}", file.len()));
        }
        if version & !WEIGHTED != VERSION {
            return Err(format!("has the flags {:#x}, this program knows 1 (weights)", version >> 32));
        }
        if items > 1 << 32 || relations > MOST_RELATIONS as u64 {
            return Err(format!("claims {items} items and {relations} relations, more than a graph can have"));
        }
        let mut header = Self { weighted: version & WEIGHTED != 0, items, relations, length, names, ..Self::default() };
        for (section, &[start, length, checksum]) in header.sections.iter_mut().zip(sections.as_chunks().0) {
            *section = Section { start, length, checksum };
        }
        header.check_sections()?;
        Ok(header)
    }

    fn check_sections(&self) -> Result<(), String> {
        let mut end = HEADER;
        for (name, section) in SECTIONS.iter().zip(&self.sections) {
            let start = end.next_multiple_of(ALIGNMENT);
            let after = section.start.checked_add(section.length).filter(|&after| after <= self.length);
            match after {
                Some(after) if section.start == start => end = after,
                _ => return Err(format!("has its {name} in an impossible place: {section:?}, expected {start}")),
            }
        }
        if end != self.length {
            return Err(format!("has {} bytes after its last section", self.length - end));
        }
        let [blocks, offsets, anchors, relations] = self.sections.map(|section| section.length);
        let words = |bytes: u64| bytes.is_multiple_of(4);
        let sizes = [
            words(blocks),
            offsets == (self.items + 1) * 8,
            words(anchors),
            relations == self.relations * RelationEntry::BYTES as u64,
        ];
        match SECTIONS.iter().zip(sizes).find(|(_, right)| !right) {
            Some((name, _)) => Err(format!("has {name} of a size that does not fit its items and relations")),
            None => Ok(()),
        }
    }

    /// Bytes of a section.
    pub(super) fn bytes(&self, section: usize) -> Range<usize> {
        let Section { start, length, .. } = self.sections[section];
        start as usize..(start + length) as usize
    }
}

impl RelationEntry {
    pub(super) const BYTES: usize = 32;

    pub(super) fn to_numbers(self) -> [u64; 4] {
        [u64::from(self.symmetric), self.first_anchor, self.anchors, self.pairs]
    }

    /// `None` for a relation that is neither symmetric nor directed.
    pub(super) fn from_numbers([symmetric, first_anchor, anchors, pairs]: [u64; 4]) -> Option<Self> {
        (symmetric <= 1).then_some(Self { symmetric: symmetric == 1, first_anchor, anchors, pairs })
    }
}

/// Makes the checksums of changed bytes right.
#[cfg(test)]
pub(super) fn reseal(file: &mut [u8], mut header: Header) {
    for i in 0..SECTIONS.len() {
        header.sections[i].checksum = xxh3_64(&file[header.bytes(i)]);
    }
    file[..HEADER as usize].copy_from_slice(&header.to_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_never_changes() {
        let sections = [1, 2, 3, 4].map(|i| Section { start: 10 * i, length: 10 * i + 1, checksum: 10 * i + 2 });
        let header = Header { weighted: true, items: 3, relations: 2, length: 300, names: 7, sections };
        let bytes = header.to_bytes();
        assert_eq!(bytes.len(), 152);
        assert_eq!(bytes[..8], *b"\x89RGRAPH\n");
        assert_eq!(bytes[8..24], [1, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!((bytes[24], bytes[32], bytes[33], bytes[40]), (2, 44, 1, 7));
        assert_eq!((bytes[48], bytes[56], bytes[64], bytes[120], bytes[136]), (10, 11, 12, 40, 42));
        assert_eq!(bytes[144..], xxh3_64(&bytes[..144]).to_le_bytes());
    }
}
