//! Relation validity prediction: does the relation hold between two items?

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rcml_data::{RelationGraph, Split};

use super::claim::{Claim, NegativeKind, claims};
use super::{EvalOptions, TaskResult};
use crate::item_vectors::{Conditioning, ItemVectors};
use crate::metrics::{auprc, auroc, binary_accuracy, brier, expected_calibration_error};
use crate::probe::{Platt, Probe, ProbeConfig};
use crate::report::QueryValues;
use crate::scorer::checked_pair_scores;
use crate::{EvalSet, RelationRef, Result, ResultRow, Scorer, Side, View};

/// Bins of the calibration error.
const BINS: usize = 15;
/// Hidden units of the MLP probe.
const HIDDEN: usize = 64;
/// Penalties that are tried; the one with the smallest Brier score on the validation claims is kept.
const PENALTIES: [f64; 3] = [1e-3, 1e-2, 1e-1];

/// Claims of the three parts: what probes are fitted on, what they are chosen and calibrated on, what is asked.
struct Parts {
    fit: Vec<Claim>,
    tune: Vec<Claim>,
    ask: Vec<Claim>,
}

/// Three protocols, each a classifier of claims "r holds between a and b":
/// - `similarity`: the method's own score;
/// - `linear`: logistic regression on the frozen vectors of a, of b and of the relation, one after the other (the paper's);
/// - `mlp`: one hidden layer on the same and on the products of a's and b's values.
///
/// Probes are fitted on training edges, chosen and calibrated (Platt) on validation edges, and asked about the edges of the
/// split; each part has as many false claims as true ones. Half of the false ones name a random item, the other half one that
/// is related to the first in another way, or that answers the relation for another item.
pub(super) fn run(
    set: &EvalSet<'_>,
    scorer: &mut dyn Scorer,
    options: &EvalOptions,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<TaskResult> {
    if set.split() == Split::Train {
        let note = "validity: probes are fitted on the training split, which therefore cannot be asked about";
        return Ok(TaskResult { notes: vec![note.into()], ..TaskResult::default() });
    }
    let parts = parts(set, options);
    if [&parts.fit, &parts.tune, &parts.ask].iter().any(|part| part.is_empty()) {
        let note = "validity: there are not enough training edges to fit a probe on, or no edges to ask about";
        return Ok(TaskResult { notes: vec![note.into()], ..TaskResult::default() });
    }
    let all = || [&parts.fit, &parts.tune, &parts.ask].into_iter().flatten();
    let touched: BTreeSet<u32> = all().flat_map(|claim| [claim.query, claim.candidate]).collect();
    scorer.prepare(&touched.into_iter().collect::<Vec<_>>())?;

    let mut result = TaskResult::default();
    let similarity = similarity(scorer, &parts)?;
    record(&mut result, set, "similarity", &parts.ask, &similarity)?;
    progress(1, 3);
    if let Some(features) = Features::of(scorer, &parts)? {
        for (step, (protocol, hidden)) in [("linear", 0), ("mlp", HIDDEN)].into_iter().enumerate() {
            let probabilities = features.probe(&parts, hidden, options.seed)?;
            record(&mut result, set, protocol, &parts.ask, &probabilities)?;
            progress(step + 2, 3);
        }
    }
    Ok(result)
}

fn parts(set: &EvalSet<'_>, options: &EvalOptions) -> Parts {
    let of = |split: Split, graph: &RelationGraph, items: &[u32], at_most: usize| {
        claims(set, split, graph, items, at_most, options)
    };
    let (training, train_items) = (set.graph_of(Split::Train), set.items_of(Split::Train));
    let mut fit = of(Split::Train, &training, &train_items, 2 * options.max_pairs);
    let validation = set.graph_of(Split::Validation);
    let mut tune = if set.split() == Split::Validation {
        Vec::new()
    } else {
        of(Split::Validation, &validation, &set.items_of(Split::Validation), options.max_pairs / 2)
    };
    if tune.len() < 40 {
        // Too few to calibrate on: a fifth of the training claims instead, true and false ones together.
        let keep = |number: usize| number / 2 % 5 != 4;
        let numbered = || fit.iter().cloned().enumerate();
        tune = numbered().filter(|(i, _)| !keep(*i)).map(|(_, claim)| claim).collect();
        fit = numbered().filter(|(i, _)| keep(*i)).map(|(_, claim)| claim).collect();
    }
    Parts { fit, tune, ask: of(set.split(), set.held(), set.items(), options.max_pairs) }
}

/// Calibrated probabilities from the method's own scores; `None` for a claim that it cannot score.
fn similarity(scorer: &mut dyn Scorer, parts: &Parts) -> Result<Vec<Option<f64>>> {
    let mut scores = |claims: &[Claim]| -> Result<Vec<Option<f64>>> {
        let mut out = Vec::with_capacity(claims.len());
        for run in claims.chunk_by(|a, b| a.relation == b.relation) {
            let pairs: Vec<(u32, u32)> = run.iter().map(|claim| (claim.query, claim.candidate)).collect();
            let found = checked_pair_scores(scorer, RelationRef::Index(run[0].relation), &View::avg(), &pairs)?;
            out.extend(found.into_iter().map(|score| score.is_finite().then_some(f64::from(score))));
        }
        Ok(out)
    };
    let (tune, ask) = (scores(&parts.tune)?, scores(&parts.ask)?);
    calibrate(&parts.tune, &tune, &ask)
}

/// Probabilities of `ask` by a scale fitted on `tune`.
fn calibrate(claims: &[Claim], tune: &[Option<f64>], ask: &[Option<f64>]) -> Result<Vec<Option<f64>>> {
    let known = claims.iter().zip(tune).filter_map(|(claim, score)| Some(((*score)?, claim.holds())));
    let (scores, holds): (Vec<f64>, Vec<bool>) = known.unzip();
    let platt = Platt::fit(&scores, &holds)?;
    let asked: Vec<f64> = ask.iter().flatten().copied().collect();
    let mut found = platt.probabilities(&asked).into_iter();
    Ok(ask.iter().map(|score| score.and_then(|_| found.next())).collect())
}

/// Frozen vectors of all that the claims are about.
struct Features {
    queries: HashMap<u32, ItemVectors>,
    candidates: HashMap<u32, ItemVectors>,
    relations: HashMap<u32, Vec<f32>>,
    width: usize,
}

impl Features {
    /// `None` for a method without vectors.
    fn of(scorer: &mut dyn Scorer, parts: &Parts) -> Result<Option<Self>> {
        let mut ends: BTreeMap<u32, (BTreeSet<u32>, BTreeSet<u32>)> = BTreeMap::new();
        for claim in [&parts.fit, &parts.tune, &parts.ask].into_iter().flatten() {
            let (queries, candidates) = ends.entry(claim.relation).or_default();
            queries.insert(claim.query);
            candidates.insert(claim.candidate);
        }
        let mut features =
            Self { queries: HashMap::new(), candidates: HashMap::new(), relations: HashMap::new(), width: 0 };
        for (relation, (queries, candidates)) in ends {
            let asked = RelationRef::Index(relation);
            let list = |items: BTreeSet<u32>| items.into_iter().collect::<Vec<u32>>();
            let from = scorer.item_vectors(Conditioning::Query(asked), &Side::Mean, &list(queries))?;
            let to = scorer.item_vectors(Conditioning::Candidate(asked), &Side::Mean, &list(candidates))?;
            let (Some(from), Some(to)) = (from, to) else { return Ok(None) };
            features.width = from.width();
            features.queries.insert(relation, from);
            features.candidates.insert(relation, to);
            features.relations.insert(relation, scorer.relation_vector(asked)?.unwrap_or_default());
        }
        Ok(Some(features))
    }

    /// The features of a claim; `None` where an end has no vector.
    fn row(&self, claim: &Claim, products: bool) -> Option<Vec<f32>> {
        let a = self.queries.get(&claim.relation)?.get(claim.query)?;
        let b = self.candidates.get(&claim.relation)?.get(claim.candidate)?;
        let relation = self.relations.get(&claim.relation)?;
        let mut row = [a, b, relation].concat();
        if products {
            row.extend(a.iter().zip(b).map(|(a, b)| a * b));
        }
        Some(row)
    }

    fn probe(&self, parts: &Parts, hidden: usize, seed: u64) -> Result<Vec<Option<f64>>> {
        let products = hidden > 0;
        let rows = |claims: &[Claim]| -> Vec<Option<Vec<f32>>> {
            claims.iter().map(|claim| self.row(claim, products)).collect()
        };
        let (fit, tune, ask) = (rows(&parts.fit), rows(&parts.tune), rows(&parts.ask));
        let known = |rows: &[Option<Vec<f32>>]| rows.iter().flatten().flatten().copied().collect::<Vec<f32>>();
        let truth: Vec<usize> =
            parts.fit.iter().zip(&fit).filter(|(_, row)| row.is_some()).map(|(c, _)| usize::from(c.holds())).collect();
        if truth.is_empty() {
            return Ok(vec![None; ask.len()]);
        }
        let x = known(&fit);
        let width = x.len() / truth.len();
        let logits = |probe: &Probe, rows: &[Option<Vec<f32>>]| -> Vec<Option<f64>> {
            let mut found = probe.probabilities(&known(rows)).into_iter().skip(1).step_by(2).map(logit);
            rows.iter().map(|row| row.as_ref().and_then(|_| found.next())).collect()
        };
        let mut best: Option<(f64, Vec<Option<f64>>)> = None;
        for l2 in PENALTIES {
            let config = ProbeConfig { hidden, l2, seed, ..ProbeConfig::default() };
            let probe = Probe::fit(&x, width, &truth, 2, &config)?;
            let scored = logits(&probe, &tune);
            let chosen = calibrate(&parts.tune, &scored, &scored)?;
            let (p, holds) = answered(&parts.tune, &chosen);
            let quality = brier(&p, &holds).unwrap_or(f64::INFINITY);
            if best.as_ref().is_none_or(|(least, _)| quality < *least) {
                best = Some((quality, calibrate(&parts.tune, &scored, &logits(&probe, &ask))?));
            }
        }
        Ok(best.map(|(_, probabilities)| probabilities).unwrap_or_default())
    }
}

/// ln(p / (1 - p)), bounded.
fn logit(p: f64) -> f64 {
    let p = p.clamp(1e-7, 1.0 - 1e-7);
    (p / (1.0 - p)).ln()
}

/// Probabilities and truths of the claims that were answered.
fn answered(claims: &[Claim], probabilities: &[Option<f64>]) -> (Vec<f64>, Vec<bool>) {
    claims.iter().zip(probabilities).filter_map(|(claim, p)| Some(((*p)?, claim.holds()))).unzip()
}

/// Adds the rows of a protocol.
fn record(
    result: &mut TaskResult,
    set: &EvalSet<'_>,
    protocol: &str,
    claims: &[Claim],
    probabilities: &[Option<f64>],
) -> Result<()> {
    let both: Vec<(&Claim, f64)> = claims.iter().zip(probabilities).filter_map(|(c, p)| Some((c, (*p)?))).collect();
    let mut groups: BTreeMap<String, Vec<(&Claim, f64)>> = BTreeMap::new();
    let mut relations: BTreeMap<u32, Vec<(&Claim, f64)>> = BTreeMap::new();
    for (claim, p) in both {
        set.groups(claim.relation).into_iter().for_each(|group| groups.entry(group).or_default().push((claim, p)));
        relations.entry(claim.relation).or_default().push((claim, p));
    }
    let row = |relations: &str, metric: &str, value: f64, queries: usize, chance: f64| ResultRow {
        task: "validity".into(),
        protocol: protocol.into(),
        relations: relations.into(),
        view: View::avg().label(),
        metric: metric.into(),
        value,
        queries,
        chance,
    };
    let named = relations
        .iter()
        .filter_map(|(relation, members)| Some((set.dataset().relations.get(*relation as usize)?.id.clone(), members)));
    for (name, members) in groups.iter().map(|(name, members)| (name.clone(), members)).chain(named) {
        for (metric, value, chance) in numbers(members) {
            result.rows.push(row(&name, metric, value, members.len(), chance));
        }
    }
    for (relation, members) in relations {
        let Some(known) = set.dataset().relations.get(relation as usize) else { continue };
        let right = |p: f64, holds: bool| if p == 0.5 { 0.5 } else { f64::from(u8::from((p > 0.5) == holds)) };
        result.queries.push(QueryValues {
            task: "validity".into(),
            protocol: protocol.into(),
            relation: known.id.clone(),
            groups: set.groups(relation),
            view: View::avg().label(),
            metrics: vec!["accuracy".into()],
            queries: members.iter().map(|(claim, _)| (claim.query, claim.candidate)).collect(),
            values: members.iter().map(|(claim, p)| right(*p, claim.holds())).collect(),
        });
    }
    let missing = probabilities.iter().filter(|p| p.is_none()).count();
    if missing > 0 {
        result.notes.push(format!(
            "validity ({protocol}): {missing} of {} pairs left out, a modality is missing",
            claims.len()
        ));
    }
    Ok(())
}

/// (metric, value, chance) of some claims; metrics without a value (one class alone) are left out. Chance is a method that always
/// says one half.
fn numbers(members: &[(&Claim, f64)]) -> Vec<(&'static str, f64, f64)> {
    let all: Vec<f64> = members.iter().map(|(_, p)| *p).collect();
    let holds: Vec<bool> = members.iter().map(|(claim, _)| claim.holds()).collect();
    let share = holds.iter().filter(|h| **h).count() as f64 / holds.len().max(1) as f64;
    let against = |kind: NegativeKind| {
        let kept = members.iter().filter(|(claim, _)| claim.holds() || claim.negative == Some(kind));
        let (p, holds): (Vec<f64>, Vec<bool>) = kept.map(|(claim, p)| (*p, claim.holds())).unzip();
        auroc(&p, &holds)
    };
    let found = [
        ("accuracy", binary_accuracy(&all, &holds), 0.5),
        ("auroc", auroc(&all, &holds), 0.5),
        ("auprc", auprc(&all, &holds), share),
        ("ece", expected_calibration_error(&all, &holds, BINS), (0.5 - share).abs()),
        ("brier", brier(&all, &holds), 0.25),
        ("auroc-random", against(NegativeKind::Random), 0.5),
        ("auroc-hard", against(NegativeKind::Hard), 0.5),
    ];
    found.into_iter().filter_map(|(metric, value, chance)| Some((metric, value.ok()?, chance))).collect()
}

#[cfg(test)]
mod tests;
