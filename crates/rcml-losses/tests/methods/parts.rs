//! What several cases are made of.

use burn::tensor::{Int, Tensor, TensorData};
use rcml_kernels::SparseRows;
use rcml_losses::contrast::{Contest, HingeOver, Logits};
use rcml_losses::methods::*;

use crate::fixture::Inputs;

pub(crate) fn views(i: &Inputs) -> Vec<Tensor<2>> {
    vec![i.a.clone(), i.b.clone(), i.c.clone()]
}

/// The three as modalities of the same items.
pub(crate) fn all(i: &Inputs) -> Views {
    Views::new(views(i))
}

/// The first two.
pub(crate) fn both(i: &Inputs) -> Views {
    Views::new(two(i))
}

pub(crate) fn two(i: &Inputs) -> Vec<Tensor<2>> {
    vec![i.a.clone(), i.b.clone()]
}

pub(crate) fn clip(x: &Tensor<2>, y: &Tensor<2>, logits: &Logits) -> Tensor<1> {
    Contest::own(x.clone(), y.clone()).both_ways(|side| side.cross_entropy(logits))
}

pub(crate) fn one(logits: &Logits, value: f64) -> Tensor<1> {
    logits.scale.clone().mul_scalar(0.0) + value
}

pub(crate) fn doubled(i: &Inputs, labels: &[u32]) -> Tensor<1> {
    let labels = [i.labels(labels), i.labels(labels)].concat();
    sup_con(Tensor::cat(two(i), 0), &labels, &i.logits)
}

/// Rows of B and C in turn: two counterparts an item.
pub(crate) fn interleaved(i: &Inputs) -> Tensor<2> {
    let [n, d] = i.b.dims();
    Tensor::stack::<3>(vec![i.b.clone(), i.c.clone()], 1).reshape([2 * n, d])
}

/// With a gate that moves with C by so much, to take differences of.
pub(crate) fn gated(i: &Inputs, gate: &[f64], moving: f64) -> Tensor<1> {
    let d = i.a.dims()[1];
    let gate: Vec<f64> = (0..d).map(|k| gate[k % gate.len()]).collect();
    let options = (&i.a.device(), i.a.dtype());
    let gate = Tensor::<2>::from_data(TensorData::new(gate, [1, d]), options);
    let gate = gate + i.c.clone().sum_dim(0).mul_scalar(moving);
    let of = |x: &Tensor<2>| hydra_gate(x.clone().unsqueeze_dim(0), gate.clone()).squeeze_dim::<2>(0);
    clip(&of(&i.a), &of(&i.b), &i.logits)
}

pub(crate) fn related_pairs(i: &Inputs, both_wrong: bool) -> Tensor<1> {
    let ends = |x: &Tensor<2>, y: &Tensor<2>| Tensor::stack::<3>(vec![x.clone(), y.clone()], 1);
    let last = if both_wrong { &i.c } else { &i.a };
    let holds = SparseRows::new(i.labels(&[0, 1, 0]).into_iter().map(Some));
    relation_contrast(ends(&i.a, &i.b), ends(&i.c, last), &holds, &i.logits)
}

/// W, `[1, D, D]`: W(0, 1) = 1, W(2, 3) = 2, their mirror images negative.
pub(crate) fn antisymmetric(i: &Inputs) -> Tensor<3> {
    let d = i.a.dims()[1];
    let entry = |p: usize, q: usize| match (p, q) {
        (0, 1) => 1.0,
        (1, 0) => -1.0,
        (2, 3) => 2.0,
        (3, 2) => -2.0,
        _ => 0.0,
    };
    let weights: Vec<f64> = (0..d).flat_map(|p| (0..d).map(move |q| entry(p, q))).collect();
    Tensor::from_data(TensorData::new(weights, [1, d, d]), (&i.a.device(), i.a.dtype()))
}

/// With weights and biases that move with C by so much, to take differences of.
pub(crate) fn bilinear(i: &Inputs, moving: f64) -> Tensor<1> {
    let d = i.a.dims()[1];
    let same = Tensor::<2>::eye(d, &i.a.device()).cast(i.a.dtype()).unsqueeze_dim(0);
    let moved = i.c.clone().transpose().matmul(i.c.clone()).mul_scalar(moving).unsqueeze_dim::<3>(0);
    let weights = Tensor::cat(vec![same + moved.clone(), antisymmetric(i) - moved], 0);
    let bias = Tensor::<1>::from_data(TensorData::from([0.1f64, -0.2]), (&i.a.device(), i.a.dtype()));
    let moved = Tensor::cat(vec![i.c.clone().sum(), i.c.clone().square().sum()], 0).mul_scalar(moving);
    bilinear_relation(i.a.clone(), i.b.clone(), weights, bias + moved, &i.labels(&[0, 1, 1]))
}

pub(crate) fn tcl(i: &Inputs, share: f64, queued: bool) -> Tensor<1> {
    let mut queue = Queue::new(if queued { i.n() } else { 0 });
    queue.push(i.frozen[1].clone(), &i.labels(&[0, 1, 2]));
    let contest = queue.contest(i.a.clone(), i.frozen[2].clone());
    tcl_cross(&contest, i.frozen[1].clone(), share, 0.5, &i.logits)
}

pub(crate) fn locals(i: &Inputs, padding: bool) -> Tensor<1> {
    let tokens = Tensor::stack::<3>(vec![i.b.clone(), i.c.clone()], 1);
    let real: Vec<bool> = (0..2 * i.n()).map(|token| !padding || token % 2 == 0).collect();
    tcl_local(i.a.clone(), tokens, &real, &i.logits)
}

pub(crate) fn guarded(i: &Inputs, ceiling: f64) -> Tensor<1> {
    let mut guard = GapGuard::new(ceiling, 2.0, 0.9);
    let nce = |y: &Tensor<2>| Contest::own(i.a.clone(), y.clone()).cross_entropy(&i.logits);
    let first = guard.guard(nce(&i.b), i.a.clone(), i.b.clone());
    first + guard.guard(nce(&i.c), i.a.clone(), i.c.clone())
}

pub(crate) fn rebuilt(i: &Inputs, gain: f64, weights: [f64; 2]) -> Tensor<1> {
    let relatedness = i.matrix(&[[0.0, 0.5, 0.0], [0.5, 0.0, 1.0], [0.0, 1.0, 0.0]]);
    let decoded = [i.frozen[2].clone(), i.frozen[1].clone()];
    clsr([i.a.clone(), i.b.clone()], decoded, &Softened { relatedness, gain }, weights, &i.logits)
}

pub(crate) fn separated(i: &Inputs, weight: f64) -> Tensor<1> {
    let d = i.a.dims()[1];
    let origin: Vec<f64> = (0..d).map(|k| f64::from(u8::from(k == 0))).collect();
    let origin = Tensor::<1>::from_data(TensorData::new(origin, [d]), (&i.a.device(), i.a.dtype()));
    sep_clr([i.a.clone(), i.b.clone()], [i.b.clone(), i.c.clone()], i.c.clone(), origin, weight, &i.logits)
}

pub(crate) fn first_rows(x: &Tensor<2>) -> Tensor<2> {
    let n = x.dims()[0];
    x.clone().select(0, Tensor::<1, Int>::zeros([n], &x.device()))
}

pub(crate) fn every_pair(i: &Inputs, from: Vec<Tensor<2>>) -> Tensor<1> {
    let views: Vec<View> = from.into_iter().map(|rows| View { rows, present: vec![] }).collect();
    pairwise(&views, |x, y| clip(&x, &y, &i.logits)).unwrap()
}

pub(crate) fn hinge(i: &Inputs, margin: f64, over: HingeOver) -> Tensor<1> {
    let at = i.logits.at(1.0);
    i.contest().both_ways(|side| vse(side, &i.own(), margin, over, &at)).mul_scalar(2.0)
}

pub(crate) fn tangent_free(i: &Inputs, t: f64) -> Tensor<1> {
    uniformity(i.a.clone(), t, &i.logits)
}
