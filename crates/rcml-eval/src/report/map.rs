//! Items as points of a plane.

use plotters::coord::Shift;
use plotters::prelude::*;

use super::figure::{COLOURS, Figure, words};

/// Items of one embedding in the plane.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// Which embedding.
    pub title: String,
    /// x, y, and the group that gives the colour; `None` = grey.
    pub points: Vec<(f64, f64, Option<usize>)>,
}

/// Panels side by side, whose groups share their colours. Axes have no meaning and are not drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Map {
    /// What is drawn.
    pub title: String,
    /// From the left.
    pub panels: Vec<Panel>,
}

const SIDE: u32 = 440;
const TOP: u32 = 44;

impl Figure for Map {
    fn title(&self) -> &str {
        &self.title
    }

    fn is_empty(&self) -> bool {
        self.panels.iter().all(|panel| panel.points.is_empty())
    }

    fn size(&self) -> (u32, u32) {
        (SIDE * self.panels.len().max(1) as u32, SIDE + TOP)
    }

    fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>, ink: &RGBColor) -> Result<(), String> {
        let text = |error: DrawingAreaErrorKind<B::ErrorType>| error.to_string();
        let area = area.titled(&self.title, words(18, ink)).map_err(text)?;
        for (panel, part) in self.panels.iter().zip(area.split_evenly((1, self.panels.len().max(1)))) {
            let (x, y) = (extent(panel.points.iter().map(|p| p.0)), extent(panel.points.iter().map(|p| p.1)));
            let mut chart = ChartBuilder::on(&part)
                .caption(&panel.title, words(16, ink))
                .margin(10)
                .build_cartesian_2d(x, y)
                .map_err(text)?;
            chart.configure_mesh().disable_mesh().disable_axes().axis_style(ink.mix(0.3)).draw().map_err(text)?;
            // Grey first, so that it hides nothing.
            let mut points = panel.points.clone();
            points.sort_by_key(|point| point.2.is_some());
            chart
                .draw_series(points.into_iter().map(|(x, y, group)| match group {
                    Some(group) => {
                        let colour = COLOURS[group % (COLOURS.len() - 1)];
                        Circle::new((x, y), 5, colour.mix(0.85).filled())
                    }
                    None => Circle::new((x, y), 3, ink.mix(0.35).filled()),
                }))
                .map_err(text)?;
        }
        Ok(())
    }
}

fn extent(values: impl Iterator<Item = f64>) -> std::ops::Range<f64> {
    let (least, most) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
    let margin = 0.05 * (most - least).max(1e-9);
    if least <= most { least - margin..most + margin } else { 0.0..1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_a_point() {
        let points = vec![(0.0, 0.0, Some(0)), (1.0, 2.0, Some(8)), (2.0, 1.0, None)];
        let panel = |title: &str| Panel { title: title.into(), points: points.clone() };
        let map = Map { title: "same colour".into(), panels: vec![panel("clip"), panel("rcml")] };
        let svg = map.svg().unwrap();
        assert_eq!(svg.matches("<circle").count(), 6, "{svg}");
        assert!(svg.contains("clip") && svg.contains("same colour"));
        assert!(Map { panels: vec![], ..map }.is_empty());
    }
}
