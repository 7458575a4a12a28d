//! Supervised contrast: all modalities of a batch as one set.

use burn::tensor::Tensor;
use rcml_kernels::SparseRows;

use super::Batch;
use crate::TermConfig;
use crate::contrast::{Candidates, Contest, Positives};
use crate::methods;
use crate::modality::ConditionedModality;
use crate::objective::Term;

impl Batch<'_> {
    /// Each anchor in each modality against all items in all modalities but itself (SupCon; over the modalities of an item NT-Xent).
    /// Positives are the anchor's, in every modality that they have. Column j of modality m is column m B + j.
    pub(super) fn one_set(&self, term: &TermConfig) -> Option<Term> {
        let [u, a, b] = self.targets.shape();
        let all = self.modalities;
        let beside = |part: &dyn Fn(&ConditionedModality) -> &Tensor<3>| {
            Tensor::cat(all.iter().map(|m| part(m).clone()).collect(), 1)
        };
        let has = |m: &ConditionedModality, item: u32| m.present.is_empty() || m.present[item as usize];
        // Rows of every group: modality by modality its anchors.
        let rows = || {
            (0..u).flat_map(|group| {
                all.iter().enumerate().flat_map(move |(m, _)| (0..a).map(move |at| (m, group * a + at)))
            })
        };
        let column = |m: usize, item: u32| (m * b) as u32 + item;
        let everywhere = |item: u32| (0..all.len()).map(move |m| column(m, item));
        let itself = |(m, row): (usize, usize)| column(m, self.targets.rows()[row]);
        let positives = rows().map(|place @ (m, row)| {
            let asks = has(&all[m], self.targets.rows()[row]);
            let found =
                self.targets.all_positives().row(row).iter().filter(|_| asks).flat_map(|item| everywhere(*item));
            found.filter(|column| *column != itself(place)).collect::<Vec<_>>()
        });
        let excluded = rows().map(|place @ (_, row)| {
            let found = self.targets.all_excluded().row(row).iter().flat_map(|item| everywhere(*item));
            found.chain([itself(place)]).collect::<Vec<_>>()
        });
        let present = all.iter().flat_map(|m| (0..b as u32).map(|item| has(m, item)));
        let candidates = Candidates::all([u, a * all.len(), b * all.len()])
            .excluding(&SparseRows::new(excluded))
            .present(present.collect())
            .with_correction(self.targets.correction().repeat(all.len()));
        let positives = SparseRows::new(positives).filter(|row, column| candidates.takes_part(row, column));
        if positives.count() == 0 {
            return None;
        }
        let contest = Contest {
            views: vec![beside(&|m| &m.anchors), beside(&|m| &m.candidates)],
            candidates,
            positives: Positives::new(positives, self.average),
        };
        let value = methods::info_nce(&contest, &self.logits(term));
        Some(Term { name: format!("{}/related/all", term.method), weight: term.weight, value })
    }
}
