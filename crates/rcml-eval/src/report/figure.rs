//! What is drawn: as PNG files and as SVG for a page.

use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::register_font;

use crate::error::ErrorKind;
use crate::{Error, Result};

/// Colours that people with any colour vision tell apart, on light and dark ground (Okabe and Ito, 2008).
pub(super) const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(128, 128, 128),
];

/// A picture of numbers.
pub trait Figure {
    /// What is drawn.
    fn title(&self) -> &str;

    /// Whether there is nothing to draw.
    fn is_empty(&self) -> bool;

    /// Width and height in pixels.
    fn size(&self) -> (u32, u32);

    /// Draws lines and words in `ink` on ground that is there already.
    ///
    /// # Errors
    /// The backend's, in words.
    fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>, ink: &RGBColor) -> std::result::Result<(), String>;

    /// Draws a PNG file, white behind; nothing where the figure is empty.
    ///
    /// # Errors
    /// The file system's.
    fn png(&self, path: impl AsRef<Path>) -> Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        let path = path.as_ref();
        // The encoder goes by the ending.
        let part = path.with_extension("part.png");
        let area = BitMapBackend::new(&part, self.size()).into_drawing_area();
        let text = |error: DrawingAreaErrorKind<_>| error.to_string();
        let drawn = font().and_then(|()| area.fill(&WHITE).map_err(text));
        let drawn = drawn.and_then(|()| self.draw(&area, &RGBColor(60, 60, 60)));
        drawn.and_then(|()| area.present().map_err(text)).map_err(|message| error(self.title(), message))?;
        drop(area);
        std::fs::rename(&part, path).map_err(|e| Error::io(path, e))
    }

    /// Draws an SVG element without ground, in greys that are legible on light and dark pages; empty for an empty figure.
    ///
    /// # Errors
    /// None that a caller can cause.
    fn svg(&self) -> Result<String> {
        let mut out = String::new();
        if self.is_empty() {
            return Ok(out);
        }
        let area = SVGBackend::with_string(&mut out, self.size()).into_drawing_area();
        let drawn = font().and_then(|()| self.draw(&area, &RGBColor(122, 122, 122)));
        let drawn = drawn.and_then(|()| area.present().map_err(|error| error.to_string()));
        drawn.map_err(|message| error(self.title(), message))?;
        drop(area);
        Ok(out)
    }

    /// A file name without its ending.
    fn slug(&self) -> String {
        let slug: String = self
            .title()
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
            .collect();
        slug.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
    }
}

/// Under the name "sans-serif" plotters measures with our font, and a browser draws the SVG with its own.
fn font() -> std::result::Result<(), String> {
    register_font("sans-serif", FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT)
        .map_err(|_| "the built-in font cannot be read".to_string())
}

fn error(title: &str, message: String) -> Error {
    ErrorKind::Draw { figure: title.to_string(), message }.into()
}

/// Words of a size, in a colour.
pub(super) fn words(size: u32, ink: &RGBColor) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(ink)
}

/// Four significant digits, without trailing zeros.
pub(super) fn number(value: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    let magnitude = value.abs().log10().floor();
    if !(-4.0..=6.0).contains(&magnitude) {
        return format!("{value:.1e}");
    }
    let digits = (3.0 - magnitude).clamp(0.0, 8.0) as usize;
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_string() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let cases =
            [(0.0, "0"), (0.25, "0.25"), (12345.6, "12346"), (-3.0, "-3"), (1e-9, "1.0e-9"), (0.1 + 0.2, "0.3")];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
    }
}
