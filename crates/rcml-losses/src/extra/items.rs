//! Terms over the modalities of one item.

use burn::tensor::{Int, Tensor, TensorData};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::Batch;
use crate::TermConfig;
use crate::contrast::{Contest, HingeOver, Logits, Matching, constant};
use crate::methods::{self, Mixture, Queue, Tuples};
use crate::modality::ConditionedModality;
use crate::objective::Term;

impl Batch<'_> {
    /// The parts of a term over the modalities of one item.
    pub(crate) fn items(&self, term: &TermConfig) -> Vec<Term> {
        if matches!(term.info().map(|info| info.place), Ok(crate::Place::Pairs)) {
            let parts = self.related(term);
            return parts
                .into_iter()
                .map(|part| Term { name: part.name.replace("/related/", "/items/"), ..part })
                .collect();
        }
        let value = self.together(term);
        value
            .map(|value| Term { name: format!("{}/items", term.method), weight: term.weight, value })
            .into_iter()
            .collect()
    }

    /// A method that takes all modalities at once, or the mean over their pairs.
    fn together(&self, term: &TermConfig) -> Option<Tensor<1>> {
        let logits = self.logits(term);
        let all: Vec<&ConditionedModality> = self.modalities.iter().collect();
        let seed = self.targets.seed();
        let by_name = |views: &[Tensor<2>]| match term.method.as_str() {
            "symile" if term.parameter("all_tuples") > 0.5 => methods::symile(views, Tuples::All, &logits),
            "symile" => methods::symile(views, Tuples::Permuted(seed), &logits),
            "gram" => methods::gram(views, term.parameter("smoothing"), &logits),
            "mv-info-nce" => methods::mv_info_nce(views, &logits),
            "mv-dhel" => methods::mv_dhel(views, &logits),
            _ => None,
        };
        if ["symile", "gram", "mv-info-nce", "mv-dhel"].contains(&term.method.as_str()) {
            let rows = self.rows(&all);
            return if rows.is_empty() || all.len() < 2 { None } else { by_name(&self.select(&all, &rows)) };
        }
        let pairs = (0..all.len()).flat_map(|x| (x + 1..all.len()).map(move |y| (x, y)));
        let losses: Vec<Tensor<1>> = pairs
            .filter_map(|(x, y)| {
                let pair = [all[x], all[y]];
                let rows = self.rows(&pair);
                if rows.is_empty() { None } else { self.two(term, pair, &rows, &logits) }
            })
            .collect();
        let count = losses.len();
        losses.into_iter().reduce(|a, b| a + b).map(|sum| sum.div_scalar(count as f64))
    }

    fn two(
        &self,
        term: &TermConfig,
        pair: [&ConditionedModality; 2],
        rows: &[u32],
        logits: &Logits,
    ) -> Option<Tensor<1>> {
        let views = self.select(&pair, rows);
        let [x, y] = views.as_slice() else { return None };
        let (x, y, n) = (x.clone(), y.clone(), rows.len());
        // Known relatives and equal texts take no part; columns beyond the batch do.
        let known_apart = |contest: Contest| {
            let candidates = contest.candidates.clone().excluding(&self.targets.excluded_among(rows));
            Contest { candidates, ..contest }
        };
        let contest = || known_apart(Contest::own(x.clone(), y.clone()));
        let still = |z: &Tensor<2>| z.clone().without_autodiff();
        let own = Matching::own(n);
        Some(match term.method.as_str() {
            "pairwise" => contest().both_ways(|side| methods::info_nce(side, logits)),
            "cwcl" => methods::cwcl(&contest(), &still(&x), logits),
            "soft-clip" => methods::soft_clip(&contest(), &still(&y), term.parameter("target_temperature"), logits),
            "m3col" => {
                let mixture = Mixture::random(n, term.parameter("beta"), self.targets.seed());
                return methods::m3col(&views, &mixture, logits);
            }
            "hcl" => {
                let (beta, share) = (term.parameter("beta"), term.parameter("tau_plus"));
                contest().both_ways(|side| methods::hcl(side, &own, beta, share, logits))
            }
            "tcl" => {
                let ((x_momentum, x_queue), (y_momentum, y_queue)) =
                    (pair[0].momentum.as_ref()?, pair[1].momentum.as_ref()?);
                let [x_momentum, y_momentum] = [x_momentum, y_momentum].map(|z| taken(z, rows));
                // The soft targets have the temperature of the logits.
                let sharpened = |z: &Tensor<2>| z.clone() * still_scale(logits);
                let cross = |x: &Tensor<2>, own: &Tensor<2>, other: &Tensor<2>, queue: &Queue| {
                    let contest = known_apart(queue.contest(x.clone(), other.clone()));
                    methods::tcl_cross(&contest, sharpened(own), term.parameter("share"), 1.0, logits)
                };
                let intra = |x: &Tensor<2>, own: &Tensor<2>, queue: &Queue| {
                    known_apart(queue.contest(x.clone(), own.clone())).cross_entropy(logits)
                };
                let across =
                    cross(&x, &x_momentum, &y_momentum, y_queue) + cross(&y, &y_momentum, &x_momentum, x_queue);
                let weight = term.parameter("intra");
                let within = intra(&x, &x_momentum, x_queue) + intra(&y, &y_momentum, y_queue);
                (across + within.mul_scalar(weight)).div_scalar(2.0 + 2.0 * weight)
            }
            "extra-negatives" => {
                let side = |x: &Tensor<2>, y: &Tensor<2>, generated: &Option<Tensor<2>>| match generated {
                    Some(generated) => {
                        let all = Tensor::cat(vec![y.clone(), generated.clone()], 0);
                        known_apart(Contest::own(x.clone(), all)).cross_entropy(logits)
                    }
                    None => known_apart(Contest::own(x.clone(), y.clone())).cross_entropy(logits),
                };
                let [of_x, of_y] = pair.map(|m| &m.generated);
                if of_x.is_none() && of_y.is_none() {
                    return None;
                }
                (side(&x, &y, of_y) + side(&y, &x, of_x)).mul_scalar(0.5)
            }
            "vse" | "vse++" => {
                let over = if term.method == "vse" { HingeOver::Sum } else { HingeOver::Hardest };
                let (margin, raw) = (term.parameter("margin"), logits.at(1.0));
                // Published as a sum of both directions.
                contest().both_ways(|side| methods::vse(side, &own, margin, over, &raw)).mul_scalar(2.0)
            }
            "barlow" => methods::barlow(x, y, term.parameter("weight")),
            "align" => methods::alignment(x, y),
            "uniformity" => {
                let t = term.parameter("t");
                (methods::uniformity(x, t, logits) + methods::uniformity(y, t, logits)).mul_scalar(0.5)
            }
            "cross-uniformity" => methods::cross_uniformity(x, y, term.parameter("t"), logits),
            "cua" => methods::cuaxu(x, y, false, logits),
            "cuaxu" => methods::cuaxu(x, y, true, logits),
            "m2-mix" => methods::m2_mix(x, y, term.parameter("share"), logits),
            "rafa" => {
                let [n, d] = x.dims();
                let r = constant(normal(n * d, self.targets.seed()), [n, d], &still(&x));
                methods::rafa(x, y, r)
            }
            _ => return None,
        })
    }

    /// Items that have all of these modalities.
    fn rows(&self, modalities: &[&ConditionedModality]) -> Vec<u32> {
        let has = |m: &ConditionedModality, row: usize| m.present.is_empty() || m.present[row];
        let items = self.targets.shape()[2];
        (0..items).filter(|row| modalities.iter().all(|m| has(m, *row))).map(|row| row as u32).collect()
    }

    /// Their embeddings as anchors, `[rows, D]` each.
    fn select(&self, modalities: &[&ConditionedModality], rows: &[u32]) -> Vec<Tensor<2>> {
        modalities.iter().map(|m| taken(&m.anchors.clone().squeeze_dim::<2>(0), rows)).collect()
    }
}

/// Some rows of `[N, D]`, ascending.
fn taken(all: &Tensor<2>, rows: &[u32]) -> Tensor<2> {
    let count = rows.len();
    if count == all.dims()[0] {
        return all.clone();
    }
    let rows: Vec<i64> = rows.iter().map(|row| i64::from(*row)).collect();
    all.clone().select(0, Tensor::<1, Int>::from_data(TensorData::new(rows, [count]), &all.device()))
}

/// 1 / temperature without a gradient, `[1, 1]`.
fn still_scale(logits: &Logits) -> Tensor<2> {
    logits.scale.clone().without_autodiff().unsqueeze()
}

/// Numbers from N(0, 1), the same for the same seed (Box and Muller 1958).
fn normal(count: usize, seed: u64) -> Vec<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut draw = || {
        let (radius, angle): (f64, f64) = (1.0 - rng.random::<f64>(), rng.random());
        (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
    };
    (0..count).map(|_| draw()).collect()
}
