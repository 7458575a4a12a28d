//! The roofline: how fast each shape runs, against what memory and arithmetic allow.

use std::path::Path;

use plotters::prelude::*;
use plotters::style::{FontStyle, register_font};

use crate::measure::{Outcome, Row};

/// Draws the forward rows of pooling, ours and the peer's.
pub fn roofline(outcome: &Outcome, path: &Path) -> Result<(), String> {
    let _ = register_font("sans-serif", FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT);
    draw(outcome, path).map_err(|error| format!("{}: {error}", path.display()))
}

/// Which rows a series shows.
type Wanted = fn(&Row) -> bool;

fn draw(outcome: &Outcome, path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let limits = &outcome.limits;
    let root = BitMapBackend::new(path, (960, 640)).into_drawing_area();
    root.fill(&WHITE)?;
    let forward = |row: &&Row| row.part == "pool" && !row.backward;
    let intensity = |row: &Row| row.shape.flops(false) / row.shape.bytes(false);
    let rate = |row: &Row| row.shape.flops(false) / row.seconds / 1e9;
    let slowest = outcome.rows.iter().filter(forward).map(rate).fold(limits.gemm / 1e9, f64::min);
    let (bottom, top) = (slowest / 2.0, limits.gemm / 1e9 * 2.0);
    let mut chart = ChartBuilder::on(&root)
        .caption("Relation pooling, forward, f32", ("sans-serif", 22))
        .margin(16)
        .x_label_area_size(44)
        .y_label_area_size(60)
        .build_cartesian_2d((0.3f64..100.0).log_scale(), (bottom..top).log_scale())?;
    let labels = ("sans-serif", 15);
    chart
        .configure_mesh()
        .x_desc("operations per byte of tokens and results")
        .y_desc("GFLOP/s")
        .label_style(labels)
        .axis_desc_style(("sans-serif", 16))
        .draw()?;
    let steps: Vec<f64> = (0..=120).map(|i| 0.3 * (100.0f64 / 0.3).powf(f64::from(i) / 120.0)).collect();
    let roof = steps.iter().map(|x| (*x, (limits.read / 1e9 * x).min(limits.gemm / 1e9)));
    let name = format!("reading {:.1} GB/s, matrix product {:.0} GFLOP/s", limits.read / 1e9, limits.gemm / 1e9);
    chart
        .draw_series(LineSeries::new(roof, BLACK.stroke_width(2)))?
        .label(name)
        .legend(|(x, y)| PathElement::new([(x, y), (x + 18, y)], BLACK));
    let series: [(&str, RGBColor, Wanted); 3] = [
        ("ours", RGBColor(200, 30, 30), |row| row.ours && row.main),
        ("Burn's operations, one after the other", RGBColor(150, 150, 150), |row| row.name == "composed"),
        ("PyTorch, the same algebra, the best of its ways", RGBColor(30, 90, 200), |row| !row.ours && row.main),
    ];
    for (name, colour, wanted) in series {
        let rows: Vec<&Row> = outcome.rows.iter().filter(forward).filter(|row| wanted(row)).collect();
        // Of several ways at one shape the fastest.
        let best = |row: &&&Row| !rows.iter().any(|other| other.shape == row.shape && other.seconds < row.seconds);
        let points = rows.iter().filter(best).map(|row| Circle::new((intensity(row), rate(row)), 5, colour.filled()));
        chart.draw_series(points)?.label(name).legend(move |(x, y)| Circle::new((x + 9, y), 5, colour.filled()));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .label_font(labels)
        .background_style(WHITE.mix(0.9))
        .border_style(BLACK.mix(0.3))
        .draw()?;
    root.present()?;
    Ok(())
}
