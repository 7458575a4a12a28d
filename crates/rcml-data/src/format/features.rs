//! Arrays of feature modalities.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use half::{bf16, f16};
use npyz::{DType, NpyFile, Order, TypeChar};
use rayon::prelude::*;
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};

use super::{info, nearest, path};
use crate::{Dataset, Error, FeatureArray, ModalityInfo, Problem, Result};

/// A longer header is not one: a damaged length field would otherwise ask for exabytes.
const LONGEST_HEADER: u64 = 100 << 20;

/// Where an array's values lie in its file, and how.
struct Layout {
    shape: Vec<usize>,
    values: Values,
}

enum Values {
    Npy { fortran: bool, size: u64 },
    Safetensors { dtype: Dtype, start: u64, bytes: u64 },
}

/// Reads the array of a modality.
pub(crate) fn read(dataset: &Dataset, modality: &str) -> Result<FeatureArray> {
    let declared = &dataset.info.modalities;
    let Some(info) = declared.get(modality) else {
        let hint = nearest::hint(modality, declared.par_iter().map(|(name, _)| name.as_str()));
        let place = dataset.root.join(info::FILE);
        return Err(Error::input(format!("{}: there is no [modalities.{modality}]{hint}", place.display())));
    };
    let inside = path::is_file(&dataset.root, &info.file);
    inside.map_err(|message| {
        Error::problems(vec![Problem::of(
            dataset.root.join(info::FILE),
            format!("[modalities.{modality}]: file: {message}"),
        )])
    })?;
    read_array(&dataset.root.join(&info.file), info)
}

/// Reads an array file, wherever it is.
pub(crate) fn read_array(path: &Path, info: &ModalityInfo) -> Result<FeatureArray> {
    let wrong = |message: String| Error::problems(vec![Problem::of(path, message)]);
    let mut file = BufReader::new(File::open(path).map_err(|e| Error::io(path, e))?);
    let layout = layout(&mut file, path, info).map_err(wrong)?;
    let values = values(file, path, &layout).map_err(wrong)?;
    let width = layout.shape.last().copied().unwrap_or(1).max(1);
    if let Some(at) = not_finite(&values, width, layout.shape.len() == 3) {
        let row = at / (values.len() / layout.shape[0]).max(1);
        return Err(wrong(format!("row {row} holds {}: expected finite numbers", values[at])));
    }
    Ok(FeatureArray { shape: layout.shape, values })
}

/// The place of the first value that is none, in vectors of `width`. In a sequence, a vector of NaN alone is one that is missing.
fn not_finite(values: &[f32], width: usize, is_sequence: bool) -> Option<usize> {
    let wrong = |vector: &[f32]| {
        let at = vector.iter().position(|value| !value.is_finite())?;
        let is_missing = is_sequence && vector.iter().all(|value| value.is_nan());
        (!is_missing).then_some(at)
    };
    let vectors = values.par_chunks(width).enumerate();
    vectors.filter_map(|(number, vector)| Some(number * width + wrong(vector)?)).min()
}

/// The shape that the file's header says, checked against what is declared.
pub(super) fn shape(path: &Path, info: &ModalityInfo) -> Result<Vec<usize>, String> {
    let file = File::open(path).map_err(|e| format!("{} cannot be opened: {e}", info.file))?;
    let layout =
        layout(&mut BufReader::new(file), path, info).map_err(|message| format!("{}: {message}", info.file))?;
    Ok(layout.shape)
}

fn layout(file: &mut BufReader<File>, path: &Path, info: &ModalityInfo) -> Result<Layout, String> {
    let layout = match path.extension().and_then(|ending| ending.to_str()) {
        Some("npy") => npy_layout(file)?,
        Some("safetensors") => safetensors_layout(file, info.tensor.as_deref())?,
        _ => return Err("expected a .npy or .safetensors file".into()),
    };
    let shape = &layout.shape;
    if !matches!(shape.len(), 2 | 3) {
        return Err(format!("the array has the shape {shape:?}, expected [N, D] or [N, T, D]"));
    }
    if info.shape.as_ref().is_some_and(|declared| declared != shape) {
        return Err(format!(
            "the array has the shape {shape:?}, expected {:?} as declared",
            info.shape.as_deref().unwrap_or(&[])
        ));
    }
    Ok(layout)
}

fn size_of_file(file: &BufReader<File>) -> Result<u64, String> {
    file.get_ref().metadata().map(|metadata| metadata.len()).map_err(|e| e.to_string())
}

/// Bytes of an array, where they can be counted at all.
fn bytes(shape: &[usize], size: u64) -> Option<u64> {
    shape.iter().try_fold(size, |bytes, &side| bytes.checked_mul(side as u64))
}

fn npy_layout(file: &mut BufReader<File>) -> Result<Layout, String> {
    let npy = NpyFile::new(&mut *file).map_err(|e| format!("is no .npy array: {e}"))?;
    let size = match npy.dtype() {
        DType::Plain(ty) if ty.type_char() == TypeChar::Float && matches!(ty.size_field(), 2 | 4 | 8) => {
            ty.size_field()
        }
        other => return Err(format!("has values of type {}, expected f2, f4 or f8", other.descr())),
    };
    let shape: Vec<usize> = npy.shape().iter().map(|&side| side as usize).collect();
    let fortran = npy.order() == Order::Fortran;
    let start = file.stream_position().map_err(|e| e.to_string())?;
    let (held, expected) = (size_of_file(file)?.saturating_sub(start), bytes(&shape, size));
    if expected.is_none_or(|expected| held < expected) {
        return Err(format!("is cut short: {held} bytes of values, too few for the shape {shape:?}"));
    }
    Ok(Layout { shape, values: Values::Npy { fortran, size } })
}

fn safetensors_layout(file: &mut BufReader<File>, name: Option<&str>) -> Result<Layout, String> {
    let no_header = |e: &dyn std::fmt::Display| format!("is no .safetensors file: {e}");
    let mut length = [0; 8];
    file.read_exact(&mut length).map_err(|e| no_header(&e))?;
    let length = u64::from_le_bytes(length);
    if length > LONGEST_HEADER {
        return Err(no_header(&format!("its header would be {length} bytes long")));
    }
    let mut header = Vec::new();
    file.by_ref().take(length).read_to_end(&mut header).map_err(|e| no_header(&e))?;
    let metadata: Metadata = serde_json::from_slice(&header).map_err(|e| no_header(&e))?;
    let tensors = metadata.tensors();
    let mut names: Vec<&str> = tensors.keys().map(String::as_str).collect();
    names.sort_unstable();
    let tensor: &TensorInfo = match (name, names.as_slice()) {
        (Some(name), _) => tensors.get(name).ok_or(format!("has no tensor {name:?}, only {names:?}"))?,
        (None, [only]) => tensors[*only],
        (None, _) => return Err(format!("has the tensors {names:?}: expected `tensor = \"...\"` to name one")),
    };
    let (size, shape) = match tensor.dtype {
        Dtype::F16 | Dtype::BF16 => (2, tensor.shape.clone()),
        Dtype::F32 => (4, tensor.shape.clone()),
        Dtype::F64 => (8, tensor.shape.clone()),
        other => return Err(format!("has values of type {other:?}, expected F16, BF16, F32 or F64")),
    };
    let (start, end) = (tensor.data_offsets.0 as u64, tensor.data_offsets.1 as u64);
    let bytes = bytes(&shape, size).filter(|&bytes| start.checked_add(bytes) == Some(end));
    let (Some(bytes), data) = (bytes, 8 + length) else {
        return Err(format!("the header gives {start}..{end} for the shape {shape:?}, which does not fit"));
    };
    if size_of_file(file)? < data + end {
        return Err(format!("is cut short: too few bytes for the shape {shape:?}"));
    }
    Ok(Layout { shape, values: Values::Safetensors { dtype: tensor.dtype, start: data + start, bytes } })
}

fn values(mut file: BufReader<File>, path: &Path, layout: &Layout) -> Result<Vec<f32>, String> {
    match layout.values {
        Values::Npy { fortran, size } => {
            file.rewind().map_err(|e| e.to_string())?;
            let npy = NpyFile::new(file).map_err(|e| format!("{}: {e}", path.display()))?;
            let values: std::io::Result<Vec<f32>> = match size {
                2 => npy.into_vec::<f16>().map(|values| values.into_iter().map(f32::from).collect()),
                4 => npy.into_vec::<f32>(),
                _ => npy.into_vec::<f64>().map(|values| values.into_iter().map(|value| value as f32).collect()),
            };
            let values = values.map_err(|e| e.to_string())?;
            Ok(if fortran { row_major(&values, &layout.shape) } else { values })
        }
        Values::Safetensors { dtype, start, bytes } => {
            file.seek(SeekFrom::Start(start)).map_err(|e| e.to_string())?;
            let mut raw = Vec::new();
            file.take(bytes).read_to_end(&mut raw).map_err(|e| e.to_string())?;
            Ok(match dtype {
                Dtype::F16 => raw.as_chunks().0.iter().map(|&b| f16::from_le_bytes(b).to_f32()).collect(),
                Dtype::BF16 => raw.as_chunks().0.iter().map(|&b| bf16::from_le_bytes(b).to_f32()).collect(),
                Dtype::F64 => raw.as_chunks().0.iter().map(|&b| f64::from_le_bytes(b) as f32).collect(),
                _ => raw.as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect(),
            })
        }
    }
}

/// From first-axis-fastest to last-axis-fastest order.
fn row_major(values: &[f32], shape: &[usize]) -> Vec<f32> {
    let position = |mut at: usize| {
        let mut stride = values.len();
        let mut position = 0;
        for &side in shape.iter().rev() {
            stride /= side.max(1);
            position += (at % side) * stride;
            at /= side;
        }
        position
    };
    (0..values.len()).map(|at| values[position(at)]).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use safetensors::tensor::TensorView;

    use super::*;

    fn npy(path: &Path, descr: &str, fortran: bool, shape: &[usize], data: &[u8]) {
        let order = if fortran { "True" } else { "False" };
        let sides: String = shape.iter().map(|side| format!("{side},")).collect();
        let mut header = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': ({sides}), }}");
        while (10 + header.len() + 1) % 64 != 0 {
            header.push(' ');
        }
        header.push('\n');
        let mut file = File::create(path).unwrap();
        file.write_all(b"\x93NUMPY\x01\x00").unwrap();
        file.write_all(&(header.len() as u16).to_le_bytes()).unwrap();
        file.write_all(header.as_bytes()).unwrap();
        file.write_all(data).unwrap();
    }

    fn declare(dir: &Path, file: &str, tensor: Option<&str>, shape: Option<&[usize]>) -> Dataset {
        let mut dataset = Dataset { root: dir.to_path_buf(), ..Dataset::default() };
        let info = ModalityInfo {
            file: file.into(),
            tensor: tensor.map(Into::into),
            shape: shape.map(<[usize]>::to_vec),
            kind: None,
        };
        dataset.info.modalities.insert("audio".into(), info);
        dataset
    }

    #[test]
    fn reads_every_float_type_in_both_orders() {
        let dir = tempfile::tempdir().unwrap();
        let values = [0.0f32, 1.0, 2.0, 3.0, -4.0, 0.5];
        let columns = [0.0f32, 3.0, 1.0, -4.0, 2.0, 0.5];
        let bytes = |values: &[f32], size: usize| -> Vec<u8> {
            let one = |&v: &f32| match size {
                2 => f16::from_f32(v).to_le_bytes().to_vec(),
                4 => v.to_le_bytes().to_vec(),
                _ => f64::from(v).to_le_bytes().to_vec(),
            };
            values.iter().flat_map(one).collect()
        };
        for size in [2, 4, 8] {
            for (fortran, stored) in [(false, &values), (true, &columns)] {
                npy(&dir.path().join("a.npy"), &format!("<f{size}"), fortran, &[2, 3], &bytes(stored, size));
                let array = read(&declare(dir.path(), "a.npy", None, Some(&[2, 3])), "audio").unwrap();
                assert_eq!((array.shape, array.values), (vec![2, 3], values.to_vec()), "f{size}, fortran {fortran}");
            }
        }
        let raw = bytes(&values, 4);
        let view = |shape: &[usize]| TensorView::new(Dtype::F32, shape.to_vec(), &raw).unwrap();
        let tensors = [("x", view(&[2, 3])), ("y", view(&[1, 2, 3]))];
        safetensors::serialize_to_file(tensors, None, &dir.path().join("a.safetensors")).unwrap();
        let array = read(&declare(dir.path(), "a.safetensors", Some("y"), None), "audio").unwrap();
        assert_eq!((array.shape, array.values), (vec![1, 2, 3], values.to_vec()));
    }

    #[test]
    fn transposes_three_axes() {
        let shape = [2, 3, 4];
        let c: Vec<f32> = (0..24).map(|v| v as f32).collect();
        let mut fortran = Vec::new();
        for k in 0..4 {
            for j in 0..3 {
                for i in 0..2 {
                    fortran.push(c[(i * 3 + j) * 4 + k]);
                }
            }
        }
        assert_eq!(row_major(&fortran, &shape), c);
    }

    #[test]
    fn missing_tokens_are_seen_in_one_pass() {
        let nan = f32::NAN;
        assert_eq!(not_finite(&[1.0, 2.0, nan, nan, 3.0, 4.0], 2, true), None);
        assert_eq!(not_finite(&[1.0, 2.0, nan, nan, 3.0, 4.0], 2, false), Some(2));
        assert_eq!(not_finite(&[1.0, 2.0, 3.0, nan, nan, nan, nan, 1.0], 2, true), Some(3));
        assert_eq!(not_finite(&[nan, nan, f32::INFINITY, f32::INFINITY], 2, true), Some(2));
        assert_eq!(not_finite(&[], 2, true), None);
        // By the square of the width, four vectors of a million values would take days.
        assert_eq!(not_finite(&vec![nan; 4 << 20], 1 << 20, true), None);
    }

    #[test]
    fn says_what_is_wrong_with_an_array() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        npy(&at("short.npy"), "<f4", false, &[2, 3], &[0; 20]);
        npy(&at("int.npy"), "<i4", false, &[2, 3], &[0; 24]);
        npy(&at("flat.npy"), "<f4", false, &[6], &[0; 24]);
        npy(&at("huge.npy"), "<f4", false, &[usize::MAX, 7], &[0; 24]);
        npy(&at("nan.npy"), "<f4", false, &[2, 1], &[[0; 4], f32::NAN.to_le_bytes()].concat());
        npy(&at("good.npy"), "<f4", false, &[2, 3], &[0; 24]);
        std::fs::write(at("a.npy"), "nonsense").unwrap();
        std::fs::write(at("a.bin"), "").unwrap();
        std::fs::write(at("a.safetensors"), [255; 9]).unwrap();
        let view = || TensorView::new(Dtype::F32, vec![1, 1], &[0; 4]).unwrap();
        safetensors::serialize_to_file([("x", view()), ("y", view())], None, &at("two.safetensors")).unwrap();
        for (file, tensor, shape, words) in [
            ("short.npy", None, None, "cut short"),
            ("int.npy", None, None, "expected f2, f4 or f8"),
            ("flat.npy", None, None, "expected [N, D] or [N, T, D]"),
            ("huge.npy", None, None, "cut short"),
            ("nan.npy", None, None, "row 1 holds NaN"),
            ("good.npy", None, Some(&[2, 4][..]), "expected [2, 4] as declared"),
            ("a.npy", None, None, "no .npy array"),
            ("a.bin", None, None, ".npy or .safetensors"),
            ("a.safetensors", None, None, "no .safetensors file"),
            ("two.safetensors", None, None, "expected `tensor ="),
            ("two.safetensors", Some("z"), None, "no tensor \"z\""),
            ("none.npy", None, None, "there is no file"),
            ("../a.npy", None, None, "leaves the folder"),
        ] {
            let message = read(&declare(dir.path(), file, tensor, shape), "audio").unwrap_err().to_string();
            assert!(message.contains(words), "{file}: {message}");
        }
        let message = read(&declare(dir.path(), "good.npy", None, None), "audoi").unwrap_err().to_string();
        assert!(message.contains("did you mean \"audio\""), "{message}");
    }
}
