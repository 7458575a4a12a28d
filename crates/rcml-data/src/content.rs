//! What an item is, whatever it is called.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use rayon::prelude::*;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::{Dataset, Item};

/// Bytes at either end of a picture's file that tell it from others, together with its length: whole files of a large catalogue
/// take as long to read as a training step takes to learn from them.
const END: usize = 16 << 10;

/// A print of each item's text, picture and features, the same under every id and path; `None` for an item that has none of them.
/// A picture that cannot be read is known by its path.
pub(crate) fn contents(dataset: &Dataset) -> Vec<Option<u64>> {
    let features: BTreeMap<&str, Vec<u64>> =
        dataset.info.modalities.keys().map(|name| (name.as_str(), feature_rows(dataset, name))).collect();
    dataset.items.par_iter().map(|item| content(dataset, item, &features)).collect()
}

fn content(dataset: &Dataset, item: &Item, features: &BTreeMap<&str, Vec<u64>>) -> Option<u64> {
    let row = |(name, row): (&String, &usize)| features.get(name.as_str())?.get(*row).copied();
    let rows: Vec<u64> = item.features.iter().filter_map(row).collect();
    let text = item.text.as_deref().map(str::trim);
    let picture = item.image.as_deref().map(|path| picture(dataset, path));
    if text.is_none() && picture.is_none() && rows.is_empty() {
        return None;
    }
    // A missing part is unlike every part.
    let parts = [text.map(|text| xxh3_64(text.as_bytes())), picture].into_iter().chain(rows.into_iter().map(Some));
    let bytes: Vec<u8> = parts
        .flat_map(|part| std::iter::once(u8::from(part.is_some())).chain(part.unwrap_or_default().to_le_bytes()))
        .collect();
    Some(xxh3_64(&bytes))
}

/// A print of each row of an array; nothing where the array cannot be read, which who needs it will say.
fn feature_rows(dataset: &Dataset, name: &str) -> Vec<u64> {
    let Ok(array) = dataset.features(name) else { return Vec::new() };
    let width: usize = array.shape.iter().skip(1).product();
    array.values.par_chunks(width.max(1)).map(|row| xxh3_64(bytemuck::cast_slice(row))).collect()
}

fn picture(dataset: &Dataset, path: &str) -> u64 {
    let ends = if dataset.pictures.is_embedded(path) {
        dataset.pictures.read(&dataset.root, path).ok().map(|bytes| {
            let (head, tail) = (&bytes[..bytes.len().min(END)], &bytes[bytes.len().saturating_sub(END)..]);
            (bytes.len() as u64, [head, tail].concat())
        })
    } else {
        ends_of_file(&dataset.root.join(path)).ok()
    };
    ends.map_or_else(|| xxh3_64(path.as_bytes()), |(length, ends)| xxh3_64_with_seed(&ends, length))
}

/// The length of a file, its first bytes and its last; those of a short file are the same twice.
fn ends_of_file(path: &std::path::Path) -> std::io::Result<(u64, Vec<u8>)> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut ends = Vec::with_capacity(2 * END);
    file.by_ref().take(END as u64).read_to_end(&mut ends)?;
    file.seek(SeekFrom::Start(length.saturating_sub(END as u64)))?;
    file.take(END as u64).read_to_end(&mut ends)?;
    Ok((length, ends))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ModalityInfo;

    #[test]
    fn what_an_item_is_does_not_depend_on_its_names() {
        let folder = tempfile::tempdir().unwrap();
        let long = vec![7; 3 * END];
        let mut other = long.clone();
        other[3 * END - 1] = 8;
        for (name, bytes) in [("a.png", &long), ("b.png", &long), ("c.png", &other)] {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        }
        // Two rows of a row of three numbers each, as NumPy writes them.
        let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }}{}\n", " ".repeat(60));
        let mut npy = b"\x93NUMPY\x01\x00".to_vec();
        npy.extend((header.len() as u16).to_le_bytes());
        npy.extend(header.as_bytes());
        npy.extend([1f32, 2.0, 1.0, 2.0, 3.0, 4.0].iter().flat_map(|value| value.to_le_bytes()));
        std::fs::write(folder.path().join("audio.npy"), npy).unwrap();
        let mut dataset = Dataset { root: folder.path().into(), ..Dataset::default() };
        let audio = ModalityInfo { file: "audio.npy".into(), tensor: None, shape: None, kind: None };
        dataset.info.modalities.insert("audio".into(), audio);
        let heard = |id: &str, row: usize| {
            let mut item = Item::new(id).text("lamp");
            item.features.insert("audio".into(), row);
            item
        };
        dataset.items = vec![
            Item::new("1").text("lamp").image("a.png"),
            Item::new("2").text("lamp ").image("b.png"),
            Item::new("3").text("lamp").image("c.png"),
            Item::new("4").text("lamp"),
            Item::new("5").image("a.png"),
            Item::new("6").text("lamp").image("missing.png"),
            heard("7", 0),
            heard("8", 1),
            heard("9", 2),
            Item::new("10"),
        ];
        let found = contents(&dataset);
        assert_eq!((found[0], found[6], found[9]), (found[1], found[7], None));
        let mut distinct: Vec<u64> = found.iter().copied().flatten().collect();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), 7, "{found:?}");
    }
}
