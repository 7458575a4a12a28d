//! Methods as bars, such as those of an ablation.

use plotters::coord::Shift;
use plotters::prelude::*;

use super::figure::{COLOURS, Figure, number, words};

/// One bar.
#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    /// What it stands for.
    pub name: String,
    /// Its length; not drawn where it is not finite.
    pub value: f64,
    /// Standard deviation over seeds, drawn as a line over the end.
    pub spread: Option<f64>,
    /// Whether it is drawn in the other colour: what all others are compared with.
    pub is_reference: bool,
}

/// Bars below each other, from zero; a line goes down from the reference's end.
#[derive(Debug, Clone, PartialEq)]
pub struct Bars {
    /// What is drawn.
    pub title: String,
    /// Name of the values.
    pub x: String,
    /// From the top.
    pub bars: Vec<Bar>,
}

const WIDTH: u32 = 720;
/// Pixels of a bar and the space below it.
const STEP: u32 = 26;
/// Pixels for the names, and for title and axis.
const NAMES: i32 = 250;
const AROUND: u32 = 96;

impl Figure for Bars {
    fn title(&self) -> &str {
        &self.title
    }

    fn is_empty(&self) -> bool {
        !self.bars.iter().any(|bar| bar.value.is_finite())
    }

    fn size(&self) -> (u32, u32) {
        (WIDTH, AROUND + STEP * self.bars.len() as u32)
    }

    fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>, ink: &RGBColor) -> Result<(), String> {
        let text = |error: DrawingAreaErrorKind<B::ErrorType>| error.to_string();
        let ends = self.bars.iter().map(|bar| bar.value + bar.spread.unwrap_or(0.0)).filter(|end| end.is_finite());
        let most = ends.fold(0.0, f64::max).max(f64::MIN_POSITIVE);
        let rows = self.bars.len() as f64;
        let mut chart = ChartBuilder::on(area)
            .caption(&self.title, words(20, ink))
            .margin(12)
            .x_label_area_size(42)
            .y_label_area_size(NAMES)
            .build_cartesian_2d(0.0..1.12 * most, rows..0.0)
            .map_err(text)?;
        chart
            .configure_mesh()
            .x_desc(&self.x)
            .axis_style(ink)
            .bold_line_style(ink.mix(0.2))
            .light_line_style(ink.mix(0.0))
            .disable_y_mesh()
            .y_labels(0)
            .x_labels(6)
            .label_style(words(15, ink))
            .axis_desc_style(words(15, ink))
            .x_label_formatter(&|value| number(*value))
            .draw()
            .map_err(text)?;
        let drawn = || self.bars.iter().enumerate().filter(|(_, bar)| bar.value.is_finite());
        chart
            .draw_series(drawn().map(|(row, bar)| {
                let colour = COLOURS[usize::from(bar.is_reference)];
                Rectangle::new([(0.0, row as f64 + 0.14), (bar.value, row as f64 + 0.86)], colour.filled())
            }))
            .map_err(text)?;
        chart
            .draw_series(drawn().filter_map(|(row, bar)| {
                let (spread, middle) = (bar.spread?, row as f64 + 0.5);
                let ends = [(bar.value - spread, middle), (bar.value + spread, middle)];
                Some(PathElement::new(ends, ink.stroke_width(2)))
            }))
            .map_err(text)?;
        if let Some(reference) = self.bars.iter().find(|bar| bar.is_reference && bar.value.is_finite()) {
            let line = [(reference.value, 0.0), (reference.value, rows)];
            chart.draw_series([PathElement::new(line, COLOURS[1].stroke_width(1))]).map_err(text)?;
        }
        for (row, bar) in self.bars.iter().enumerate() {
            let (left, middle) = chart.backend_coord(&(0.0, row as f64 + 0.5));
            let name: String = bar.name.chars().take(44).collect();
            area.draw(&Text::new(name, (left - NAMES + 4, middle - 8), words(15, ink))).map_err(text)?;
            let end = bar.value + bar.spread.unwrap_or(0.0);
            let (right, _) = chart.backend_coord(&(if end.is_finite() { end } else { 0.0 }, row as f64));
            let value = if bar.value.is_finite() { format!("{:.1}", bar.value) } else { "-".into() };
            area.draw(&Text::new(value, (right + 5, middle - 8), words(14, ink))).map_err(text)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_drawn_with_their_names_and_numbers() {
        let bar = |name: &str, value, is_reference| Bar { name: name.into(), value, spread: Some(2.0), is_reference };
        let bars = vec![bar("rcml", 50.0, true), bar("less <one>", 40.25, false), bar("broken", f64::NAN, false)];
        let figure = Bars { title: "Parts".into(), x: "MRR".into(), bars };
        let svg = figure.svg().unwrap();
        for word in ["rcml", "less &lt;one&gt;", "40.2", "50.0", "MRR", "Parts"] {
            assert!(svg.contains(word), "{word}: {svg}");
        }
        assert!(svg.matches("<rect").count() >= 2);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bars.png");
        figure.png(&path).unwrap();
        assert_eq!(image::image_dimensions(&path).unwrap(), figure.size());
        let none = Bars { bars: vec![bar("x", f64::NAN, true)], ..figure };
        assert!(none.is_empty() && none.svg().unwrap().is_empty());
    }
}
