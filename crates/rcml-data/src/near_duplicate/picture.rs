//! A picture as few numbers: a hash that proposes duplicates, and a small grey copy that decides.

use image::imageops::{FilterType, grayscale, resize};

use crate::image::decode_bytes;

/// Side of the grey copy.
const SIDE: u32 = 16;

/// Least standard deviation of the grey copy: below, a picture is blank and its hash is noise.
const CONTRAST: f32 = 4.0;

/// Difference of two cells that counts: without a margin, the noise of a plain background would be part of the hash.
const MARGIN: u8 = 3;

/// Largest side that the copies are made from: a photograph is first brought down to it quickly.
const WORK: u32 = 128;

/// A picture to compare.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Picture {
    /// Bit i: whether cell i of 9 x 8 is clearly darker than the next one in its row.
    pub(super) hash: u64,
    grey: Vec<u8>,
}

impl Picture {
    /// Reads the bytes of a file; `None` for a picture without contrast.
    ///
    /// # Errors
    /// What the decoder said.
    pub(super) fn read(bytes: &[u8]) -> Result<Option<Self>, String> {
        let rgb = decode_bytes(bytes, Some([255; 3]))?;
        Ok(Self::of(&rgb))
    }

    /// Of a decoded picture.
    pub(super) fn of(rgb: &image::RgbImage) -> Option<Self> {
        let longest = rgb.width().max(rgb.height());
        let grey = if longest > WORK {
            let side = |length: u32| (u64::from(length) * u64::from(WORK) / u64::from(longest)).max(1) as u32;
            grayscale(&image::imageops::thumbnail(rgb, side(rgb.width()), side(rgb.height())))
        } else {
            grayscale(rgb)
        };
        let copy = resize(&grey, SIDE, SIDE, FilterType::Triangle).into_raw();
        let mean = copy.iter().map(|&v| f32::from(v)).sum::<f32>() / copy.len() as f32;
        let variance = copy.iter().map(|&v| (f32::from(v) - mean).powi(2)).sum::<f32>() / copy.len() as f32;
        if variance.sqrt() < CONTRAST {
            return None;
        }
        let cells = resize(&grey, 9, 8, FilterType::Triangle).into_raw();
        let mut hash = 0;
        for row in cells.chunks(9) {
            for two in row.windows(2) {
                hash = hash << 1 | u64::from(two[1] > two[0].saturating_add(MARGIN));
            }
        }
        Some(Self { hash, grey: copy })
    }

    /// Mean absolute difference of the grey copies, 0 to 255.
    pub(super) fn difference(&self, other: &Self) -> f32 {
        let sum: u32 = self.grey.iter().zip(&other.grey).map(|(&a, &b)| u32::from(a.abs_diff(b))).sum();
        sum as f32 / self.grey.len() as f32
    }
}
