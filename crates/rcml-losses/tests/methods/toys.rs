//! Two problems that tell methods apart: one that pairs cannot see, one that no single embedding can satisfy.

use burn::module::{Module, Param};
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::{Device, Int, Tensor, TensorData};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rcml_kernels::{SparseRows, l2_normalize};
use rcml_losses::contrast::{Bilinear, Candidates, Contest, Cosine, Logits, Positives, Scorer, Separate};
use rcml_losses::methods::{Tuples, Views, info_nce, symile};
use rcml_losses::{Average, Denominator};

/// Learned tables: an encoder of few symbols.
#[derive(Module, Debug)]
struct Tables {
    tables: Vec<Param<Tensor<3>>>,
}

impl Tables {
    fn random(shapes: &[[usize; 3]], seed: u64, device: &Device) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut table = |shape: &[usize; 3]| {
            let values: Vec<f32> = (0..shape.iter().product()).map(|_| rng.random_range(-1.0..1.0)).collect();
            Param::from_tensor(Tensor::from_data(TensorData::new(values, *shape), device))
        };
        Self { tables: shapes.iter().map(&mut table).collect() }
    }

    fn train(self, steps: usize, rate: f64, loss: impl Fn(&Self) -> Tensor<1>) -> Self {
        let mut optimizer = AdamWConfig::new().with_weight_decay(0.0).init();
        let mut model = self;
        for _ in 0..steps {
            let gradients = GradientsParams::from_grads(loss(&model).backward(), &model);
            model = optimizer.step(rate, model, gradients);
        }
        model
    }
}

fn select(table: &Tensor<2>, symbols: &[usize]) -> Tensor<2> {
    let index: Vec<i64> = symbols.iter().map(|symbol| *symbol as i64).collect();
    let count = index.len();
    table.clone().select(0, Tensor::<1, Int>::from_data(TensorData::new(index, [count]), &table.device()))
}

/// Share of rows whose best column is the right one.
fn accuracy(scores: Tensor<2>, right: &[usize]) -> f64 {
    let columns = scores.dims()[1];
    let scores: Vec<f32> = scores.try_into_vec_as().unwrap();
    let best = |row: &[f32]| (0..columns).max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap();
    let hits = scores.chunks(columns).zip(right).filter(|(row, right)| best(row) == **right).count();
    hits as f64 / right.len() as f64
}

/// c = a xor b for a, b of two bits: no pair of the three says anything about each other, all three together do.
#[test]
fn only_symile_solves_xor() {
    const SYMBOLS: usize = 4;
    for (name, device) in rcml_kernels::device::test_devices() {
        let device = device.autodiff();
        let (a, b): (Vec<usize>, Vec<usize>) = (0..SYMBOLS * SYMBOLS).map(|i| (i / SYMBOLS, i % SYMBOLS)).unzip();
        let c: Vec<usize> = a.iter().zip(&b).map(|(a, b)| a ^ b).collect();
        let tables = || Tables::random(&[[1, SYMBOLS, 16]; 3], 5, &device);
        let unit = |model: &Tables| -> Vec<Tensor<2>> {
            model.tables.iter().map(|table| l2_normalize(table.val().squeeze_dim::<2>(0))).collect()
        };
        let views = |model: &Tables| -> Vec<Tensor<2>> {
            unit(model).iter().zip([&a, &b, &c]).map(|(table, symbols)| select(table, symbols)).collect()
        };
        let logits = Logits::new(Tensor::from_floats([20.0], &device));

        let symile_model =
            tables().train(300, 0.03, |model| symile(&Views::new(views(model)), Tuples::All, &logits).unwrap());
        let table = unit(&symile_model);
        let scores = (select(&table[0], &a) * select(&table[1], &b)).matmul(table[2].clone().transpose());
        let with_symile = accuracy(scores, &c);

        let pairwise_model = tables().train(300, 0.03, |model| {
            let views = views(model);
            let clip = |x: usize, y: usize| {
                Contest::own(views[x].clone(), views[y].clone()).both_ways(|side| info_nce(side, &logits))
            };
            clip(0, 1) + clip(0, 2) + clip(1, 2)
        });
        let table = unit(&pairwise_model);
        let scores = (select(&table[0], &a) + select(&table[1], &b)).matmul(table[2].clone().transpose());
        let with_pairs = accuracy(scores, &c);

        assert_eq!(with_symile, 1.0, "{name}");
        // Chance is 1/4; over 16 rows a fixed answer a cell leaves some slack.
        assert!(with_pairs <= 0.5, "{name}: {with_pairs}");
    }
}

/// Items are even or odd. One relation wants the same parity, the other the opposite: a score that does not know the relation
/// ranks alike under both, so what it wins under one it loses under the other.
#[test]
fn opposing_relations_need_conditioning() {
    const ITEMS: usize = 8;
    for (name, device) in rcml_kernels::device::test_devices() {
        let device = device.autodiff();
        let wanted = |relation: usize, i: usize, j: usize| i != j && (i + j).is_multiple_of(2) == (relation == 0);
        let rows = (0..2 * ITEMS).map(|row| {
            (0..ITEMS as u32).filter(move |j| wanted(row / ITEMS, row % ITEMS, *j as usize)).collect::<Vec<_>>()
        });
        let positives = Positives::new(SparseRows::new(rows), Average::Anchors);
        let candidates = Candidates::all([2, ITEMS, ITEMS]).without_own();
        let logits = Logits::new(Tensor::from_floats([10.0], &device));
        let views = |model: &Tables| -> Vec<Tensor<3>> {
            let items = l2_normalize(model.tables[0].val()).repeat_dim(0, 2);
            vec![items.clone(), items, model.tables[1].val()]
        };
        let contest = |model: &Tables| Contest {
            views: views(model),
            candidates: candidates.clone(),
            positives: positives.clone(),
        };
        let divergence = Separate { denominator: Denominator::Joint };
        // Of one wanted and one unwanted item, how often the wanted one is scored higher, under each relation.
        let won = |scores: Tensor<3>| -> [f64; 2] {
            let scores: Vec<f32> = scores.try_into_vec_as().unwrap();
            [0, 1].map(|relation| {
                let (mut hits, mut total) = (0.0, 0.0);
                for i in 0..ITEMS {
                    let score = |j: usize| scores[(relation * ITEMS + i) * ITEMS + j];
                    for good in (0..ITEMS).filter(|j| wanted(relation, i, *j)) {
                        for bad in (0..ITEMS).filter(|j| *j != i && !wanted(relation, i, *j)) {
                            total += 1.0;
                            hits += if score(good) > score(bad) { 1.0 } else { 0.0 };
                        }
                    }
                }
                hits / total
            })
        };
        let tables = || Tables::random(&[[1, ITEMS, 6], [2, 6, 6]], 11, &device);
        let conditioned =
            tables().train(200, 0.03, |model| contest(model).loss(&Bilinear, &divergence, &positives, &logits));
        assert_eq!(won(Bilinear.score(&views(&conditioned), 0..ITEMS)), [1.0, 1.0], "{name}");

        let single = tables().train(200, 0.03, |model| contest(model).loss(&Cosine, &divergence, &positives, &logits));
        let [same, opposite] = won(Cosine.score(&views(&single), 0..ITEMS));
        assert!(same.min(opposite) <= 0.5, "{name}: {same} {opposite}");
        assert!(same + opposite <= 1.0, "{name}: {same} {opposite}");
    }
}
