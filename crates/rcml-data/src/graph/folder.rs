//! The folder of a dataset -> a `.rgraph` file.

use std::path::Path;

use super::{GraphBuilder, GraphCounts};
use crate::{Dataset, Result};

impl GraphBuilder {
    /// Builds the graph of all edges of a dataset, which are streamed: memory grows with items and relations, not with edges.
    /// Returns the dataset without its edges as well.
    ///
    /// # Errors
    /// ALL problems found in the tables; and those of [`GraphBuilder::push`] and [`GraphBuilder::finish`].
    pub fn from_folder(dir: impl AsRef<Path>, out: impl AsRef<Path>, memory: usize) -> Result<(Dataset, GraphCounts)> {
        let out = out.as_ref();
        let begin = |dataset: &Dataset| -> Result<Self> {
            let symmetric: Vec<bool> = dataset.relations.iter().map(|relation| relation.symmetric).collect();
            let builder = Self::new(out, dataset.items.len(), &symmetric, memory)?;
            Ok(builder.of_names(&dataset.items, &dataset.relations))
        };
        let mut builder: Option<Result<Self>> = None;
        let dataset = crate::format::stream(dir.as_ref(), |dataset, edge| {
            let open = builder.get_or_insert_with(|| begin(dataset));
            if let Ok(graph) = open
                && let Err(error) = graph.push(edge)
            {
                *open = Err(error);
            }
        })?;
        let builder = match builder {
            Some(builder) => builder?,
            None => begin(&dataset)?,
        };
        Ok((dataset, builder.finish()?))
    }
}

#[cfg(test)]
mod tests {
    use crate::{Edge, Item, Relation, RelationGraph};

    use super::*;

    fn dataset() -> Dataset {
        Dataset {
            items: (0..5).map(|i| Item::new(format!("i{i}")).text("x")).collect(),
            relations: vec![Relation::new("a", "is part of"), Relation::new("b", "goes with").symmetric(true)],
            edges: vec![Edge::new(0, 3, 1), Edge { weight: 0.25, ..Edge::new(1, 4, 0) }],
            ..Dataset::default()
        }
    }

    #[test]
    fn the_graph_of_a_folder_is_that_of_its_edges_and_knows_whose_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let (dir, out) = (folder.path().join("data"), folder.path().join("g.rgraph"));
        let mut data = dataset();
        data.write(&dir).unwrap();
        let (found, counts) = GraphBuilder::from_folder(&dir, &out, 0).unwrap();
        assert_eq!((found.items.len(), found.edges.len(), counts.edges, counts.pairs), (5, 0, 2, 3));
        let graph = RelationGraph::verify(&out).unwrap();
        assert_eq!((graph.targets(0, 3), graph.sources(0, 1), graph.related_items(4)), (&[1][..], &[3][..], &[0][..]));
        assert_eq!(graph.weights(1, 0), Some(&[0.25][..]));
        graph.check_belongs(&data).unwrap();

        data.items.swap(0, 1);
        assert!(graph.check_belongs(&data).unwrap_err().to_string().contains("in another order"));
        data.items.pop();
        assert!(graph.check_belongs(&data).unwrap_err().to_string().contains("5 items"));
        let mut data = dataset();
        data.relations[0].symmetric = true;
        assert!(graph.check_belongs(&data).unwrap_err().to_string().contains("relation \"a\" is symmetric"));
    }

    #[test]
    fn all_problems_of_the_folder_are_reported_and_no_file_is_left() {
        let folder = tempfile::tempdir().unwrap();
        dataset().write(folder.path()).unwrap();
        let edges = "{\"relation\":\"a\",\"source\":\"i9\",\"target\":\"i1\"}\nnonsense\n";
        std::fs::write(folder.path().join("edges.jsonl"), edges).unwrap();
        let out = folder.path().join("g.rgraph");
        let error = GraphBuilder::from_folder(folder.path(), &out, 0).unwrap_err();
        assert_eq!(error.list().len(), 2, "{error}");
        assert!(!out.exists());
        std::fs::remove_file(folder.path().join("edges.jsonl")).unwrap();
        assert_eq!(GraphBuilder::from_folder(folder.path(), &out, 0).unwrap().1.pairs, 0);
        assert_eq!(RelationGraph::verify(&out).unwrap().items(), 5);
    }
}
