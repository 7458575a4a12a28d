//! Tables of JSON lines: three of them, separated by a line of dashes.
#![no_main]

mod folder;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut parts = split(data);
    let mut next = || parts.next().unwrap_or_default();
    let (items, relations, edges) = (next(), next(), next());
    folder::read(&[("items.jsonl", items), ("relations.jsonl", relations), ("edges.jsonl", edges)]);
});

fn split(data: &[u8]) -> impl Iterator<Item = &[u8]> {
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
