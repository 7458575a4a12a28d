//! Items that are not each other's negatives: no text tells them apart, or they are related and the objective takes relatives out.

use std::collections::{BTreeSet, HashMap};

use rcml_data::{Dataset, Item, RelationGraph};

/// Which items are alike.
pub(crate) struct Alike {
    /// Equal numbers for items with the same text; items without a text are all different.
    numbers: Vec<u32>,
    /// The items of each number that several have.
    sharing: HashMap<u32, Vec<u32>>,
    /// Whether relatives under any relation are alike, too.
    relatives: bool,
}

impl Alike {
    pub(crate) fn new(dataset: &Dataset, relatives: bool) -> Self {
        let texts: BTreeSet<&str> = dataset.items.iter().filter_map(|item| item.text.as_deref()).collect();
        let known: HashMap<&str, u32> = texts.into_iter().zip(0..).collect();
        let own = known.len() as u32;
        let number = |(index, item): (usize, &Item)| match item.text.as_deref() {
            Some(text) => known[text],
            None => own + index as u32,
        };
        let numbers: Vec<u32> = dataset.items.iter().enumerate().map(number).collect();
        let mut sharing: HashMap<u32, Vec<u32>> = HashMap::new();
        numbers.iter().zip(0..).for_each(|(number, item)| sharing.entry(*number).or_default().push(item));
        sharing.retain(|_, items| items.len() > 1);
        Self { numbers, sharing, relatives }
    }

    /// A number that items with the same text share.
    pub(crate) fn text(&self, item: u32) -> u32 {
        self.numbers[item as usize]
    }

    /// Whether items that are related in any way are no negatives of each other.
    pub(crate) fn relatives(&self) -> bool {
        self.relatives
    }

    /// All items that are no negatives of an item, with itself: what it must not meet among those of earlier batches.
    pub(crate) fn of(&self, item: u32, graph: &RelationGraph) -> Vec<u32> {
        let same = self.sharing.get(&self.text(item)).into_iter().flatten();
        let related = graph.related_items(item).iter().filter(|_| self.relatives);
        let mut all: Vec<u32> = same.chain(related).copied().chain([item]).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcml_data::{Edge, Relation};

    #[test]
    fn an_item_is_like_itself_its_text_and_its_relatives() {
        let texts = [Some("a hat"), None, Some("a lamp"), Some("a hat"), None];
        let mut dataset = Dataset::default();
        dataset.items.extend(texts.iter().zip(0..).map(|(text, id): (_, u32)| {
            let item = Item::new(id.to_string());
            text.map_or(item.clone(), |text| item.text(text))
        }));
        dataset.relations = vec![Relation::new("next", "comes next")];
        dataset.edges = vec![Edge::new(0, 0, 2), Edge::new(0, 4, 1)];
        let graph = RelationGraph::new(5, &dataset.relations, &dataset.edges);
        let of = |relatives| -> Vec<Vec<u32>> {
            let alike = Alike::new(&dataset, relatives);
            (0..5).map(|item| alike.of(item, &graph)).collect()
        };
        assert_eq!(of(false), [vec![0, 3], vec![1], vec![2], vec![0, 3], vec![4]]);
        assert_eq!(of(true), [vec![0, 2, 3], vec![1, 4], vec![0, 2], vec![0, 3], vec![1, 4]]);
    }
}
