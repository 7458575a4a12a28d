//! Tables of JSON lines: three of them, separated by a line of dashes.
#![no_main]

mod folder;

libfuzzer_sys::fuzz_target!(|data: &[u8]| folder::read("jsonl", data));
