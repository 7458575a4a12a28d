//! The kernels against each other, on a GPU.

use burn::tensor::{Device, Distribution, Tensor};
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;

use super::launch::{Launch, Ways};
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

/// All ways give what single units do, also on lavapipe, whose planes cubecl leaves alone as it does those of every adapter in
/// software.
#[test]
fn all_ways_add_up_as_single_units_do() {
    for (name, device) in gpus() {
        // 520 items are more than cubes of the gradients: some take two and more. 70 rows are several blocks of multiply-adds and
        // one of matrices, 140 rows two of those; 70 tokens are two tiles.
        for [n, t, d, r, h] in [
            [3, 50, 128, 11, 1],
            [2, 19, 70, 2, 2],
            [2, 300, 33, 1, 1],
            [2, 70, 192, 10, 5],
            [520, 5, 32, 3, 1],
            [2, 1, 32, 35, 2],
            [2, 9, 64, 70, 2],
        ] {
            let (tokens, bias) = (random([n, t, d], &device), random([n, t], &device));
            let queries = random([r, h, d], &device);
            let mut planes = Hardware::of(&tokens.client);
            let properties = tokens.client.properties();
            if planes.plane.is_none() && properties.identity.name.contains("llvmpipe") {
                planes.plane = Some(properties.hardware.plane_size_max as usize);
            }
            // Every other pair, the last ones first, and one of them twice; the last item has none.
            let all = (0..n as u32 - 1).flat_map(|item| (0..r as u32).map(move |relation| (item, relation)));
            let some = all.rev().step_by(2).chain([(0, 0), (0, 0)]).collect();
            for pairs in [None, Some(PairList::new(some, n, r).unwrap())] {
                let launch =
                    |hardware, ways| Launch::on(hardware, ways, &tokens, &bias, &queries, pairs.as_ref()).unwrap();
                let rows = pairs.as_ref().map_or(n * r, |pairs| pairs.len());
                let grad = random([rows * h * d], &device);
                let run = |hardware, ways| {
                    let (pooled, stats) = launch(hardware, ways).forward();
                    let gradients = |tokens, queries| {
                        let needs = Needs { tokens, bias: tokens, queries };
                        launch(hardware, ways).backward(pooled.clone(), stats.clone(), grad.clone(), needs)
                    };
                    let ((x, b, u), (_, _, u_alone)) = (gradients(true, true), gradients(false, true));
                    let pooled =
                        if pairs.is_some() { values::<3>(pooled.clone()) } else { values::<4>(pooled.clone()) };
                    [pooled, values::<3>(x), values::<2>(b), values::<3>(u), values::<3>(u_alone)]
                };
                let most = pairs
                    .as_ref()
                    .map_or(r * h, |pairs| (0..n).map(|item| pairs.of_item(item).len()).max().unwrap_or(0) * h);
                let ways = |[wide, joint, mma]: [bool; 3]| Ways { wide, joint, mma };
                let many = launch(planes, ways([true; 3]));
                assert_eq!(many.wide.is_some(), most > 2, "{name}");
                let in_a_block = many.wide.is_some() && pairs.is_none() && r * h <= 16;
                assert_eq!(many.joint.is_some(), in_a_block, "{name} {r} {h}");
                assert_eq!(many.mma.is_some(), name.starts_with("cuda") && most > 2 && d % 32 == 0, "{name} {d}");
                let units = run(Hardware { plane: None, ..planes }, ways([false; 3]));
                for which in [[false; 3], [true, false, false], [true, true, false], [true; 3]].map(ways) {
                    for (what, (a, b)) in run(planes, which).iter().zip(&units).enumerate() {
                        let worst = a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                        let size = [n, t, d, r, h];
                        assert!(worst < 1e-4, "{name} {:?} {which:?} {size:?}, {what}: {worst}", planes.plane);
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
