//! One table for people, one file for programs.

use std::fmt::Write;

use rcml_benches::{Machine, Table};
use serde_json::{Value, json};

use crate::measure::{Outcome, Row, direction, milliseconds};

/// The fastest of the rows of one part, shape and direction that `wanted` takes.
fn fastest<'a>(rows: &'a [Row], like: &Row, wanted: impl Fn(&Row) -> bool) -> Option<&'a Row> {
    let same = |row: &&Row| row.part == like.part && row.shape == like.shape && row.backward == like.backward;
    rows.iter().filter(same).filter(|row| wanted(row)).min_by(|a, b| a.seconds.total_cmp(&b.seconds))
}

/// Whole numbers, and two digits that count below ten.
fn significant(value: f64) -> String {
    let digits = if value >= 10.0 {
        0
    } else if value >= 1.0 {
        1
    } else {
        2
    };
    format!("{value:.digits$}")
}

/// The one table.
pub fn table(outcome: &Outcome) -> String {
    let limits = &outcome.limits;
    let mut text = format!(
        "{}{}; {} threads on both sides, {} time{}\nread {:.1} GB/s, copy {:.1} GB/s (read + written), matrix product {} GFLOP/s\n\n",
        Machine::this(),
        outcome.adapter.as_ref().map_or(String::new(), |adapter| format!("; {adapter}")),
        rayon::current_num_threads(),
        outcome.clock.name(),
        outcome.peer.as_ref().map_or(String::new(), |peer| format!("; {peer}")),
        limits.read / 1e9,
        limits.copy / 1e9,
        significant(limits.gemm / 1e9),
    );
    // What a GPU also multiplies in.
    let others = [" tf32", " bf16"].into_iter().filter(|name| outcome.rows.iter().any(|row| row.name.ends_with(name)));
    let mut head = vec![
        "what",
        "N x T x D, R, H",
        "direction",
        "ours, ms",
        "M pairs/s",
        "GFLOP/s",
        "GB/s",
        "of the limit",
        "composed",
        "Burn attention",
        "f16 tokens",
        "torch folded",
        "torch textbook",
    ];
    head.extend(others.clone().map(|name| if name == " tf32" { "torch folded, tf32" } else { "torch folded, bf16" }));
    let mut table = Table::new(&head);
    for ours in outcome.rows.iter().filter(|row| row.ours && row.main) {
        let ratio = |row: Option<&Row>| {
            row.map_or(String::from("-"), |row| {
                format!("{} ms ({:.2}x)", milliseconds(row.seconds), row.seconds / ours.seconds)
            })
        };
        let named = |name: &str| fastest(&outcome.rows, ours, |row| row.ours && row.name == name);
        let peer =
            |textbook: bool| fastest(&outcome.rows, ours, |row| !row.ours && row.main && row.textbook == textbook);
        let folded = |precision: &str| {
            fastest(&outcome.rows, ours, |row| !row.ours && !row.textbook && row.name.ends_with(precision))
        };
        let (flops, bytes) = (ours.shape.flops(ours.backward), ours.shape.bytes(ours.backward));
        let (rate, speed) = (flops / ours.seconds, bytes / ours.seconds);
        let pool = ours.part == "pool";
        let share = (rate / limits.gemm).max(speed / limits.copy) * 100.0;
        let when = |text: String| if pool { text } else { "-".into() };
        let mut cells = vec![
            ours.part.to_string(),
            ours.shape.to_string(),
            direction(ours.backward).to_string(),
            milliseconds(ours.seconds),
            format!("{:.3}", (ours.shape.n * ours.shape.r) as f64 / ours.seconds / 1e6),
            when(significant(rate / 1e9)),
            when(format!("{:.1}", speed / 1e9)),
            when(format!("{share:.0} %")),
            ratio(named("composed")),
            ratio(named("Burn attention")),
            ratio(named("fused, f16 tokens")),
            ratio(peer(false)),
            ratio(peer(true)),
        ];
        cells.extend(others.clone().map(|precision| ratio(folded(precision))));
        table.row(cells);
    }
    let _ = write!(text, "{table}");
    text
}

/// Every row.
pub fn json(outcome: &Outcome) -> Value {
    let row = |row: &Row| {
        let shape = row.shape;
        json!({
            "part": row.part, "n": shape.n, "t": shape.t, "d": shape.d, "r": shape.r, "h": shape.h,
            "direction": direction(row.backward), "name": row.name, "ours": row.ours, "textbook": row.textbook,
            "median_seconds": row.seconds, "best_seconds": row.best,
        })
    };
    let limits = &outcome.limits;
    json!({
        "bench": "attention",
        "machine": Machine::this().to_string(),
        "adapter": outcome.adapter,
        "threads": rayon::current_num_threads(),
        "clock": outcome.clock.name(),
        "peer": outcome.peer,
        "limits": {"read": limits.read, "copy": limits.copy, "gemm": limits.gemm},
        "rows": outcome.rows.iter().map(row).collect::<Vec<_>>(),
    })
}
