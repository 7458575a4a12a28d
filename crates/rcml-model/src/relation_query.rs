//! What items are embedded under.

use std::sync::OnceLock;

use rcml_attention::{Conditioner, PreparedRelations, Relations};
use rcml_data::Role;

use crate::{Error, Result};

/// A relation as words, and the end of it that items are embedded as.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RelationQuery {
    /// A relation and a role.
    Relation(String, Role),
    /// The generic "same item" relation.
    SameItem,
}

/// A relation that has passed the text encoder.
#[derive(Debug)]
pub struct ReadRelation {
    pub(crate) embedding: Relations,
    /// The same for items of an index, which are conditioned outside of the device; made when the first one asks.
    prepared: OnceLock<Option<PreparedRelations>>,
    /// Whether it is that of the same item.
    pub(crate) generic: bool,
}

impl ReadRelation {
    pub(crate) fn new(embedding: Relations, generic: bool) -> Self {
        Self { embedding, prepared: OnceLock::new(), generic }
    }

    /// As plain values.
    pub(crate) fn prepared(&self, conditioner: &Conditioner) -> Result<&PreparedRelations> {
        let prepared = self.prepared.get_or_init(|| conditioner.prepare(self.embedding.clone()));
        prepared.as_ref().ok_or_else(|| Error::device("no values of a relation"))
    }
}
