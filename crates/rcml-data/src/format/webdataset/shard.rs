//! One tar, plain or compressed.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::{OnceLock, RwLock};

use flate2::read::MultiGzDecoder;
use memmap2::Mmap;
use rayon::prelude::*;

use super::sample::{Draft, Member};
use crate::format::mapped::map;
use crate::format::table::{Row, Sample};
use crate::image::PictureFile;

/// Endings of shards.
pub(in crate::format) const ENDINGS: [&str; 5] = [".tar", ".tar.gz", ".tgz", ".tar.zst", ".tar.zstd"];

/// Longest text or JSON of a sample.
const LONGEST: u64 = 64 << 20;

/// Samples parsed at a time.
const CHUNK: usize = 1 << 12;

/// A shard. Pictures are read where they lie: of a plain tar from the file, of a compressed one from a copy that is
/// unpacked to a nameless temporary file when the first picture is asked for.
#[derive(Debug)]
pub(in crate::format) struct Shard {
    path: PathBuf,
    packing: Packing,
    /// Offset and length of each picture in the unpacked tar.
    pictures: RwLock<Vec<(u64, u64)>>,
    unpacked: OnceLock<Result<Mmap, String>>,
}

#[derive(Debug)]
enum Packing {
    Plain(Mmap),
    Gzip,
    Zstandard,
}

impl Shard {
    /// Opens a shard; what is in it is read later.
    ///
    /// # Errors
    /// What is wrong with the file, without its path.
    pub(in crate::format) fn open(path: &Path) -> Result<Self, String> {
        let file = File::open(path).map_err(|e| format!("cannot be opened: {e}"))?;
        let name = path.to_string_lossy().to_ascii_lowercase();
        let packing = if name.ends_with("gz") {
            Packing::Gzip
        } else if name.ends_with(".zst") || name.ends_with(".zstd") {
            Packing::Zstandard
        } else {
            let bytes = map(&file).map_err(|e| format!("cannot be read: {e}"))?;
            ends(&bytes)?;
            Packing::Plain(bytes)
        };
        Ok(Self { path: path.to_path_buf(), packing, pictures: RwLock::default(), unpacked: OnceLock::new() })
    }

    fn stream(&self) -> io::Result<Box<dyn Read + '_>> {
        Ok(match &self.packing {
            Packing::Plain(bytes) => Box::new(Cursor::new(&bytes[..])),
            Packing::Gzip => Box::new(MultiGzDecoder::new(BufReader::new(File::open(&self.path)?))),
            Packing::Zstandard => Box::new(zstd::stream::read::Decoder::new(File::open(&self.path)?)?),
        })
    }

    /// The unpacked tar.
    fn bytes(&self) -> Result<&[u8], String> {
        if let Packing::Plain(bytes) = &self.packing {
            return Ok(bytes);
        }
        let unpack = || {
            let mut copy = tempfile::tempfile()?;
            io::copy(&mut self.stream()?, &mut copy)?;
            copy.rewind()?;
            map(&copy)
        };
        let unpacked =
            self.unpacked.get_or_init(|| unpack().map_err(|e: io::Error| format!("cannot be unpacked: {e}")));
        unpacked.as_ref().map(|bytes| &bytes[..]).map_err(Clone::clone)
    }

    fn add(&self, start: u64, length: u64) -> u64 {
        match self.pictures.write() {
            Ok(mut pictures) => {
                pictures.push((start, length));
                pictures.len() as u64 - 1
            }
            // Only after a panic in this very function.
            Err(_) => u64::MAX,
        }
    }
}

impl PictureFile for Shard {
    fn read(&self, at: u64) -> Result<Cow<'_, [u8]>, String> {
        let place = self.pictures.read().ok().and_then(|pictures| pictures.get(at as usize).copied());
        let (start, length) = place.ok_or_else(|| format!("there is no picture {at}"))?;
        let range = start as usize..start.saturating_add(length) as usize;
        self.bytes()?.get(range).map(Cow::Borrowed).ok_or_else(|| "the tar is cut short".into())
    }
}

/// Whether a tar has the end that a tar has. Without it the reader would stop at the last whole member and say nothing.
fn ends(bytes: &[u8]) -> Result<(), String> {
    let length = bytes.len();
    if !length.is_multiple_of(512) {
        return Err(format!("is cut short, or no tar: {length} bytes are no whole blocks of 512"));
    }
    match bytes.rchunks(512).next() {
        Some(last) if last.iter().any(|&byte| byte != 0) => {
            Err(format!("is cut short, or no tar: {length} bytes, and no end of an archive after them"))
        }
        _ => Ok(()),
    }
}

/// Puts samples together and hands them on in order with their numbers, counted from 1.
pub(in crate::format) fn each<T: Send>(
    shard: &Shard,
    parse: impl Fn(Row<'_>) -> T + Sync,
    mut sink: impl FnMut(usize, T),
) -> Result<(), String> {
    let (mut number, mut waiting) = (0, Vec::new());
    let mut flush = |samples: &mut Vec<Sample>| {
        let parsed: Vec<T> = std::mem::take(samples).into_par_iter().map(|sample| parse(Row::Sample(sample))).collect();
        for result in parsed {
            number += 1;
            sink(number, result);
        }
    };
    let mut take = |sample: Sample| {
        waiting.push(sample);
        if waiting.len() == CHUNK {
            flush(&mut waiting);
        }
    };
    // The message quotes names as they stand in the damaged file.
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let wrong = |e: io::Error| {
        let words: String = e.to_string().chars().map(plain).take(120).collect();
        format!("the tar is damaged or cut short: {words}")
    };
    let done = match &shard.packing {
        Packing::Plain(bytes) => {
            let mut archive = tar::Archive::new(Cursor::new(&bytes[..]));
            let entries = archive.entries_with_seek().map_err(wrong)?;
            samples(shard, entries, Some(bytes.len() as u64), &mut take)
        }
        _ => {
            let mut archive = tar::Archive::new(shard.stream().map_err(wrong)?);
            let entries = archive.entries().map_err(wrong)?;
            samples(shard, entries, None, &mut take)
        }
    };
    flush(&mut waiting);
    done.map_err(wrong)
}

fn samples<R: Read>(
    shard: &Shard,
    entries: tar::Entries<'_, R>,
    end: Option<u64>,
    take: &mut impl FnMut(Sample),
) -> io::Result<()> {
    let mut draft: Option<Draft> = None;
    let mut outcome = Ok(());
    for entry in entries {
        let mut entry = match entry {
            Ok(entry) => entry,
            Err(e) => {
                outcome = Err(e);
                break;
            }
        };
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let path = entry.path_bytes().into_owned();
        let Ok(path) = String::from_utf8(path) else {
            outcome = Err(io::Error::new(io::ErrorKind::InvalidData, "the name of a member is not UTF-8"));
            break;
        };
        let path = path.trim_start_matches("./");
        let Some((key, ending)) = split(path) else { continue };
        if draft.as_ref().is_none_or(|draft| draft.key != key)
            && let Some(done) = draft.replace(Draft::new(key.to_string()))
        {
            take(done.finish());
        }
        let Some(draft) = &mut draft else { continue };
        let (start, length) = (entry.raw_file_position(), entry.size());
        if end.is_some_and(|end| start.saturating_add(length) > end) {
            outcome = Err(io::Error::new(io::ErrorKind::UnexpectedEof, format!("{path} reaches beyond the end")));
            break;
        }
        match Member::of(&ending) {
            Member::Picture if draft.has_picture() => {}
            Member::Picture => draft.picture(path, shard.add(start, length)),
            Member::Other => {}
            _ if length > LONGEST => draft.problem(format!("{path}: {length} bytes are too many for a text")),
            member => {
                let mut bytes = Vec::new();
                match entry.read_to_end(&mut bytes) {
                    Ok(read) if read as u64 == length => draft.member(path, member, bytes),
                    Ok(_) => {
                        outcome = Err(io::Error::new(io::ErrorKind::UnexpectedEof, format!("{path} is cut short")))
                    }
                    Err(e) => outcome = Err(e),
                }
            }
        }
        if outcome.is_err() {
            break;
        }
    }
    // What was being read when the tar broke off is only half there.
    if let Some(draft) = draft.filter(|_| outcome.is_ok()) {
        take(draft.finish());
    }
    outcome
}

/// Key and ending of a member: the name is cut at its first dot. Hidden files belong to no sample.
fn split(path: &str) -> Option<(&str, String)> {
    let name = path.rfind('/').map_or(0, |slash| slash + 1);
    let dot = name + path[name..].find('.')?;
    (dot > name && !path[name..].starts_with("__")).then(|| (&path[..dot], path[dot + 1..].to_ascii_lowercase()))
}
