//! Writing a `.rgraph` file, section after section.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use bytemuck::Pod;
use xxhash_rust::xxh3::Xxh3;

use super::layout::{ALIGNMENT, HEADER, Header, Section};
use crate::{Error, Result};

/// Bytes that are written and hashed at a time.
const BUFFER: usize = 1 << 20;

/// A file under a temporary name that gets its own when it is whole.
pub(super) struct GraphFile {
    path: PathBuf,
    temporary: PathBuf,
    file: File,
    position: u64,
    buffer: Vec<u8>,
    hash: Xxh3,
    start: u64,
    sections: Vec<Section>,
}

impl GraphFile {
    /// Leaves room for the header.
    pub(super) fn create(path: &Path) -> Result<Self> {
        if cfg!(target_endian = "big") {
            return Err(Error::input("a .rgraph file is little-endian: it cannot be written on this machine"));
        }
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(".tmp");
        let temporary = PathBuf::from(temporary);
        let create = || {
            std::fs::create_dir_all(folder(path))?;
            let mut file = File::create(&temporary)?;
            file.seek(SeekFrom::Start(HEADER))?;
            Ok(file)
        };
        let file = create().map_err(|e| Error::io(path, e))?;
        let position = HEADER;
        let (buffer, hash) = (Vec::with_capacity(BUFFER), Xxh3::new());
        let (path, sections) = (path.to_path_buf(), Vec::with_capacity(4));
        let mut file = Self { path, temporary, file, position, buffer, hash, start: 0, sections };
        file.align().map_err(|e| Error::io(&file.path, e))?;
        Ok(file)
    }

    /// Adds to the open section.
    pub(super) fn put<T: Pod>(&mut self, values: &[T]) -> Result<()> {
        let mut put = || {
            for bytes in bytemuck::cast_slice::<T, u8>(values).chunks(BUFFER) {
                if self.buffer.len() + bytes.len() > BUFFER {
                    self.flush()?;
                }
                self.buffer.extend_from_slice(bytes);
            }
            Ok(())
        };
        let done: io::Result<()> = put();
        done.map_err(|e| Error::io(&self.path, e))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.hash.update(&self.buffer);
        self.file.write_all(&self.buffer)?;
        self.position += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Pads to where the next section begins.
    fn align(&mut self) -> io::Result<()> {
        let padding = self.position.next_multiple_of(ALIGNMENT) - self.position;
        self.file.write_all(&[0; ALIGNMENT as usize][..padding as usize])?;
        self.position += padding;
        self.start = self.position;
        Ok(())
    }

    /// Ends the open section. The file ends with its last one, so padding follows only where another section does.
    pub(super) fn end_section(&mut self) -> Result<()> {
        let mut end = || {
            self.flush()?;
            let (start, length) = (self.start, self.position - self.start);
            self.sections.push(Section { start, length, checksum: self.hash.digest() });
            self.hash = Xxh3::new();
            if self.sections.len() < 4 { self.align() } else { Ok(()) }
        };
        end().map_err(|e| Error::io(&self.path, e))
    }

    /// Writes the header and gives the file its name. Returns its size in bytes.
    pub(super) fn finish(mut self, mut header: Header) -> Result<u64> {
        header.length = self.position;
        for (place, section) in header.sections.iter_mut().zip(&self.sections) {
            *place = *section;
        }
        let mut write = || {
            self.file.seek(SeekFrom::Start(0))?;
            self.file.write_all(&header.to_bytes())?;
            std::fs::rename(&self.temporary, &self.path)
        };
        write().map_err(|e| Error::io(&self.path, e))?;
        Ok(self.position)
    }
}

impl Drop for GraphFile {
    fn drop(&mut self) {
        // Gone already where the file is whole; otherwise half a graph is of no use to anybody.
        let _ = std::fs::remove_file(&self.temporary);
    }
}

/// The folder of a file, also where the path is a bare name.
pub(super) fn folder(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.into(),
        _ => ".".into(),
    }
}
