//! Relation attention under criterion: every device of this build that the machine has, every implementation.
//!
//!     cargo bench --workspace --bench relation_attention
//!     cargo bench --workspace --bench relation_attention -- '1024x50x512 R11 H1/forward'
//!     cargo bench --workspace --bench relation_attention --features rcml-cli/wgpu -- wgpu
//!
//! Ids are `pool N x T x D R H/direction/implementation/device`. What changed since the last run is criterion's own report;
//! PyTorch in the same run, and how far the machine's limits are, is `cargo xtask bench attention`.

#![allow(missing_docs, unreachable_pub, reason = "a program")]

#[path = "attention/inputs.rs"]
mod inputs;
#[path = "attention/shape.rs"]
mod shape;

use std::time::Duration;

use burn::tensor::Device;
use criterion::{BenchmarkId, Criterion, Throughput};
use inputs::{Inputs, Ours, holds_half};
use rcml_attention::Form;
use rcml_kernels::{Algorithm, device};
use shape::Shape;

fn main() {
    rcml_kernels::memory::keep_freed();
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    let devices = devices();
    for shape in shape::HEADLINE.into_iter().chain(shape::QUICK) {
        bench(&mut criterion, "pool", shape, &devices, pooling);
    }
    for shape in shape::HEADLINE_MODULE.into_iter().chain([shape::QUICK[1]]) {
        bench(&mut criterion, "module", shape, &devices, module);
    }
    // A GPU of its own memory has room, and work to do, for more.
    let large: Vec<_> = devices.into_iter().filter(|(name, _)| *name == "cuda").collect();
    for shape in shape::LARGE {
        bench(&mut criterion, "pool", shape, &large, pooling);
    }
    for shape in shape::LARGE_MODULE {
        bench(&mut criterion, "module", shape, &large, module);
    }
    criterion.final_summary();
}

/// The devices that this build knows and this machine has; `cpu` and `auto` are other names for one of them.
fn devices() -> Vec<(&'static str, Device)> {
    let one_of_each = device::known().into_iter().filter(|name| !["auto", "cpu", "cuda:N"].contains(name));
    one_of_each.filter_map(|name| device::parse(name).map(|device| (name, device)).ok()).collect()
}

/// Our forms of the whole module.
fn module(_: &Shape, _: &Device) -> Vec<(&'static str, Ours)> {
    vec![("folded", Ours::Module(Form::Folded)), ("projected", Ours::Module(Form::Projected))]
}

/// Our implementations of pooling that this shape and device can run.
fn pooling(shape: &Shape, device: &Device) -> Vec<(&'static str, Ours)> {
    let mut all = vec![
        ("fused", Ours::Pool(Algorithm::Auto)),
        ("composed", Ours::Pool(Algorithm::Composed)),
        ("burn-attention", Ours::BurnAttention),
    ];
    if holds_half(device) {
        all.push(("fused-f16-tokens", Ours::HalfTokens));
    }
    // Burn's attention holds one row of logits a query and item.
    all.retain(|(_, ours)| shape.queries() <= 64 || *ours != Ours::BurnAttention);
    all
}

fn bench(
    criterion: &mut Criterion,
    part: &str,
    shape: Shape,
    devices: &[(&'static str, Device)],
    implementations: impl Fn(&Shape, &Device) -> Vec<(&'static str, Ours)>,
) {
    for backward in [false, true] {
        let Shape { n, t, d, r, h } = shape;
        let direction = if backward { "both" } else { "forward" };
        let mut group = criterion.benchmark_group(format!("{part} {n}x{t}x{d} R{r} H{h}/{direction}"));
        group.throughput(Throughput::Elements(n as u64));
        for (name, device) in devices {
            // Made at the first run: a filter that leaves this group out shall not wait for its tensors.
            let inputs = std::cell::OnceCell::new();
            for (implementation, ours) in implementations(&shape, device) {
                if backward && ours == Ours::HalfTokens {
                    continue;
                }
                group.bench_function(BenchmarkId::new(implementation, name), |bencher| {
                    let inputs = inputs.get_or_init(|| Inputs::new(shape, device));
                    bencher.iter(|| inputs.run(ours, backward));
                });
            }
        }
        group.finish();
    }
}
