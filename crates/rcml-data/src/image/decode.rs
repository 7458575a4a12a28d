//! A file becomes opaque RGB.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbImage};

/// Longest side that is decoded. Beyond it no real photograph lies, only files made to exhaust memory.
const MAX_SIDE: u32 = 32_768;

/// Bytes that one decoded picture may take: a 64-megapixel photograph passes, a decompression bomb does not.
const MAX_BYTES: u64 = 256 << 20;

/// Decodes a picture by its content, turns it upright and lays it on `background`, if there is one.
///
/// # Errors
/// What the decoder said.
pub(crate) fn decode_bytes(bytes: &[u8], background: Option<[u8; 3]>) -> Result<RgbImage, String> {
    let picture = catch_unwind(AssertUnwindSafe(|| read(bytes)))
        .unwrap_or_else(|_| Err("the decoder failed on this file".to_owned()))?;
    Ok(match background {
        Some(background) => flatten(picture, background),
        None => picture.into_rgb8(),
    })
}

fn read(bytes: &[u8]) -> Result<DynamicImage, String> {
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|e| e.to_string())?;
    if reader.format() == Some(ImageFormat::Jpeg) && !jpeg_ends(bytes) {
        return Err("the JPEG ends before its end marker: it is cut short".into());
    }
    if reader.format().is_none() {
        return Err("not a PNG, JPEG, WebP, GIF or BMP image".into());
    }
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|e| e.to_string())?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err("the image has no pixels".into());
    }
    if decoder.total_bytes() > MAX_BYTES {
        return Err(format!("{width} x {height} pixels: more than the {} MiB that are decoded", MAX_BYTES >> 20));
    }
    // A picture without legible orientation is shown as it is: the pixels are still good.
    let orientation = decoder.orientation().unwrap_or(image::metadata::Orientation::NoTransforms);
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|e| e.to_string())?;
    picture.apply_orientation(orientation);
    Ok(picture)
}

/// Whether the picture's own end marker is there: the decoder fills what is missing of a JPEG with grey and says nothing.
/// Segments are walked one by one, since a thumbnail before the picture and a film behind it (phones append one) have markers
/// as well.
fn jpeg_ends(bytes: &[u8]) -> bool {
    // Behind the start marker.
    let mut at = 2;
    loop {
        // Whatever is no marker is skipped: the data of a scan, in which FF is followed by 0 or a restart, and fill bytes.
        let Some(next) = bytes.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == 0xFF)) else {
            return false;
        };
        at += next + 1;
        match bytes.get(at) {
            None => return false,
            Some(0xD9) => return true,
            Some(0x00 | 0x01 | 0xD0..=0xD8) => at += 1,
            // A fill byte: the next one may begin the marker.
            Some(0xFF) => {}
            Some(_) => match bytes.get(at + 1..at + 3) {
                Some(length) => at += 1 + usize::from(u16::from_be_bytes([length[0], length[1]])),
                None => return false,
            },
        }
    }
}

/// Blending comes before resizing, so that the colour hidden in transparent pixels cannot bleed over an edge.
fn flatten(picture: DynamicImage, background: [u8; 3]) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.into_rgb8();
    }
    let picture = picture.into_rgba8();
    let mut rgb = RgbImage::new(picture.width(), picture.height());
    for (to, from) in rgb.pixels_mut().zip(picture.pixels()) {
        let alpha = u32::from(from[3]);
        for c in 0..3 {
            let blended = u32::from(from[c]) * alpha + u32::from(background[c]) * (255 - alpha);
            to[c] = ((blended + 127) / 255) as u8;
        }
    }
    rgb
}

#[cfg(test)]
mod tests {
    use image::{GrayImage, Luma, Rgba, RgbaImage};

    use std::path::Path;

    use super::*;

    fn decode(path: &Path, background: [u8; 3]) -> Result<RgbImage, String> {
        std::fs::read(path).map_err(|e| e.to_string()).and_then(|bytes| decode_bytes(&bytes, Some(background)))
    }

    fn saved(picture: &DynamicImage, name: &str) -> (tempfile::TempDir, std::path::PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        picture.save_with_format(&path, image::ImageFormat::Png).unwrap();
        (dir, path)
    }

    #[test]
    fn transparency_shows_the_background() {
        let mut picture = RgbaImage::from_pixel(3, 1, Rgba([200, 0, 0, 255]));
        picture.put_pixel(1, 0, Rgba([200, 0, 0, 0]));
        picture.put_pixel(2, 0, Rgba([255, 255, 255, 128]));
        let (_dir, path) = saved(&picture.into(), "a.png");
        let rgb = decode(&path, [0, 100, 0]).unwrap();
        assert_eq!(rgb.as_raw(), &[200, 0, 0, 0, 100, 0, 128, 178, 128]);
        let hidden = decode_bytes(&std::fs::read(&path).unwrap(), None).unwrap();
        assert_eq!(hidden.as_raw(), &[200, 0, 0, 200, 0, 0, 255, 255, 255]);
    }

    #[test]
    fn grey_becomes_three_equal_channels_whatever_the_ending() {
        let (_dir, path) = saved(&GrayImage::from_pixel(2, 2, Luma([77])).into(), "really-a-png.jpg");
        assert!(decode(&path, [0; 3]).unwrap().as_raw().iter().all(|v| *v == 77));
    }

    #[test]
    fn orientation_is_applied() {
        // A JPEG with an EXIF block that asks for a quarter turn (orientation 6).
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("turned.jpg");
        RgbImage::from_fn(32, 16, |x, _| image::Rgb(if x < 16 { [255, 0, 0] } else { [0, 0, 255] }))
            .save(&path)
            .unwrap();
        let plain = std::fs::read(&path).unwrap();
        let mut exif = b"\xff\xe1\x00\x22Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0".to_vec();
        exif.extend_from_slice(&[0; 4]);
        assert_eq!(exif.len(), 2 + 0x22);
        std::fs::write(&path, [&plain[..2], &exif, &plain[2..]].concat()).unwrap();
        let rgb = decode(&path, [0; 3]).unwrap();
        assert_eq!(rgb.dimensions(), (16, 32));
        assert!(rgb.get_pixel(8, 2)[0] > 200 && rgb.get_pixel(8, 29)[2] > 200);
    }

    #[test]
    fn a_bomb_is_refused_by_its_header() {
        // 30,000 x 30,000 in a 70-byte PNG: the header alone must be enough to refuse it.
        let (_dir, path) = saved(&GrayImage::new(1, 1).into(), "bomb.png");
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[16..24].copy_from_slice(&[0, 0, 0x75, 0x30, 0, 0, 0x75, 0x30]);
        let crc = crc(&bytes[12..29]);
        bytes[29..33].copy_from_slice(&crc.to_be_bytes());
        std::fs::write(&path, bytes).unwrap();
        let message = decode(&path, [0; 3]).unwrap_err();
        assert!(message.contains("limit") || message.contains("more than"), "{message}");
    }

    fn crc(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0, |crc, b| {
            (0..8).fold(crc ^ u32::from(*b), |c, _| if c & 1 == 1 { (c >> 1) ^ 0xedb8_8320 } else { c >> 1 })
        })
    }

    #[test]
    fn what_is_no_picture_is_an_error() {
        let (dir, path) = saved(&GrayImage::from_fn(40, 40, |x, y| Luma([(x * y * 7) as u8])).into(), "a.png");
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        assert!(decode(&path, [0; 3]).is_err(), "truncated");
        let jpeg = dir.path().join("a.jpg");
        RgbImage::from_fn(64, 64, |x, y| image::Rgb([x as u8, y as u8, (x * y) as u8])).save(&jpeg).unwrap();
        let bytes = std::fs::read(&jpeg).unwrap();
        assert!(decode(&jpeg, [0; 3]).is_ok());
        std::fs::write(&jpeg, &bytes[..bytes.len() / 2]).unwrap();
        assert!(decode(&jpeg, [0; 3]).unwrap_err().contains("cut short"));
        // Markers that are not the picture's own: of a film behind it, and of a thumbnail before it.
        std::fs::write(&jpeg, [&bytes[..], b"film \xFF\xDA more film"].concat()).unwrap();
        assert!(decode(&jpeg, [0; 3]).is_ok());
        let thumbnail = b"\xFF\xE1\x00\x08\xFF\xDA\x00\xFF\xD9\x00";
        let with = [&bytes[..2], thumbnail, &bytes[2..]].concat();
        std::fs::write(&jpeg, &with).unwrap();
        assert!(decode(&jpeg, [0; 3]).is_ok());
        std::fs::write(&jpeg, &with[..with.len() / 2]).unwrap();
        assert!(decode(&jpeg, [0; 3]).unwrap_err().contains("cut short"));
        std::fs::write(&path, b"").unwrap();
        assert!(decode(&path, [0; 3]).is_err(), "empty");
        std::fs::write(&path, b"hello, I am a text").unwrap();
        assert!(decode(&path, [0; 3]).unwrap_err().contains("not a PNG"));
        assert!(decode(dir.path(), [0; 3]).is_err(), "folder");
        assert!(decode(&dir.path().join("missing.png"), [0; 3]).is_err(), "missing");
    }
}
