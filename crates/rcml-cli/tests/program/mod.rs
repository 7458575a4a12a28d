//! Runs the real program, in folders of its own.
#![allow(dead_code, reason = "each test file uses a part")]

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// A command line of the program under test.
pub(crate) fn command<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rcml"));
    command.args(arguments).env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

/// Runs the program to its end.
pub(crate) fn rcml<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Ended {
    let mut command = command(arguments);
    let line = format!("{command:?}");
    Ended { line, output: command.output().unwrap() }
}

/// What the program did.
pub(crate) struct Ended {
    line: String,
    output: Output,
}

impl Ended {
    fn said(&self) -> String {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        text(&self.output.stdout) + &text(&self.output.stderr)
    }

    /// Expects exit code 2 and no panic; gives everything that was printed.
    pub(crate) fn refused(self, case: &str) -> String {
        let said = self.said();
        assert_eq!(self.output.status.code(), Some(2), "{case}: {}: {said}", self.line);
        assert!(!said.contains("panicked") && !said.contains('\u{1b}'), "{case}: {said}");
        said
    }

    /// Expects success; gives standard output.
    pub(crate) fn done(self) -> String {
        assert!(self.output.status.success(), "{}: {:?}: {}", self.line, self.output.status, self.said());
        String::from_utf8(self.output.stdout).unwrap()
    }
}

/// A folder that is removed in the end.
pub(crate) struct Folder {
    folder: tempfile::TempDir,
    path: String,
}

impl Folder {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap().to_string();
        Self { folder, path }
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn join(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_string()
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> &Self {
        std::fs::write(self.folder.path().join(name), text).unwrap();
        self
    }

    pub(crate) fn read_bytes(&self, name: &str) -> Vec<u8> {
        let path = Path::new(&self.path).join(name);
        std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    pub(crate) fn read(&self, name: &str) -> String {
        String::from_utf8(self.read_bytes(name)).unwrap()
    }

    /// Forty items with a colour and a shape, drawn and described, and two relations that want different neighbours.
    pub(crate) fn with_shapes() -> Self {
        let folder = Self::new();
        let colours = [("red", [220, 40, 40]), ("green", [40, 180, 60]), ("blue", [50, 70, 220]), ("grey", [120; 3])];
        let factors = |i: usize| (i % 4, i / 4 % 2);
        let (mut items, mut edges) = (String::new(), String::new());
        for i in 0..40 {
            let (colour, shape) = factors(i);
            folder.write(&format!("{i}.png"), png([16, 28][shape], colours[colour].1));
            let (name, shape) = (colours[colour].0, ["square", "disc"][shape]);
            items += &format!("{{\"id\":\"i{i}\",\"text\":\"a {name} {shape}\",\"image\":\"{i}.png\"}}\n");
            for j in 0..i {
                let (a, b) = (factors(i), factors(j));
                for (relation, same) in [("colour", a.0 == b.0), ("shape", a.1 == b.1)] {
                    if same {
                        edges += &format!("{{\"relation\":\"{relation}\",\"source\":\"i{i}\",\"target\":\"i{j}\"}}\n");
                    }
                }
            }
        }
        let relation =
            |name: &str| format!("{{\"id\":\"{name}\",\"description\":\"has the same {name}\",\"symmetric\":true}}\n");
        folder.write("items.jsonl", items).write("edges.jsonl", edges);
        folder.write("relations.jsonl", relation("colour") + &relation("shape"));
        folder
    }
}

/// A picture of one colour with a dark frame, uncompressed inside.
pub(crate) fn png(size: u32, colour: [u8; 3]) -> Vec<u8> {
    let mut rows = Vec::new();
    for y in 0..size {
        rows.push(0);
        for x in 0..size {
            let frame = x == 0 || y == 0 || x + 1 == size || y + 1 == size;
            rows.extend(if frame { [20; 3] } else { colour });
        }
    }
    let mut zlib = vec![0x78, 0x01];
    let blocks: Vec<&[u8]> = rows.chunks(0xffff).collect();
    for (number, block) in blocks.iter().enumerate() {
        let length = block.len() as u16;
        zlib.push(u8::from(number + 1 == blocks.len()));
        zlib.extend(length.to_le_bytes());
        zlib.extend((!length).to_le_bytes());
        zlib.extend(*block);
    }
    let (a, b) = rows.iter().fold((1u32, 0u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65521;
        (a, (a + b) % 65521)
    });
    zlib.extend(((b << 16) | a).to_be_bytes());

    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let header = [size.to_be_bytes().to_vec(), size.to_be_bytes().to_vec(), vec![8, 2, 0, 0, 0]].concat();
    for (kind, data) in [(b"IHDR", header), (b"IDAT", zlib), (b"IEND", vec![])] {
        let body = [kind.to_vec(), data].concat();
        file.extend((body.len() as u32 - 4).to_be_bytes());
        file.extend(&body);
        let crc = body.iter().fold(!0u32, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
        });
        file.extend((!crc).to_be_bytes());
    }
    file
}

/// A `.npy` file, version 1.0, of 32-bit floating-point numbers.
pub(crate) fn npy(shape: &[usize], values: &[f32]) -> Vec<u8> {
    let shape: String = shape.iter().map(|length| format!("{length}, ")).collect();
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({shape}), }}");
    // The header ends in a newline, where the values start at a multiple of 64.
    while !(10 + header.len() + 1).is_multiple_of(64) {
        header.push(' ');
    }
    header.push('\n');
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.as_bytes());
    file.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    file
}
