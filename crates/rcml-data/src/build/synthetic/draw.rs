//! A picture of the factors.

use std::f32::consts::{PI, TAU};

use image::{Rgb, RgbImage};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::factor::{COLOUR, Factors, POSITION, SHAPE, SIZE, SURFACE, TEXTURE};

/// Samples per pixel and axis.
const SAMPLES: u32 = 3;

/// Hue in degrees, saturation and value of each colour.
const COLOURS: [[f32; 3]; 8] = [
    [0.0, 0.88, 0.88],
    [28.0, 0.95, 0.97],
    [54.0, 0.88, 0.96],
    [128.0, 0.80, 0.66],
    [182.0, 0.85, 0.84],
    [222.0, 0.85, 0.90],
    [276.0, 0.72, 0.72],
    [326.0, 0.52, 0.98],
];

/// Radius of each size, in pixels of a picture of 64.
const RADII: [f32; 4] = [8.0, 11.5, 16.0, 21.5];

/// How far a corner lies from the centre along each axis, in the same pixels.
const CORNER: f32 = 9.5;

/// Draws the factors at `size` x `size` pixels, anti-aliased. Hue, brightness, place, angle and scale jitter a little and
/// the pixels are noisy, so equal factors do not give equal pictures.
pub(super) fn draw(factors: Factors, size: usize, rng: &mut ChaCha8Rng) -> RgbImage {
    let mut jitter = |range: f32| rng.random_range(-range..=range);
    let figure = Figure {
        shape: factors.0[SHAPE],
        texture: factors.0[TEXTURE],
        radius: RADII[usize::from(factors.0[SIZE])] * (1.0 + jitter(0.05)),
        centre: centre(factors.0[POSITION]).map(|c| c + jitter(1.2)),
        angle: jitter(0.14),
        phase: [jitter(0.5), jitter(0.5)],
        colour: {
            let [hue, saturation, value] = COLOURS[usize::from(factors.0[COLOUR])];
            hsv(hue + jitter(4.0), saturation + jitter(0.04), value + jitter(0.03))
        },
    };
    let ground = Ground { surface: factors.0[SURFACE], phase: [jitter(1.0) * PI, jitter(1.0) * PI] };
    let step = 64.0 / size as f32;
    RgbImage::from_fn(size as u32, size as u32, |x, y| {
        let mut sum = [0.0; 3];
        for sample in 0..SAMPLES * SAMPLES {
            let offset = |k: u32| (k as f32 + 0.5) / SAMPLES as f32;
            let px = (x as f32 + offset(sample % SAMPLES)) * step;
            let py = (y as f32 + offset(sample / SAMPLES)) * step;
            let colour = figure.colour(px, py).unwrap_or_else(|| ground.colour(px, py));
            sum.iter_mut().zip(colour).for_each(|(s, c)| *s += c);
        }
        let noise = rng.random_range(-0.025..=0.025f32);
        Rgb(sum.map(|s| (255.0 * (s / (SAMPLES * SAMPLES) as f32 + noise)).round().clamp(0.0, 255.0) as u8))
    })
}

fn centre(position: u8) -> [f32; 2] {
    let (left, right) = (32.0 - CORNER, 32.0 + CORNER);
    match position {
        1 => [left, left],
        2 => [right, left],
        3 => [left, right],
        4 => [right, right],
        _ => [32.0, 32.0],
    }
}

struct Figure {
    shape: u8,
    texture: u8,
    radius: f32,
    centre: [f32; 2],
    angle: f32,
    phase: [f32; 2],
    colour: [f32; 3],
}

impl Figure {
    fn colour(&self, x: f32, y: f32) -> Option<[f32; 3]> {
        let (sin, cos) = self.angle.sin_cos();
        let (dx, dy) = (x - self.centre[0], y - self.centre[1]);
        let (u, v) = (cos * dx + sin * dy, cos * dy - sin * dx);
        if !inside(self.shape, u / self.radius, v / self.radius) {
            return None;
        }
        // The pattern grows with the figure, but never becomes finer than pixels can show.
        let period = (0.45 * self.radius).max(5.0);
        let (s, t) = (u / period + self.phase[0], v / period + self.phase[1]);
        let marked = match self.texture {
            1 => (s + t).rem_euclid(1.0) < 0.45,
            2 => (s.rem_euclid(1.0) - 0.5).hypot(t.rem_euclid(1.0) - 0.5) < 0.3,
            3 => (s.rem_euclid(1.0) < 0.5) != (t.rem_euclid(1.0) < 0.5),
            _ => false,
        };
        Some(if marked { self.colour.map(|c| 0.35 * c) } else { self.colour })
    }
}

/// Whether a point lies in a shape of radius about 1; y points down.
fn inside(shape: u8, x: f32, y: f32) -> bool {
    let r = x.hypot(y);
    match shape {
        0 => r < 0.94,
        1 => x.abs().max(y.abs()) < 0.84,
        2 => y < 0.72 && y > 1.9 * x.abs() - 1.05,
        3 => in_star(x, y, r),
        4 => r < 1.0 && r > 0.54,
        5 => x.abs().max(y.abs()) < 0.98 && x.abs().min(y.abs()) < 0.34,
        6 => {
            let (x, y) = (1.2 * x, 0.14 - 1.2 * y);
            let ball = x * x + y * y - 1.0;
            ball * ball * ball - x * x * y * y * y < 0.0
        }
        _ => r < 1.0 && (x - 0.42).hypot(y) > 0.72,
    }
}

/// Five points at radius 1.08, five notches at radius 0.46.
fn in_star(x: f32, y: f32, r: f32) -> bool {
    let (outer, inner) = (1.08, 0.46);
    let fifth = TAU / 5.0;
    // The angle from the nearest point, 0 at the point and half a fifth at the notch.
    let angle = x.atan2(-y).rem_euclid(fifth);
    let angle = angle.min(fifth - angle);
    let (notch_x, notch_y) = (inner * (fifth / 2.0).sin(), inner * (fifth / 2.0).cos());
    let (px, py) = (r * angle.sin(), r * angle.cos());
    // On the inner side of the edge from the point (0, outer) to the notch.
    (notch_x) * (py - outer) - (notch_y - outer) * px < 0.0
}

struct Ground {
    surface: u8,
    phase: [f32; 2],
}

impl Ground {
    fn colour(&self, x: f32, y: f32) -> [f32; 3] {
        match self.surface {
            0 => [0.96, 0.95, 0.92],
            1 => {
                let wave = 1.5 * (x / 9.0 + self.phase[1]).sin();
                let grain = 0.06 * ((y + wave) * 1.4 + self.phase[0]).sin();
                [0.72 + grain, 0.58 + grain, 0.42 + grain]
            }
            2 => [0.17, 0.19, 0.22],
            _ => {
                let weave = 0.05 * ((x * 1.6 + self.phase[0]).sin() + (y * 1.6 + self.phase[1]).sin());
                [0.66 + weave, 0.68 + weave, 0.70 + weave]
            }
        }
    }
}

/// Red, green and blue of a colour, 0 to 1.
fn hsv(hue: f32, saturation: f32, value: f32) -> [f32; 3] {
    let (saturation, value) = (saturation.clamp(0.0, 1.0), value.clamp(0.0, 1.0));
    [5.0, 3.0, 1.0].map(|n| {
        let k = (n + hue / 60.0).rem_euclid(6.0);
        value * (1.0 - saturation * k.min(4.0 - k).clamp(0.0, 1.0))
    })
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn pixel(factors: [u8; 6], x: u32, y: u32) -> [i32; 3] {
        let picture = draw(Factors(factors), 64, &mut ChaCha8Rng::seed_from_u64(1));
        picture.get_pixel(x, y).0.map(i32::from)
    }

    #[test]
    fn factors_show() {
        let [r, g, b] = pixel([0, 0, 0, 3, 0, 0], 32, 32);
        assert!(r > 190 && g < 60 && b < 60, "a red disc in the middle");
        let [r, g, b] = pixel([4, 0, 0, 3, 0, 0], 32, 32);
        assert!(r.min(g).min(b) > 220, "the hole of a ring shows paper");
        let [r, g, b] = pixel([0, 5, 0, 0, 1, 2], 22, 22);
        assert!(b > 180 && r < 80 && g < 130, "tiny blue disc at the top left");
        let [r, g, b] = pixel([0, 5, 0, 0, 1, 2], 42, 42);
        assert!(r.max(g).max(b) < 80, "slate elsewhere");
    }

    #[test]
    fn equal_factors_give_different_pictures_and_equal_streams_equal_ones() {
        let factors = Factors([3, 2, 1, 2, 4, 1]);
        let drawn = |seed| draw(factors, 64, &mut ChaCha8Rng::seed_from_u64(seed)).into_raw();
        assert_eq!(drawn(1), drawn(1));
        assert_ne!(drawn(1), drawn(2));
    }

    #[test]
    fn larger_covers_more() {
        let area = |size: u8| {
            let picture = draw(Factors([1, 0, 0, size, 0, 0]), 64, &mut ChaCha8Rng::seed_from_u64(1));
            picture.pixels().filter(|p| p[1] < 128).count()
        };
        assert!((0..3).all(|s| area(s + 1) as f64 > 1.5 * area(s) as f64));
    }

    #[test]
    fn any_size_can_be_drawn() {
        for size in [1, 17, 128] {
            assert_eq!(
                draw(Factors([7; 6].map(|v: u8| v % 4)), size, &mut ChaCha8Rng::seed_from_u64(1)).width(),
                size as u32
            );
        }
    }
}
