//! Popular items first.

use rcml_data::{Dataset, Split, Splits};

use crate::{RelationRef, Result, Scorer, View};

/// Scores a candidate by how many training edges it has, whatever is asked. On an item-disjoint split held-out items
/// have none, and this is chance; on an edge split it shows how much popularity alone explains.
#[derive(Debug, Clone)]
pub struct PopularityScorer {
    degrees: Vec<u32>,
    views: Vec<View>,
}

impl PopularityScorer {
    /// Counts the edges of the training split.
    pub fn new(dataset: &Dataset, splits: &Splits, views: Vec<View>) -> Self {
        let mut degrees = vec![0_u32; dataset.items.len()];
        let training = dataset.edges.iter().zip(&splits.edges).filter(|(_, split)| **split == Some(Split::Train));
        for end in training.flat_map(|(edge, _)| [edge.source, edge.target]) {
            if let Some(degree) = degrees.get_mut(end as usize) {
                *degree += 1;
            }
        }
        Self { degrees, views }
    }
}

impl Scorer for PopularityScorer {
    fn name(&self) -> &str {
        "popularity"
    }

    fn views(&self) -> Vec<View> {
        self.views.clone()
    }

    fn scores(&mut self, _: RelationRef, _: &View, queries: &[u32], candidates: &[u32]) -> Result<Vec<f32>> {
        super::table(queries, candidates, |_, candidate| {
            self.degrees.get(candidate as usize).map_or(f32::NAN, |d| *d as f32)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::fixture;

    #[test]
    fn only_training_edges_count() {
        let (dataset, splits) = fixture::colours(12, 4);
        let mut scorer = PopularityScorer::new(&dataset, &splits, vec![View::avg()]);
        let scores = scorer.scores(RelationRef::Index(0), &View::avg(), &[0], &[0, 11]).unwrap();
        assert!(scores[0] > 0.0 && scores[1] == 0.0, "{scores:?}");
    }
}
