//! Items in several modalities, as methods of more than two take them.

use burn::tensor::Tensor;
use rcml_kernels::SparseRows;

use crate::contrast::{Candidates, Contest};

/// N items that have all of some modalities: how each asks, how each answers, and who is no negative of whom.
#[derive(Debug, Clone)]
pub struct Views {
    /// Embeddings as anchors, `[N, D]` unit rows a modality.
    pub anchors: Vec<Tensor<2>>,
    /// Embeddings as candidates, in the same order: the same unless anchors alone are conditioned.
    pub candidates: Vec<Tensor<2>>,
    /// For each item, others that take no part in its rows.
    pub excluded: SparseRows,
}

impl Views {
    /// Items that ask as they answer, each a negative of all others.
    ///
    /// # Shapes
    /// - rows: `[N, D]` a modality
    pub fn new(rows: Vec<Tensor<2>>) -> Self {
        let n = rows.first().map_or(0, |rows| rows.dims()[0]);
        Self { anchors: rows.clone(), candidates: rows, excluded: SparseRows::empty(n) }
    }

    /// The same with others that take no part in an item's rows.
    ///
    /// # Panics
    /// If there is not one set an item.
    pub fn excluding(self, excluded: SparseRows) -> Self {
        assert_eq!(excluded.rows(), self.rows(), "sets of columns are not one an item");
        Self { excluded, ..self }
    }

    /// Number of modalities.
    pub fn count(&self) -> usize {
        self.anchors.len()
    }

    /// Number of items.
    pub fn rows(&self) -> usize {
        self.anchors.first().map_or(0, |rows| rows.dims()[0])
    }

    /// Who takes part in each item's row, against one modality.
    pub(crate) fn competing(&self) -> Candidates {
        let n = self.rows();
        Candidates::all([1, n, n]).excluding(&self.excluded)
    }

    /// Modality x asks and y answers; each item's own row is its positive.
    pub fn contest(&self, x: usize, y: usize) -> Contest {
        let contest = Contest::own(self.anchors[x].clone(), self.candidates[y].clone());
        Contest { candidates: self.competing(), ..contest }
    }
}
