//! The kernel gives what the dense form gives, whatever the tiles and threads.

use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use rcml_kernels::{ContrastPlan, SparseRows, contrast_log_sum_exp, contrast_pairs, row_logsumexp};
use rcml_losses::contrast::{Candidates, Contest, CrossEntropy, Evaluation, Logits, Positives, Separate};
use rcml_losses::{Average, Denominator};

const SHAPE: [usize; 3] = [3, 19, 41];
const D: usize = 9;

fn values(count: usize, seed: usize) -> Vec<f64> {
    (0..count).map(|i| ((i * 7919 + seed * 104_729 + 13) % 997) as f64 / 500.0 - 1.0).collect()
}

fn leaf<const N: usize>(shape: [usize; N], seed: usize, dtype: DType, device: &Device) -> Tensor<N> {
    let data = TensorData::new(values(shape.iter().product(), seed), shape);
    Tensor::from_data(data, (device, dtype)).require_grad()
}

/// Some columns of each row; row 4 loses all of them.
fn excluded() -> SparseRows {
    let [u, a, m] = SHAPE;
    SparseRows::new((0..u * a).map(|row| {
        (0..m as u32)
            .filter(|column| row == 4 || (row * 31 + *column as usize * 17).is_multiple_of(5))
            .collect::<Vec<_>>()
    }))
}

fn present() -> Vec<bool> {
    (0..SHAPE[2]).map(|column| column % 11 != 3).collect()
}

fn correction() -> Vec<f32> {
    (0..SHAPE[2]).map(|column| (column % 7) as f32 * 0.3).collect()
}

type Outcome = (Vec<f64>, [Vec<f64>; 3]);

/// Values and gradients of `f`, each row weighted by another number; row 4, which has no column, by none.
fn outcome(dtype: DType, device: &Device, f: impl Fn(Tensor<3>, Tensor<3>, Tensor<1>) -> Tensor<2>) -> Outcome {
    let [u, a, m] = SHAPE;
    let (x, y) = (leaf([u, a, D], 1, dtype, device), leaf([u, m, D], 2, dtype, device));
    let scale = Tensor::<1>::from_data(TensorData::from([3.0f64]), (device, dtype)).require_grad();
    let out = f(x.clone(), y.clone(), scale.clone());
    let mut weights = values(u * a, 3);
    weights[4] = 0.0;
    let weights = Tensor::<2>::from_data(TensorData::new(weights, [u, a]), (device, dtype));
    let gradients = (out.clone() * weights).sum().backward();
    let read = |values: TensorData| values.iter::<f64>().collect::<Vec<_>>();
    let of = [
        read(x.grad(&gradients).unwrap().into_data()),
        read(y.grad(&gradients).unwrap().into_data()),
        read(scale.grad(&gradients).unwrap().into_data()),
    ];
    (read(out.into_data()), of)
}

fn dense(dtype: DType, device: &Device) -> Outcome {
    let [u, a, m] = SHAPE;
    let (excluded, present) = (excluded(), present());
    let mask: Vec<f32> = (0..u * a * m)
        .map(|at| f32::from(u8::from(present[at % m] && !excluded.contains(at / m, (at % m) as u32))))
        .collect();
    outcome(dtype, device, |x, y, scale| {
        let mask = Tensor::<3>::from_data(TensorData::new(mask.clone(), SHAPE), (device, dtype));
        let taken = Tensor::<3>::from_data(TensorData::new(correction(), [1, 1, m]), (device, dtype));
        row_logsumexp(x.matmul(y.swap_dims(1, 2)) * scale.reshape([1, 1, 1]) - taken, mask).squeeze_dim::<2>(2)
    })
}

fn kernel(plan: &ContrastPlan, dtype: DType, device: &Device) -> Outcome {
    outcome(dtype, device, |x, y, scale| contrast_log_sum_exp(x, y, scale, plan))
}

fn near(name: &str, ours: &Outcome, theirs: &Outcome, tolerance: f64) {
    let close = |what: &str, a: &[f64], b: &[f64]| {
        assert_eq!(a.len(), b.len(), "{name} {what}");
        for (i, (a, b)) in a.iter().zip(b).enumerate() {
            // A row without columns is about -1e9 in both.
            let same = (a - b).abs() <= tolerance * b.abs().max(1.0) || (*a < -1e8 && *b < -1e8);
            assert!(same, "{name} {what} {i}: {a} against {b}");
        }
    };
    close("value", &ours.0, &theirs.0);
    for (which, what) in ["anchors", "candidates", "scale"].into_iter().enumerate() {
        close(what, &ours.1[which], &theirs.1[which]);
    }
}

fn plan() -> ContrastPlan {
    ContrastPlan::new(SHAPE, excluded()).with_columns(&present(), &correction())
}

#[test]
fn the_kernel_equals_the_dense_form_in_any_tiles() {
    for (name, device) in rcml_kernels::device::test_devices() {
        let device = device.autodiff();
        let mut types = vec![(DType::F32, 2e-5 + 20.0 * crate::oracles::slack())];
        if rcml_kernels::device::test_doubles(&device) {
            types.push((DType::F64, 1e-6));
        }
        for (dtype, tolerance) in types {
            let dense = dense(dtype, &device);
            for [rows, columns] in [[1, 1], [5, 7], [19, 41], [256, 512]] {
                let tiled = plan().tiled(rows, columns);
                let what = format!("{name} {dtype:?} {rows}x{columns}");
                near(&what, &kernel(&tiled, dtype, &device), &dense, tolerance);
                // Some of the logits are kept for the backward pass, or none.
                for logits in [1000, 0] {
                    let kept = tiled.clone().keeping(logits);
                    near(&format!("{what} {logits}"), &kernel(&kept, dtype, &device), &dense, tolerance);
                }
                near(&format!("{what} composed"), &kernel(&tiled.composed(), dtype, &device), &dense, tolerance);
            }
        }
    }
}

#[test]
fn threads_do_not_change_a_bit() {
    for (name, device) in rcml_kernels::device::test_devices() {
        let device = device.autodiff();
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| kernel(&plan().tiled(4, 8), DType::F32, &device))
        };
        let one = with(1);
        assert_eq!(one, with(2), "{name}");
        assert_eq!(one, with(5), "{name}");
    }
}

/// Scores of single pairs are those of the whole matrix, with its gradients.
#[test]
fn pairs_equal_entries_of_the_matrix() {
    let [u, a, m] = SHAPE;
    for (name, device) in rcml_kernels::device::test_devices() {
        let device = device.autodiff();
        let columns = excluded();
        let mut types = vec![(DType::F32, 2e-5 + 20.0 * crate::oracles::slack())];
        if rcml_kernels::device::test_doubles(&device) {
            types.push((DType::F64, 1e-9));
        }
        for (dtype, tolerance) in types {
            let measure = |entries: &dyn Fn(Tensor<3>, Tensor<3>) -> Tensor<1>| {
                let (x, y) = (leaf([u, a, D], 1, dtype, &device), leaf([u, m, D], 2, dtype, &device));
                let out = entries(x.clone(), y.clone());
                let weights = TensorData::new(values(columns.count(), 3), [columns.count()]);
                let weights = Tensor::<1>::from_data(weights, (&device, dtype));
                let gradients = (out.clone() * weights).sum().backward();
                let read = |data: TensorData| data.iter::<f64>().collect::<Vec<_>>();
                let of = |z: &Tensor<3>| read(z.grad(&gradients).unwrap().into_data());
                (read(out.into_data()), [of(&x), of(&y), vec![]])
            };
            let whole = measure(&|x, y| {
                let places: Vec<i64> =
                    columns.iter().map(|(row, column)| (row * m) as i64 + i64::from(column)).collect();
                let places = Tensor::<1, Int>::from_data(TensorData::new(places, [columns.count()]), &device);
                x.matmul(y.swap_dims(1, 2)).reshape([u * a * m]).select(0, places)
            });
            let pairs = measure(&|x, y| contrast_pairs(x, y, &columns));
            near(&format!("{name} {dtype:?}"), &pairs, &whole, tolerance);
        }
    }
}

/// Multi-positive losses over several relations, dense and through the kernel.
#[test]
fn losses_through_the_kernel_equal_dense_ones() {
    let [u, a, m] = SHAPE;
    for (name, device) in rcml_kernels::device::test_devices() {
        let device = device.autodiff();
        let positives = SparseRows::new((0..u * a).map(|row| {
            (0..m as u32).filter(|column| (row * 13 + *column as usize * 29).is_multiple_of(9)).collect::<Vec<_>>()
        }));
        for average in [Average::Anchors, Average::Pairs] {
            let candidates = Candidates::all(SHAPE)
                .without_own()
                .excluding(&excluded())
                .present(present())
                .with_correction(correction());
            let positives = Positives::new(positives.clone(), average);
            let measure = |evaluation: Evaluation, loss: &dyn Fn(&Contest, &Logits) -> Tensor<1>| {
                let (x, y) = (leaf([u, a, D], 1, DType::F32, &device), leaf([u, m, D], 2, DType::F32, &device));
                let scale = Tensor::<1>::from_floats([3.0], &device).require_grad();
                let logits = Logits::new(scale.clone()).evaluated(evaluation);
                let views = vec![x.clone(), y.clone()];
                let contest = Contest { views, candidates: candidates.clone(), positives: positives.clone() };
                let value = loss(&contest, &logits);
                let gradients = value.backward();
                let read = |data: TensorData| data.iter::<f64>().collect::<Vec<_>>();
                let of = [
                    read(x.grad(&gradients).unwrap().into_data()),
                    read(y.grad(&gradients).unwrap().into_data()),
                    read(scale.grad(&gradients).unwrap().into_data()),
                ];
                (vec![value.into_scalar::<f64>()], of)
            };
            let joint = Separate { denominator: Denominator::Joint };
            let decoupled = Separate { denominator: Denominator::Decoupled };
            type Loss<'a> = &'a dyn Fn(&Contest, &Logits) -> Tensor<1>;
            let losses: [(&str, Loss<'_>); 3] = [
                ("joint", &|contest, logits| contest.against(&joint, &contest.positives, logits)),
                ("decoupled", &|contest, logits| contest.against(&decoupled, &contest.positives, logits)),
                ("cross-entropy", &|contest, logits| contest.against(&CrossEntropy, &contest.distribution(), logits)),
            ];
            for (what, loss) in losses {
                let whole = measure(Evaluation::Dense, loss);
                assert!(whole.0[0].is_finite());
                for evaluation in [Evaluation::Kernel, Evaluation::Rows(4), Evaluation::Rows(1)] {
                    let what = format!("{name} {what} {average:?} {evaluation:?}");
                    near(&what, &measure(evaluation, loss), &whole, 2e-5);
                }
            }
        }
    }
}
