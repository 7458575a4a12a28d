//! What items are conditioned on.

use burn::tensor::Tensor;
use rcml_kernels::{RowIds, pick_rows};

/// R relations, embedded.
#[derive(Debug, Clone)]
pub struct Relations {
    /// What relation attention, the low-rank map and the gate are made from, `[R, D]`.
    pub embeddings: Tensor<2>,
    /// What is added to the unit embedding of every item, `[R, D]`: an item looks for what is like itself and, to that extent, like
    /// what the relation speaks of (TransE, Bordes et al. 2013, with a vector made from words). `None` = nothing.
    pub translations: Option<Tensor<2>>,
}

impl Relations {
    /// R, D.
    pub fn dims(&self) -> [usize; 2] {
        self.embeddings.dims()
    }

    /// The relations at `rows`, in that order.
    pub fn select(&self, rows: &[u32]) -> Self {
        let rows = RowIds::new(rows);
        let of = |table: &Tensor<2>| pick_rows(table.clone(), &rows);
        Self { embeddings: of(&self.embeddings), translations: self.translations.as_ref().map(of) }
    }
}

impl From<Tensor<2>> for Relations {
    fn from(embeddings: Tensor<2>) -> Self {
        Self { embeddings, translations: None }
    }
}
