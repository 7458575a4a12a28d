//! Terms over the modalities of one item.

use burn::tensor::{Int, Tensor, TensorData};

use super::Batch;
use crate::TermConfig;
use crate::methods::{self, Tuples, Views};
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
        let by_name = |views: &Views| match term.method.as_str() {
            "symile" if term.parameter("all_tuples") > 0.5 => methods::symile(views, Tuples::All, &logits),
            "symile" => methods::symile(views, Tuples::Permuted(seed), &logits),
            "gram" => methods::gram(views, term.parameter("smoothing"), &logits),
            "mv-info-nce" => methods::mv_info_nce(views, &logits),
            "mv-dhel" => methods::mv_dhel(views, &logits),
            _ => None,
        };
        if ["symile", "gram", "mv-info-nce", "mv-dhel"].contains(&term.method.as_str()) {
            let rows = self.rows(&all);
            return if rows.is_empty() || all.len() < 2 { None } else { by_name(&self.views(&all, &rows)) };
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

    /// Items that have all of these modalities.
    fn rows(&self, modalities: &[&ConditionedModality]) -> Vec<u32> {
        let has = |m: &ConditionedModality, row: usize| m.present.is_empty() || m.present[row];
        let items = self.targets.shape()[2];
        (0..items).filter(|row| modalities.iter().all(|m| has(m, *row))).map(|row| row as u32).collect()
    }

    /// Their embeddings, as they ask and as they answer; equal texts and known relatives are not each other's negatives.
    pub(super) fn views(&self, modalities: &[&ConditionedModality], rows: &[u32]) -> Views {
        let of = |z: &Tensor<3>| taken(&z.clone().squeeze_dim::<2>(0), rows);
        Views {
            anchors: modalities.iter().map(|m| of(&m.anchors)).collect(),
            candidates: modalities.iter().map(|m| of(&m.candidates)).collect(),
            excluded: self.targets.excluded_among(rows),
        }
    }
}

/// Some rows of `[N, D]`, ascending.
pub(super) fn taken(all: &Tensor<2>, rows: &[u32]) -> Tensor<2> {
    let count = rows.len();
    if count == all.dims()[0] {
        return all.clone();
    }
    let rows: Vec<i64> = rows.iter().map(|row| i64::from(*row)).collect();
    all.clone().select(0, Tensor::<1, Int>::from_data(TensorData::new(rows, [count]), &all.device()))
}
