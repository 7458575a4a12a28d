//! The kernels against each other, on a GPU.

use burn::tensor::{Device, Distribution, Tensor};
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;

use super::launch::Launch;
use super::plan::Hardware;
use crate::PairList;
use crate::cpu::{Algorithm, Needs};
use crate::relation_pool::PoolBackend;

fn gpus() -> impl Iterator<Item = (String, Device)> {
    crate::device::test_devices().into_iter().filter(|(name, _)| name == "wgpu" || name.starts_with("cuda"))
}

fn random<const D: usize>(shape: [usize; D], device: &Device) -> CubeTensor {
    let tensor = Tensor::<D>::random(shape, Distribution::Normal(0.0, 0.5), device);
    tensor.try_into_primitive::<CubeBackend>().unwrap()
}

fn values<const D: usize>(tensor: CubeTensor) -> Vec<f32> {
    Tensor::<D>::from_primitive::<CubeBackend>(tensor).try_into_vec_as().unwrap()
}

/// Planes add up to what single units do, also on lavapipe, whose planes cubecl leaves alone as it does those of every
/// adapter in software.
#[test]
fn planes_add_up_as_single_units_do() {
    for (name, device) in gpus() {
        // 520 items are more than cubes of the gradients: some take two.
        for [n, t, d, r, h] in
            [[3, 50, 128, 11, 1], [2, 19, 70, 2, 2], [2, 300, 33, 1, 1], [2, 70, 192, 10, 5], [520, 5, 16, 3, 1]]
        {
            let (tokens, bias) = (random([n, t, d], &device), random([n, t], &device));
            let queries = random([r, h, d], &device);
            let mut planes = Hardware::of(&tokens.client);
            let properties = tokens.client.properties();
            if planes.plane.is_none() && properties.identity.name.contains("llvmpipe") {
                planes.plane = Some(properties.hardware.plane_size_max as usize);
            }
            // Every other pair, the last ones first; and one of them twice.
            let all = (0..n as u32).flat_map(|item| (0..r as u32).map(move |relation| (item, relation)));
            let some = all.rev().step_by(2).chain([(0, 0), (0, 0)]).collect();
            for pairs in [None, Some(PairList::new(some, n, r).unwrap())] {
                let launch =
                    |hardware, wide| Launch::on(hardware, wide, &tokens, &bias, &queries, pairs.as_ref()).unwrap();
                let rows = pairs.as_ref().map_or(n * r, |pairs| pairs.len());
                let grad = random([rows * h * d], &device);
                let run = |hardware, wide| {
                    let (pooled, stats) = launch(hardware, wide).forward();
                    let needs = Needs { tokens: true, bias: true, queries: true };
                    let (x, b, u) = launch(hardware, wide).backward(pooled.clone(), stats, grad.clone(), needs);
                    let pooled = if pairs.is_some() { values::<3>(pooled) } else { values::<4>(pooled) };
                    [pooled, values::<3>(x), values::<2>(b), values::<3>(u)]
                };
                let most = pairs
                    .as_ref()
                    .map_or(r * h, |pairs| (0..n).map(|item| pairs.of_item(item).len()).max().unwrap_or(0) * h);
                let many = launch(planes, true);
                assert_eq!(many.wide.is_some(), most > 2, "{name}");
                let in_a_block = many.wide.is_some() && pairs.is_none() && r * h <= 16;
                assert_eq!(many.joint.is_some(), in_a_block, "{name} {r} {h}");
                let units = run(Hardware { plane: None, ..planes }, false);
                for wide in [false, true] {
                    for (which, (a, b)) in run(planes, wide).iter().zip(&units).enumerate() {
                        let worst = a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                        assert!(worst < 1e-4, "{name} {:?} wide {wide}, {which}: {worst}", planes.plane);
                    }
                }
            }
        }
    }
}

/// A row of tokens that no cube has room for takes Burn's own operations.
#[test]
fn wide_rows_are_composed() {
    for (_, device) in gpus() {
        let (tokens, queries) = (random([1, 2, 1 << 15], &device), random([1, 1, 1 << 15], &device));
        let bias = random([1, 1], &device);
        assert!(Launch::new(&tokens, &bias, &queries, None, Algorithm::Auto).is_none());
        let (pooled, _) = CubeBackend::pool_forward(tokens, bias, queries, None, Algorithm::Auto);
        assert!(values::<4>(pooled).iter().all(|value| value.is_finite()));
    }
}
