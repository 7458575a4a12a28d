//! RGB of any size becomes the encoder's square.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;

use super::{ImageConfig, ResizeFilter, ResizeMode};

/// Resizes with an antialiased filter and writes planes: `out` is `[3, S, S]`.
///
/// # Errors
/// What the resizer said.
pub(super) fn square(picture: &RgbImage, config: &ImageConfig, out: &mut [u8]) -> Result<(), String> {
    let size = config.size;
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let inner = match config.resize {
        ResizeMode::Crop | ResizeMode::Squash => (size, size),
        ResizeMode::Pad => {
            let longer = width.max(height);
            let scaled = |side: usize| ((size * side + longer / 2) / longer).max(1);
            (scaled(width), scaled(height))
        }
    };
    let filter = match config.filter {
        ResizeFilter::Bilinear => FilterType::Bilinear,
        ResizeFilter::Bicubic => FilterType::CatmullRom,
        ResizeFilter::Lanczos => FilterType::Lanczos3,
    };
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter));
    let source = (picture.as_raw().as_slice(), width, height);
    let (w, _) = inner;
    let resized = match config.resize {
        ResizeMode::Pad => resize(source, inner, &options)?,
        // Across, then down, rounded to bytes in between: what Pillow does. In one call the library goes down first, and where
        // the filter overshoots at both edges of a corner the clipped values differ.
        ResizeMode::Squash => {
            let across = resize(source, (w, height), &options)?;
            resize((&across, w, height), inner, &options)?
        }
        ResizeMode::Crop => {
            let shorter = if config.shorter_side == 0 { size } else { config.shorter_side };
            let (left, across) = window(width, width.min(height), shorter, size);
            let (top, down) = window(height, width.min(height), shorter, size);
            let narrow = resize(source, (w, height), &options.crop(left, 0.0, across, height as f64))?;
            resize((&narrow, w, height), inner, &options.crop(0.0, top, w as f64, down))?
        }
    };
    place(&resized, inner, size, config.background, out);
    Ok(())
}

/// Interleaved pixels of one size become those of another.
fn resize(
    (pixels, width, height): (&[u8], usize, usize),
    (w, h): (usize, usize),
    options: &ResizeOptions,
) -> Result<Vec<u8>, String> {
    // The typed entry point: the other one compiles every filter for every pixel type, which is minutes of build.
    let mut resized = vec![0; 3 * w * h];
    let source = TypedImageRef::<U8x3>::from_buffer(width as u32, height as u32, pixels).map_err(|e| e.to_string())?;
    let mut target = TypedImage::<U8x3>::from_buffer(w as u32, h as u32, &mut resized).map_err(|e| e.to_string())?;
    Resizer::new().resize_typed(&source, &mut target, options).map_err(|e| e.to_string())?;
    Ok(resized)
}

/// The part of one side that the centre crop keeps, in source pixels: (start, length).
///
/// This is "resize the shorter side to L, then cut the centre S" with the roundings of `transformers`, without ever making
/// the long side: a picture of 1 x 30,000 pixels would become gigabytes on the way.
fn window(side: usize, shorter: usize, length: usize, size: usize) -> (f64, f64) {
    let resized = (length * side / shorter).max(length);
    // Half a pixel is cut down, as in Hugging Face's processors; torchvision's own crop rounds it to even.
    let offset = ((resized - size) / 2) as f64;
    let scale = side as f64 / resized as f64;
    (offset * scale, (size as f64 * scale).min(side as f64 - offset * scale))
}

/// Copies rows of interleaved pixels into the middle of three planes.
fn place(pixels: &[u8], (w, h): (usize, usize), size: usize, background: [u8; 3], out: &mut [u8]) {
    let (left, top) = ((size - w) / 2, (size - h) / 2);
    for (c, plane) in out.chunks_exact_mut(size * size).enumerate() {
        if (w, h) != (size, size) {
            plane.fill(background[c]);
        }
        for (y, row) in pixels.chunks_exact(w * 3).enumerate() {
            let start = (top + y) * size + left;
            for (to, from) in plane[start..start + w].iter_mut().zip(row.chunks_exact(3)) {
                *to = from[c];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    /// Left quarter red, middle green, right quarter blue.
    fn banner(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, _| {
            Rgb(match 4 * x / width {
                0 => [255, 0, 0],
                3 => [0, 0, 255],
                _ => [0, 255, 0],
            })
        })
    }

    fn resized(picture: &RgbImage, resize: ResizeMode, size: usize) -> Vec<u8> {
        let config = ImageConfig { size, resize, background: [9, 8, 7], ..ImageConfig::default() };
        let mut out = vec![0; 3 * size * size];
        square(picture, &config, &mut out).unwrap();
        out
    }

    fn pixel(out: &[u8], size: usize, x: usize, y: usize) -> [u8; 3] {
        [0, 1, 2].map(|c| out[(c * size + y) * size + x])
    }

    #[test]
    fn crop_keeps_the_centre() {
        let out = resized(&banner(64, 32), ResizeMode::Crop, 16);
        for (x, y) in [(1, 0), (8, 8), (14, 15)] {
            assert_eq!(pixel(&out, 16, x, y), [0, 255, 0]);
        }
    }

    #[test]
    fn pad_keeps_everything() {
        let out = resized(&banner(64, 32), ResizeMode::Pad, 16);
        assert_eq!(pixel(&out, 16, 1, 8), [255, 0, 0]);
        assert_eq!(pixel(&out, 16, 8, 8), [0, 255, 0]);
        assert_eq!(pixel(&out, 16, 14, 8), [0, 0, 255]);
        assert_eq!(pixel(&out, 16, 8, 3), [9, 8, 7]);
        assert_eq!(pixel(&out, 16, 8, 12), [9, 8, 7]);
        assert_eq!(pixel(&out, 16, 8, 4), [0, 255, 0]);
    }

    #[test]
    fn squash_fills_the_square() {
        let out = resized(&banner(64, 32), ResizeMode::Squash, 16);
        assert_eq!(pixel(&out, 16, 1, 0), [255, 0, 0]);
        assert_eq!(pixel(&out, 16, 14, 15), [0, 0, 255]);
    }

    #[test]
    fn extreme_shapes_survive() {
        for (w, h) in [(1, 1), (1, 5000), (5000, 1), (3, 2)] {
            for mode in [ResizeMode::Crop, ResizeMode::Pad, ResizeMode::Squash] {
                for size in [1, 7, 64] {
                    let out = resized(&RgbImage::from_pixel(w, h, Rgb([50, 60, 70])), mode, size);
                    assert_eq!(
                        pixel(&out, size, (size - 1) / 2, (size - 1) / 2),
                        [50, 60, 70],
                        "{w}x{h} {mode:?} {size}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_longer_shorter_side_cuts_deeper() {
        let picture = RgbImage::from_fn(90, 60, |x, y| Rgb([(x * 2) as u8, (y * 4) as u8, ((x * y) % 256) as u8]));
        let mut cut = vec![0; 3 * 16 * 16];
        let config = ImageConfig { size: 16, resize: ResizeMode::Crop, shorter_side: 32, ..ImageConfig::default() };
        square(&picture, &config, &mut cut).unwrap();
        let whole = resized(&picture, ResizeMode::Crop, 32);
        for (x, y) in (0..16).flat_map(|x| (0..16).map(move |y| (x, y))) {
            assert_eq!(pixel(&cut, 16, x, y), pixel(&whole, 32, x + 8, y + 8), "{x} {y}");
        }
    }

    #[test]
    fn shrinking_averages() {
        let checks = RgbImage::from_fn(128, 128, |x, y| Rgb(if (x + y) % 2 == 0 { [255; 3] } else { [0; 3] }));
        let out = resized(&checks, ResizeMode::Crop, 16);
        assert!(out.iter().all(|v| (120..=135).contains(v)), "aliased");
    }

    #[test]
    fn a_picture_of_the_right_size_is_not_touched() {
        let picture = RgbImage::from_fn(8, 8, |x, y| Rgb([(x * 30) as u8, (y * 30) as u8, (x * y * 4) as u8]));
        for mode in [ResizeMode::Crop, ResizeMode::Pad, ResizeMode::Squash] {
            let out = resized(&picture, mode, 8);
            assert!(picture.enumerate_pixels().all(|(x, y, p)| pixel(&out, 8, x as usize, y as usize) == p.0));
        }
    }
}
