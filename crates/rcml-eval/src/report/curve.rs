//! Curves, such as those of a run's `metrics.jsonl`.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;
use serde_json::Value;

use super::figure::{COLOURS, Figure, number, words};
use crate::{Error, Result};

/// One line of a curve.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Name in the legend.
    pub name: String,
    /// (x, y), x ascending. Points that are not finite are not drawn.
    pub points: Vec<(f64, f64)>,
}

/// A picture of one quantity over the steps of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// What is drawn.
    pub title: String,
    /// Name of the x axis.
    pub x: String,
    /// Lines.
    pub series: Vec<Series>,
}

/// Width and height in pixels.
const SIZE: (u32, u32) = (720, 400);
/// Pixels of a legend beside its words.
const LEGEND: u32 = 40;

impl Curve {
    /// Whether it says nothing: every line stays where it began, through two points or more.
    pub fn is_constant(&self) -> bool {
        let stays = |series: &Series| series.points.windows(2).all(|pair| pair[0].1 == pair[1].1);
        self.series.iter().all(stays) && self.series.iter().any(|series| series.points.len() > 1)
    }

    fn points(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        let all = self.series.iter().flat_map(|s| s.points.iter().copied());
        all.filter(|(x, y)| x.is_finite() && y.is_finite())
    }
}

impl Figure for Curve {
    fn title(&self) -> &str {
        &self.title
    }

    fn is_empty(&self) -> bool {
        self.points().next().is_none()
    }

    fn size(&self) -> (u32, u32) {
        SIZE
    }

    fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>, ink: &RGBColor) -> std::result::Result<(), String> {
        let text = |error: DrawingAreaErrorKind<B::ErrorType>| error.to_string();
        let (x, y) = (range(self.points().map(|p| p.0), 0.0), range(self.points().map(|p| p.1), 0.05));
        // A legend beside the plot covers no line.
        let longest = self.series.iter().map(|series| series.name.chars().count()).max().unwrap_or(0) as u32;
        let beside = if self.series.len() > 1 { (LEGEND + 8 * longest).min(SIZE.0 / 3) } else { 0 };
        let (area, legend) = area.split_horizontally(SIZE.0 - beside);
        let mut chart = ChartBuilder::on(&area)
            .caption(&self.title, words(22, ink))
            .margin(12)
            .x_label_area_size(42)
            .y_label_area_size(64)
            .build_cartesian_2d(x, y)
            .map_err(text)?;
        chart
            .configure_mesh()
            .x_desc(&self.x)
            .axis_style(ink)
            .bold_line_style(ink.mix(0.25))
            .light_line_style(ink.mix(0.0))
            .label_style(words(15, ink))
            .axis_desc_style(words(15, ink))
            .x_labels(8)
            .y_labels(7)
            .x_label_formatter(&|value| number(*value))
            .y_label_formatter(&|value| number(*value))
            .draw()
            .map_err(text)?;
        for (series, colour) in self.series.iter().zip(COLOURS.iter().cycle()) {
            let points: Vec<(f64, f64)> =
                series.points.iter().copied().filter(|(x, y)| x.is_finite() && y.is_finite()).collect();
            // A line through one point is invisible, and few points are easier to read with their marks.
            let marks = if points.len() <= 40 { points.clone() } else { Vec::new() };
            chart.draw_series(LineSeries::new(points, colour.stroke_width(2))).map_err(text)?;
            chart.draw_series(marks.into_iter().map(|p| Circle::new(p, 3, colour.filled()))).map_err(text)?;
        }
        if beside > 0 {
            for ((row, series), colour) in self.series.iter().enumerate().zip(COLOURS.iter().cycle()) {
                let y = 60 + 22 * row as i32;
                legend.draw(&PathElement::new([(0, y), (18, y)], colour.stroke_width(3))).map_err(text)?;
                legend.draw(&Text::new(series.name.as_str(), (24, y - 8), words(15, ink))).map_err(text)?;
            }
        }
        Ok(())
    }
}

/// From the least to the greatest value with a margin on both sides, never empty.
fn range(values: impl Iterator<Item = f64>, margin: f64) -> Range<f64> {
    let (least, most) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
    let width = most - least;
    if width > 0.0 && width.is_finite() {
        return least - margin * width..most + margin * width;
    }
    let half = (least.abs() * 0.05).max(0.5);
    least - half..least + half
}

/// Reads the log of a run: one JSON object a line with a `step`. Every other number becomes a curve; where lines carry a
/// `split`, each split is a line of it. Half a line at the end (a run that was killed) is passed over.
///
/// # Errors
/// A file that cannot be read, or a line before the last that is not a JSON object.
pub fn read_curves(path: impl AsRef<Path>) -> Result<Vec<Curve>> {
    let path = path.as_ref();
    let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
    let lines: Vec<&str> = text.lines().collect();
    let mut order: Vec<String> = Vec::new();
    let mut found: BTreeMap<String, BTreeMap<String, Vec<(f64, f64)>>> = BTreeMap::new();
    for (n, line) in lines.iter().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let Ok(Value::Object(record)) = serde_json::from_str::<Value>(line) else {
            if n + 1 == lines.len() {
                continue;
            }
            return Err(Error::input(format!("{}:{}: expected a JSON object, found `{line}`", path.display(), n + 1)));
        };
        let step = record.get("step").and_then(Value::as_f64).unwrap_or(n as f64);
        let split = record.get("split").and_then(Value::as_str).unwrap_or_default();
        for (key, value) in &record {
            let Some(value) = value.as_f64().filter(|_| !["step", "epoch", "seed"].contains(&key.as_str())) else {
                continue;
            };
            if !order.contains(key) {
                order.push(key.clone());
            }
            found.entry(key.clone()).or_default().entry(split.into()).or_default().push((step, value));
        }
    }
    let curve = |title: String| {
        let series = found.remove(&title).unwrap_or_default().into_iter();
        let series = series.map(|(name, mut points)| {
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            Series { name, points }
        });
        Curve { title, x: "step".into(), series: series.collect() }
    };
    Ok(order.into_iter().map(curve).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_becomes_curves_and_half_a_line_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let log = "{\"step\":1,\"split\":\"train\",\"loss\":2.5,\"note\":\"x\"}\n{\"step\":2,\"split\":\"train\",\"loss\":2.0}\n\
                   {\"step\":2,\"split\":\"validation\",\"loss\":2.2,\"hit@5\":0.5}\n{\"step\":3,\"lo";
        std::fs::write(&path, log).unwrap();
        let curves = read_curves(&path).unwrap();
        assert_eq!(curves.iter().map(|c| c.title.as_str()).collect::<Vec<_>>(), ["loss", "hit@5"]);
        assert_eq!(curves[0].series[0], Series { name: "train".into(), points: vec![(1.0, 2.5), (2.0, 2.0)] });
        assert_eq!((curves[0].series.len(), curves[1].slug().as_str()), (2, "hit-5"));
        std::fs::write(&path, "nonsense\n{\"step\":1}\n").unwrap();
        let error = read_curves(&path).unwrap_err().to_string();
        assert!(error.contains("metrics.jsonl:1"), "{error}");
    }

    #[test]
    fn constants_are_told_from_what_changes() {
        let curve = |lines: &[&[f64]]| Curve {
            title: "t".into(),
            x: "step".into(),
            series: lines
                .iter()
                .map(|values| Series {
                    name: "s".into(),
                    points: (0..).map(f64::from).zip(values.iter().copied()).collect(),
                })
                .collect(),
        };
        assert!(curve(&[&[1.0, 1.0], &[2.0, 2.0, 2.0]]).is_constant());
        assert!(!curve(&[&[1.0, 1.0], &[2.0, 3.0]]).is_constant());
        assert!(!curve(&[&[1.0]]).is_constant(), "one point may be all there is to tell");
    }

    #[test]
    fn odd_curves_are_drawn_or_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let cases: [(&[(f64, f64)], bool); 5] = [
            (&[], false),
            (&[(1.0, f64::NAN)], false),
            (&[(1.0, 2.0)], true),
            (&[(0.0, 0.0), (1.0, 0.0)], true),
            (&[(0.0, 1e-9), (1e7, f64::INFINITY), (2e7, 3e9)], true),
        ];
        for (points, drawn) in cases {
            let series = ["a", "b"].map(|name| Series { name: name.into(), points: points.to_vec() }).to_vec();
            let curve = Curve { title: "loss <a>".into(), x: "step".into(), series };
            let path = folder.path().join("curve.png");
            curve.png(&path).unwrap();
            let svg = curve.svg().unwrap();
            assert_eq!((path.exists(), svg.contains("<svg")), (drawn, drawn), "{points:?}");
            if drawn {
                assert!(std::fs::read(&path).unwrap().starts_with(b"\x89PNG") && !svg.contains("<a>"));
                std::fs::remove_file(&path).unwrap();
            }
        }
    }
}
