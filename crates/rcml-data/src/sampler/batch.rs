//! What a step trains on.

/// A batch: B distinct items and U distinct relations, with everything the graph knows about the B items.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RelationBatch {
    /// Distinct items, as dataset indices; a row below is a position in this list.
    pub items: Vec<u32>,
    /// Distinct relations.
    pub relations: Vec<BatchRelation>,
    /// Per row: the rows linked with it under ANY relation of the whole graph, in either direction, ascending, without itself.
    pub related: Vec<Vec<u32>>,
    /// Per row: what to take off its logit as a candidate, log q times `popularity_correction`; empty where that is 0.
    pub logit_correction: Vec<f32>,
}

/// One relation of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BatchRelation {
    /// Index of the relation in the dataset.
    pub relation: u32,
    /// Which phrasing was drawn (index into `Relation::descriptions`).
    pub phrasing: usize,
    /// ALL rows with at least one positive among the batch's rows, ascending: not only the drawn pairs.
    pub anchors: Vec<u32>,
    /// Per anchor: every row that the graph links with it under this relation, ascending, never the anchor itself.
    pub positives: Vec<Vec<u32>>,
}
