//! Both sides in turn, shape by shape.

use std::path::Path;
use std::time::{Duration, Instant};

use burn::tensor::Device;
use rcml_attention::Form;
use rcml_benches::{Clock, Limits, median};
use rcml_kernels::Algorithm;
use rcml_kernels::device::{adapter, is_gpu};

use crate::inputs::{Inputs, Ours, holds_half};
use crate::limiter::Limiter;
use crate::peer::Torch;
use crate::shape::Shape;

/// Median seconds of one implementation at one shape.
#[derive(Debug, Clone)]
pub struct Row {
    pub part: &'static str,
    pub shape: Shape,
    pub backward: bool,
    pub name: String,
    pub ours: bool,
    /// The one to be compared, on either side; the others show why it was chosen.
    pub main: bool,
    /// Whether a peer does the same algebra or the textbook's.
    pub textbook: bool,
    pub seconds: f64,
    pub best: f64,
}

/// What to measure.
pub struct Plan<'a> {
    pub pool: &'a [Shape],
    pub module: &'a [Shape],
    pub rounds: usize,
    pub device: &'a Device,
    pub peer: Option<&'a Path>,
    pub compiled: bool,
    pub clock: Clock,
    /// Seconds that the runs between two waits for the device fill; 0 waits after each run.
    pub fill: f64,
    /// Where the peer runs, by its own name: cpu or cuda.
    pub peer_device: &'static str,
    /// Whether the device is one for small shapes only.
    pub small: bool,
}

/// All rows, the device's limits, and the peer's version.
pub struct Outcome {
    pub clock: Clock,
    pub rows: Vec<Row>,
    pub limits: Limits,
    /// What the driver calls the device; none for the processor's own backends.
    pub adapter: Option<String>,
    pub peer: Option<String>,
}

/// Until the peer's threads, which wait for more work where they are, have gone to sleep: our first run after them took half as
/// long again.
const REST: Duration = Duration::from_millis(250);
/// Seconds of runs that do not count before those that do, at least one: threads are awake, and caches are as the candidate leaves
/// them itself.
const WARM: f64 = 0.005;
/// Most runs between two waits for the device.
const MOST_RUNS: usize = 100;

enum Side {
    Ours(Ours),
    /// Name, whether through torch.compile, and the arithmetic.
    Peer(&'static str, bool, &'static str),
}

struct Candidate {
    name: String,
    side: Side,
    main: bool,
    textbook: bool,
}

pub fn measure(plan: &Plan<'_>) -> Result<Outcome, String> {
    let threads = rayon::current_num_threads();
    let mut peer = plan.peer.map(|python| Torch::start(python, threads, plan.clock, plan.peer_device)).transpose()?;
    let mut limits = Limiter::new(plan.device, plan.small);
    let mut rows = vec![];
    for (part, shapes) in [("pool", plan.pool), ("module", plan.module)] {
        for &shape in shapes {
            let inputs = Inputs::new(shape, plan.device);
            if let Some(peer) = &mut peer {
                peer.prepare(&shape)?;
            }
            for backward in [false, true] {
                let candidates = candidates(plan, part, &shape, backward, holds_half(plan.device));
                let seconds = rounds(plan, &candidates, &inputs, backward, peer.as_mut(), &mut limits);
                for (candidate, seconds) in candidates.into_iter().zip(seconds) {
                    let Candidate { name, side, main, textbook } = candidate;
                    if seconds.is_empty() {
                        continue;
                    }
                    let best = seconds.iter().copied().fold(f64::INFINITY, f64::min);
                    let ours = matches!(side, Side::Ours(_));
                    let seconds = median(seconds);
                    eprintln!("{part} {shape} {} {name}: {} ms", direction(backward), milliseconds(seconds));
                    rows.push(Row { part, shape, backward, name, ours, main, textbook, seconds, best });
                }
            }
        }
    }
    let peer = peer.map(|peer| peer.version.clone());
    let (limits, adapter) = (limits.limits(), adapter(plan.device));
    Ok(Outcome { clock: plan.clock, rows, limits, adapter, peer })
}

/// Milliseconds with three digits that count, at most three behind the point.
pub fn milliseconds(seconds: f64) -> String {
    let value = seconds * 1e3;
    let digits = if value >= 10.0 {
        1
    } else if value >= 1.0 {
        2
    } else {
        3
    };
    format!("{value:.digits$}")
}

pub fn direction(backward: bool) -> &'static str {
    if backward { "forward + backward" } else { "forward" }
}

fn candidates(plan: &Plan<'_>, part: &str, shape: &Shape, backward: bool, half: bool) -> Vec<Candidate> {
    let ours = |name: &str, ours, main| Candidate { name: name.into(), side: Side::Ours(ours), main, textbook: false };
    let mut all = vec![];
    if part == "pool" {
        all.push(ours("fused", Ours::Pool(Algorithm::Auto), true));
        all.push(ours("composed", Ours::Pool(Algorithm::Composed), false));
        all.push(ours("Burn attention", Ours::BurnAttention, false));
        let is_gpu = is_gpu(plan.device);
        if is_gpu {
            all.push(ours("multiply-adds", Ours::Pool(Algorithm::MultiplyAdds), false));
        }
        if backward && is_gpu {
            all.push(ours("packed", Ours::Pool(Algorithm::Packed), false));
        }
        if !backward {
            if half {
                all.push(ours("fused, f16 tokens", Ours::HalfTokens, false));
            }
            // A GPU has one algorithm, with its planes (those of `Auto`) or with single units.
            let own = [Algorithm::Streamed, Algorithm::Resident, Algorithm::Packed];
            for algorithm in own.into_iter().take(if is_gpu { 1 } else { 3 }) {
                all.push(ours(&format!("{algorithm:?}").to_lowercase(), Ours::Pool(algorithm), false));
            }
        }
    } else {
        all.push(ours("module", Ours::Module(Form::Auto), true));
        all.push(ours("module, folded", Ours::Module(Form::Folded), false));
        all.push(ours("module, projected", Ours::Module(Form::Projected), false));
    }
    let names: &[(&'static str, bool)] = match part {
        _ if plan.peer.is_none() => &[],
        "pool" => &[("flat", false), ("einsum", false)],
        _ => &[("sdpa", true), ("mha", true), ("module", false)],
    };
    for (name, textbook) in names {
        // Compiling takes up to a minute each: where it matters, and one of the ways that compile to the same.
        let worth = shape.n == 1024 && shape.h == 1 && [1, 11].contains(&shape.r) && !["einsum", "mha"].contains(name);
        let mut push = |compiled, precision| {
            let how = if compiled { "compiled" } else { "eager" };
            let side = Side::Peer(name, compiled, precision);
            // Other arithmetic is shown beside, and not what f32 is compared with.
            let main = precision == "f32";
            all.push(Candidate { name: format!("torch {name} {how} {precision}"), side, main, textbook: *textbook });
        };
        for compiled in [false, true].into_iter().take(1 + usize::from(plan.compiled && worth)) {
            push(compiled, "f32");
        }
        if plan.peer_device == "cuda" && *name != "einsum" {
            ["tf32", "bf16"].into_iter().for_each(|precision| push(false, precision));
        }
    }
    // What would not fit into memory beside its gradients.
    all.retain(|candidate| {
        let logits = shape.queries() > 64 && backward;
        !(logits && matches!(candidate.side, Side::Ours(Ours::BurnAttention)))
    });
    all
}

/// Seconds of each candidate, in turn, each after runs of its own that do not count.
fn rounds(
    plan: &Plan<'_>,
    candidates: &[Candidate],
    inputs: &Inputs,
    backward: bool,
    mut peer: Option<&mut Torch>,
    limits: &mut Limiter,
) -> Vec<Vec<f64>> {
    let mut seconds = vec![vec![]; candidates.len()];
    let mut failed = vec![false; candidates.len()];
    // How many runs fill the time between two waits; 0 until known.
    let mut repeats = vec![usize::from(plan.fill == 0.0); candidates.len()];
    let filling = |seconds: f64| ((plan.fill / seconds).ceil() as usize).clamp(1, MOST_RUNS);
    for _ in 0..plan.rounds {
        if peer.is_some() {
            std::thread::sleep(REST);
        }
        limits.measure(plan.clock);
        for (i, candidate) in candidates.iter().enumerate() {
            let taken = match (&candidate.side, &mut peer) {
                _ if failed[i] => continue,
                (Side::Ours(ours), _) => {
                    let begun = Instant::now();
                    loop {
                        inputs.run(*ours, backward);
                        if begun.elapsed().as_secs_f64() >= WARM {
                            break;
                        }
                    }
                    if repeats[i] == 0 {
                        repeats[i] = filling(plan.clock.time(|| inputs.run(*ours, backward)));
                    }
                    plan.clock.time(|| inputs.runs(*ours, backward, repeats[i])) / repeats[i] as f64
                }
                (Side::Peer(name, compiled, precision), Some(peer)) => {
                    let mut time = |repeat| peer.time(name, *compiled, precision, backward, repeat, WARM);
                    if repeats[i] == 0 {
                        repeats[i] = time(1).map_or(1, filling);
                    }
                    match time(repeats[i]) {
                        Ok(seconds) => seconds,
                        Err(error) => {
                            eprintln!("{}: {error}", candidate.name);
                            failed[i] = true;
                            continue;
                        }
                    }
                }
                (Side::Peer(..), None) => continue,
            };
            seconds[i].push(taken);
        }
    }
    seconds
}
