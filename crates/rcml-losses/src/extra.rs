//! Terms by name, computed on the embeddings of a batch.

use burn::tensor::{Int, Tensor, TensorData};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rcml_kernels::SparseRows;

use crate::contrast::{Candidates, Contest, HingeOver, Logits, Matching, constant};
use crate::methods::{self, Mixture, Tuples};
use crate::objective::{ConditionedModality, Term, fuse};
use crate::{Average, Between, Denominator, PairTargets, TermConfig};

/// What a batch gives to a term.
pub(crate) struct Batch<'a> {
    pub(crate) modalities: &'a [ConditionedModality],
    pub(crate) targets: &'a PairTargets,
    pub(crate) scale: &'a Tensor<1>,
    pub(crate) average: Average,
}

impl Batch<'_> {
    /// The parts of a term over related pairs.
    pub(crate) fn related(&self, term: &TermConfig) -> Vec<Term> {
        let count = self.modalities.len();
        let ordered = (count * count.saturating_sub(1)).max(1) as f64;
        let part = |x: &ConditionedModality, y: &ConditionedModality, weight: f64| {
            let value = self.pair(term, x, y)?;
            Some(Term { name: format!("{}/related/{}>{}", term.method, x.name, y.name), weight, value })
        };
        let pairs = self.modalities.iter().flat_map(|x| self.modalities.iter().map(move |y| (x, y)));
        match term.between {
            Between::Inter => {
                let weight = term.weight / ordered;
                pairs.filter(|(x, y)| x.name != y.name).filter_map(|(x, y)| part(x, y, weight)).collect()
            }
            Between::Intra => self.modalities.iter().filter_map(|x| part(x, x, term.weight)).collect(),
            Between::Fused if count > 1 => {
                let fused = fuse(self.modalities, self.targets);
                part(&fused, &fused, term.weight).into_iter().collect()
            }
            Between::Fused => self.modalities.iter().filter_map(|x| part(x, x, term.weight)).collect(),
        }
    }

    fn logits(&self, term: &TermConfig) -> Logits {
        let shared = Logits::new(self.scale.clone());
        match term.temperature {
            Some(temperature) => shared.at(temperature),
            None => shared,
        }
    }

    fn pair(&self, term: &TermConfig, x: &ConditionedModality, y: &ConditionedModality) -> Option<Tensor<1>> {
        if term.method == "relation-contrast" {
            return self.relations(term, x, y);
        }
        let contest = Contest {
            views: vec![x.anchors.clone(), y.candidates.clone()],
            candidates: self.targets.candidates(&y.present),
            positives: self.targets.positives(self.average, &x.present, &y.present),
        };
        if contest.positives.rows().count() == 0 {
            return None;
        }
        let logits = self.logits(term);
        Some(match term.method.as_str() {
            "rcml" if term.parameter("decoupled") > 0.5 => methods::rcml(&contest, Denominator::Decoupled, &logits),
            "rcml" => methods::rcml(&contest, Denominator::Joint, &logits),
            "info-nce" | "sup-con" => methods::info_nce(&contest, &logits),
            "dcl" => methods::dcl(&contest, &logits),
            "siglip" => {
                let bias = constant(vec![term.parameter("bias")], [1], self.scale);
                methods::sig_lip(&contest, &logits.with_bias(bias))
            }
            "label-smoothing" => methods::label_smoothing(&contest, term.parameter("smoothing"), &logits),
            "mil-nce" => methods::mil_nce(&contest, &logits),
            "sdm" => methods::sdm(&contest, &logits),
            _ => return None,
        })
    }

    /// Every positive pair under every relation of the batch.
    fn relations(&self, term: &TermConfig, x: &ConditionedModality, y: &ConditionedModality) -> Option<Tensor<1>> {
        let [u, a, _] = self.targets.shape();
        let positives = self.targets.positives(self.average, &x.present, &y.present);
        let anchors = x.everyone.as_ref()?;
        let (mut from, mut to, mut holds) = (vec![], vec![], vec![]);
        // (anchor's row, candidate's row) of every group, to see which other relations hold for a pair.
        let named: Vec<std::collections::BTreeSet<(u32, u32)>> = (0..u)
            .map(|group| {
                let rows = group * a..(group + 1) * a;
                rows.flat_map(|row| {
                    let anchor = self.targets.rows()[row];
                    positives.rows().row(row).iter().map(move |candidate| (anchor, *candidate))
                })
                .collect()
            })
            .collect();
        for (row, candidate) in positives.rows().iter() {
            let anchor = self.targets.rows()[row];
            from.push(i64::from(anchor));
            to.push(i64::from(candidate));
            holds.push(
                (0..u as u32).filter(|other| named[*other as usize].contains(&(anchor, candidate))).collect::<Vec<_>>(),
            );
        }
        // One relation, or a pair that all hold for, has nothing to be told from.
        if holds.iter().all(|holds| holds.len() == u) {
            return None;
        }
        let count = from.len();
        let device = self.scale.device();
        let ends = |z: &Tensor<3>, rows: Vec<i64>| {
            let index = Tensor::<1, Int>::from_data(TensorData::new(rows, [count]), &device);
            z.clone().select(1, index).swap_dims(0, 1)
        };
        let holds = SparseRows::new(holds);
        Some(methods::relation_contrast(ends(anchors, from), ends(&y.candidates, to), &holds, &self.logits(term)))
    }

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
                if rows.is_empty() { None } else { self.two(term, &self.select(&pair, &rows), &rows, &logits) }
            })
            .collect();
        let count = losses.len();
        losses.into_iter().reduce(|a, b| a + b).map(|sum| sum.div_scalar(count as f64))
    }

    fn two(&self, term: &TermConfig, views: &[Tensor<2>], rows: &[u32], logits: &Logits) -> Option<Tensor<1>> {
        let [x, y] = views else { return None };
        let (x, y, n) = (x.clone(), y.clone(), rows.len());
        let contest = || {
            let contest = Contest::own(x.clone(), y.clone());
            let candidates = Candidates::all([1, n, n]).excluding(&self.targets.excluded_among(rows));
            Contest { candidates, ..contest }
        };
        let still = |z: &Tensor<2>| z.clone().without_autodiff();
        let own = Matching::own(n);
        Some(match term.method.as_str() {
            "pairwise" => contest().both_ways(|side| methods::info_nce(side, logits)),
            "cwcl" => methods::cwcl(&contest(), &still(&x), logits),
            "soft-clip" => methods::soft_clip(&contest(), &still(&y), term.parameter("target_temperature"), logits),
            "m3col" => {
                let mixture = Mixture::random(n, term.parameter("beta"), self.targets.seed());
                return methods::m3col(views, &mixture, logits);
            }
            "hcl" => {
                let (beta, share) = (term.parameter("beta"), term.parameter("tau_plus"));
                contest().both_ways(|side| methods::hcl(side, &own, beta, share, logits))
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
        let count = rows.len();
        let select = |m: &&ConditionedModality| {
            let all = m.anchors.clone().squeeze_dim::<2>(0);
            if count == all.dims()[0] {
                return all;
            }
            let rows: Vec<i64> = rows.iter().map(|row| i64::from(*row)).collect();
            all.clone().select(0, Tensor::<1, Int>::from_data(TensorData::new(rows, [count]), &all.device()))
        };
        modalities.iter().map(select).collect()
    }
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
