//! Terms over two modalities of one item. Each modality asks with its anchors and answers with its candidates, which are the same
//! unless anchors alone are conditioned: whatever is compared is an anchor of one with a candidate of the other.

use burn::tensor::Tensor;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rcml_kernels::SparseRows;

use super::Batch;
use super::items::taken;
use crate::TermConfig;
use crate::contrast::{Contest, HingeOver, Logits, Matching, constant};
use crate::methods::{self, Mixture};
use crate::modality::{ConditionedModality, Followed, Generated};

impl Batch<'_> {
    /// The value of a method on the items that have both modalities, `rows`.
    pub(super) fn two(
        &self,
        term: &TermConfig,
        pair: [&ConditionedModality; 2],
        rows: &[u32],
        logits: &Logits,
    ) -> Option<Tensor<1>> {
        let (views, n) = (self.views(&pair, rows), rows.len());
        let directions = [views.contest(0, 1), views.contest(1, 0)];
        // The mean over both directions, of what a method makes of one.
        let mean = |loss: &dyn Fn(&Contest) -> Tensor<1>| {
            let [forward, back] = &directions;
            (loss(forward) + loss(back)).mul_scalar(0.5)
        };
        // The same where a method takes two sets of rows.
        let mean_of = |loss: &dyn Fn(Tensor<2>, Tensor<2>) -> Tensor<1>| {
            mean(&|side| loss(side.views[0].clone().squeeze_dim(0), side.views[1].clone().squeeze_dim(0)))
        };
        // Which modality teaches: the one that is named, or the method's own choice.
        let teacher = |own: usize| {
            let which = pair.iter().position(|m| term.teacher.as_ref() == Some(&m.name)).unwrap_or(own);
            (which, views.candidates[which].clone().without_autodiff())
        };
        let own = Matching::own(n);
        Some(match term.method.as_str() {
            "pairwise" => mean(&|side| methods::info_nce(side, logits)),
            "cwcl" => {
                let (which, teacher) = teacher(0);
                let half = methods::cwcl_half(&directions[which], &teacher, logits);
                half + methods::info_nce(&directions[1 - which], logits)
            }
            "soft-clip" => {
                let ((_, teacher), temperature) = (teacher(1), term.parameter("target_temperature"));
                mean(&|side| methods::dialog2flow(side, &teacher, temperature, logits))
            }
            "m3col" => {
                let mixture = Mixture::random(n, term.parameter("beta"), self.targets.seed());
                return methods::m3col(&views, &mixture, logits);
            }
            "hcl" => {
                let (beta, share) = (term.parameter("beta"), term.parameter("tau_plus"));
                mean(&|side| methods::hcl(side, &own, beta, share, logits))
            }
            "bpr" => mean(&|side| methods::bpr(side, &own, logits)),
            "m3el" => {
                let weights = [term.parameter("inter"), term.parameter("intra")];
                let side =
                    |which: usize| methods::m3el(&directions[which], views.candidates[which].clone(), weights, logits);
                (side(0) + side(1)).mul_scalar(0.5)
            }
            "tcl" => {
                let followed = [pair[0].momentum.as_ref()?, pair[1].momentum.as_ref()?];
                return Some(self.tcl(term, &directions, followed, rows, logits));
            }
            "extra-negatives" => {
                let [of_x, of_y] = pair.map(|m| m.generated.as_ref());
                if of_x.is_none() && of_y.is_none() {
                    return None;
                }
                let [forward, back] = &directions;
                let side = |side: &Contest, more: Option<&Generated>| match more {
                    Some(more) => longer(side, &more.rows, &more.right, rows).cross_entropy(logits),
                    None => side.cross_entropy(logits),
                };
                (side(forward, of_y) + side(back, of_x)).mul_scalar(0.5)
            }
            "vse" | "vse++" => {
                let over = if term.method == "vse" { HingeOver::Sum } else { HingeOver::Hardest };
                let (margin, raw) = (term.parameter("margin"), logits.at(1.0));
                // Published as a sum of both directions.
                mean(&|side| methods::vse(side, &own, margin, over, &raw)).mul_scalar(2.0)
            }
            "barlow" => mean_of(&|x, y| methods::barlow(x, y, term.parameter("weight"))),
            "orthogonality" => mean_of(&methods::orthogonality),
            "align" => mean_of(&methods::alignment),
            "uniformity" => {
                let t = term.parameter("t");
                let within = |which: usize| methods::spread(&views.contest(which, which), t, logits);
                (within(0) + within(1)).mul_scalar(0.5)
            }
            "cross-uniformity" => mean(&|side| methods::spread(side, term.parameter("t"), logits)),
            "cua" => mean(&|side| methods::cua(side, logits)),
            "cuaxu" => mean(&|side| methods::cuaxu(side, logits)),
            "m2-mix" => {
                let [x, y] = [0, 1].map(|which| views.candidates[which].clone());
                let mixed = methods::slerp(x, y, term.parameter("share"));
                // Published as a sum of both sides.
                mean(&|side| methods::m2_mix_half(side, mixed.clone(), logits)).mul_scalar(2.0)
            }
            "rafa" => mean_of(&|x, y| {
                let [n, d] = x.dims();
                let r = constant(normal(n * d, self.targets.seed()), [n, d], &x.clone().without_autodiff());
                methods::rafa(x, y, r)
            }),
            _ => return None,
        })
    }

    /// Anchors of both modalities against what the momentum encoder makes of the partners and of themselves, and of earlier batches.
    fn tcl(
        &self,
        term: &TermConfig,
        directions: &[Contest; 2],
        followed: [&Followed; 2],
        rows: &[u32],
        logits: &Logits,
    ) -> Tensor<1> {
        let momentum = followed.map(|followed| taken(&followed.rows, rows).without_autodiff());
        // Anchors of one modality against the momentum rows and the queue of one.
        let contest = |which: usize, answers: usize| {
            let side = &directions[which];
            let views = vec![side.views[0].clone(), momentum[answers].clone().unsqueeze_dim(0)];
            let (side, answers) = (Contest { views, ..side.clone() }, followed[answers]);
            match answers.queue.rows() {
                Some(held) => longer(&side, held, &answers.known, rows),
                None => side,
            }
        };
        let cross = |which: usize| {
            // The soft targets have the temperature of the logits.
            let sharpened = momentum[which].clone() * logits.scale.clone().without_autodiff().unsqueeze::<2>();
            methods::tcl_cross(&contest(which, 1 - which), sharpened, term.parameter("share"), 1.0, logits)
        };
        let intra = |which: usize| contest(which, which).cross_entropy(logits);
        let weight = term.parameter("intra");
        let across = cross(0) + cross(1);
        let within = intra(0) + intra(1);
        (across + within.mul_scalar(weight)).div_scalar(2.0 + 2.0 * weight)
    }
}

/// With columns of more rows, `[G, D]`; `out` says for each item of the batch which of these take no part against it.
fn longer(side: &Contest, more: &Tensor<2>, out: &SparseRows, rows: &[u32]) -> Contest {
    let more: Tensor<3> = more.clone().unsqueeze_dim(0);
    let views = vec![side.views[0].clone(), Tensor::cat(vec![side.views[1].clone(), more], 1)];
    let [_, a, m] = side.candidates.shape();
    let known = rows.iter().enumerate().map(|(row, item)| {
        let beside = out.row(*item as usize).iter().map(|column| m as u32 + column);
        side.candidates.excluded().row(row).iter().copied().chain(beside).collect::<Vec<_>>()
    });
    let all = crate::contrast::Candidates::all([1, a, views[1].dims()[1]]);
    Contest { candidates: all.excluding(&SparseRows::new(known)), views, positives: side.positives.clone() }
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
