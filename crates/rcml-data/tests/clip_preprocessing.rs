//! Twenty pictures of all sorts (`images/make.py`), against Hugging Face's CLIP image processor.

use std::io::Read;
use std::path::Path;

use rcml_data::{Dataset, ImageConfig, ImageStore, Item};

#[test]
fn pixels_are_those_of_the_clip_image_processor() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/images");
    let names: Vec<String> = serde_json::from_slice(&std::fs::read(folder.join("names.json")).unwrap()).unwrap();
    assert_eq!(names.len(), 20);
    let mut expected = Vec::new();
    let file = std::fs::File::open(folder.join("expected.bin")).unwrap();
    flate2::read::ZlibDecoder::new(file).read_to_end(&mut expected).unwrap();

    let items: Vec<Item> = names.iter().map(|name| Item::new(name.as_str()).image(name.as_str())).collect();
    let all: Vec<u32> = (0..items.len() as u32).collect();
    let dataset = Dataset { root: folder, items, ..Dataset::default() };
    // Values are bytes again with a mean of 0 and a deviation of 1/255.
    let config = ImageConfig { mean: [0.0; 3], std: [1.0 / 255.0; 3], ..ImageConfig::clip() };
    let store = ImageStore::open(&dataset, &all, config, &|_| {}).unwrap();
    let batch = store.batch(&all).unwrap();
    let mut lines = Vec::new();
    let mut worst = 0.0f64;
    let plane = 224usize * 224;
    let kept = plane.div_ceil(13);
    for ((name, ours), theirs) in names.iter().zip(batch.pixels.chunks(3 * plane)).zip(expected.chunks(3 * kept)) {
        let ours: Vec<f32> = ours.chunks(plane).flat_map(|plane| plane.iter().step_by(13).copied()).collect();
        assert_eq!((ours.len(), theirs.len()), (3 * kept, 3 * kept));
        let difference = |(a, b): (&f32, &u8)| f64::from((a - f32::from(*b)).abs());
        let (sum, most) =
            ours.iter().zip(theirs).map(difference).fold((0.0, 0.0f64), |(sum, most), d| (sum + d, most.max(d)));
        let mean = sum / ours.len() as f64;
        lines.push(format!("{name:20} mean {mean:.4} most {most:.0}"));
        worst = worst.max(mean);
    }
    println!("difference of bytes, 0-255\n{}", lines.join("\n"));
    assert!(worst <= 1.0, "{}", lines.join("\n"));
}
