//! What a method finds for one item under one relation, to look at.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcml_data::Dataset;

use crate::scorer::checked_scores;
use crate::{EvalSet, RelationRef, Result, Scorer, View};

/// An item as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseItem {
    /// Its name in the dataset.
    pub id: String,
    /// Its text.
    pub text: Option<String>,
    /// Its picture as a `data:` URL.
    pub picture: Option<String>,
}

/// An item that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The item.
    pub item: CaseItem,
    /// Its score.
    pub score: f32,
    /// Whether the graph knows it as an answer.
    pub correct: bool,
}

/// A query and its best answers.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseStudy {
    /// The item that is asked about.
    pub query: CaseItem,
    /// The relation, in words.
    pub relation: String,
    /// Best first.
    pub top: Vec<Answer>,
}

/// Files up to this size go into the page as they are; larger pictures are scaled down to [`SIDE`] first.
const SMALL_BYTES: usize = 16 << 10;
/// Longer side of a picture in the page, in pixels.
const SIDE: u32 = 144;

impl CaseItem {
    /// An item of a dataset. A picture that cannot be read is left out: the page is no place to fail.
    pub fn new(dataset: &Dataset, item: u32) -> Self {
        let bytes = dataset.picture(item).ok().flatten();
        let Some(item) = dataset.items.get(item as usize) else {
            return Self { id: format!("item {item}"), text: None, picture: None };
        };
        Self { id: item.id.clone(), text: item.text.clone(), picture: bytes.and_then(data_url) }
    }
}

fn data_url(bytes: Vec<u8>) -> Option<String> {
    let format = image::guess_format(&bytes).ok()?;
    if bytes.len() <= SMALL_BYTES {
        return Some(format!("data:{};base64,{}", format.to_mime_type(), STANDARD.encode(bytes)));
    }
    let small = image::load_from_memory(&bytes).ok()?.thumbnail(SIDE, SIDE);
    let mut png = std::io::Cursor::new(Vec::new());
    small.write_to(&mut png, image::ImageFormat::Png).ok()?;
    Some(format!("data:image/png;base64,{}", STANDARD.encode(png.into_inner())))
}

impl CaseStudy {
    /// The best `k` items of the split for a query item under a relation.
    ///
    /// # Errors
    /// The scorer's own.
    pub fn new(
        set: &EvalSet<'_>,
        scorer: &mut dyn Scorer,
        view: &View,
        query: u32,
        relation: u32,
        k: usize,
    ) -> Result<Self> {
        let candidates: Vec<u32> = set.items().iter().copied().filter(|c| *c != query).collect();
        let scores = checked_scores(scorer, RelationRef::Index(relation), view, &[query], &candidates)?;
        let mut ranked: Vec<(f32, u32)> = scores.into_iter().zip(candidates).filter(|s| !s.0.is_nan()).collect();
        // The sort is stable: equal scores stay in the order of the dataset.
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
        let top = ranked.into_iter().take(k).map(|(score, item)| Answer {
            item: CaseItem::new(set.dataset(), item),
            score,
            correct: set.whole().contains(relation, query, item),
        });
        let words = set.dataset().relations.get(relation as usize).map_or("", |r| r.description());
        Ok(Self { query: CaseItem::new(set.dataset(), query), relation: words.into(), top: top.collect() })
    }

    /// Questions worth looking at: up to `queries` items of the split, each with up to `each` relations that it has
    /// answers under, as (item, relation). Items with several relations come first, and relations not chosen before.
    pub fn choose(set: &EvalSet<'_>, queries: usize, each: usize) -> Vec<(u32, u32)> {
        let mut relations_of: Vec<(u32, Vec<u32>)> = set.items().iter().map(|i| (*i, Vec::new())).collect();
        for relation in set.relations() {
            for anchor in set.held().anchors(relation) {
                if let Ok(at) = set.items().binary_search(anchor) {
                    relations_of[at].1.push(relation);
                }
            }
        }
        relations_of.retain(|(_, relations)| !relations.is_empty());
        let mut used: Vec<u32> = Vec::new();
        let mut chosen = Vec::new();
        for _ in 0..queries.min(relations_of.len()) {
            let fresh = |relations: &[u32]| relations.iter().filter(|r| !used.contains(r)).count().min(each);
            let value = |entry: &(u32, Vec<u32>)| (entry.1.len().min(each), fresh(&entry.1));
            // The first of the best, so that the choice is the same every time.
            let Some(at) = (0..relations_of.len()).rev().max_by_key(|i| value(&relations_of[*i])) else { break };
            let (item, mut relations) = relations_of.remove(at);
            relations.sort_by_key(|r| used.contains(r));
            relations.truncate(each);
            chosen.extend(relations.iter().map(|r| (item, *r)));
            used.extend(relations);
        }
        chosen
    }
}

#[cfg(test)]
mod tests {
    use rcml_data::Split;

    use super::*;
    use crate::OracleScorer;
    use crate::task::fixture;

    #[test]
    fn the_best_come_first_and_are_marked() {
        let (dataset, splits) = fixture::colours(40, 30);
        let set = EvalSet::new(&dataset, &splits, Split::Test).unwrap();
        let mut scorer = OracleScorer::new("truth", vec![View::avg()], |r, a, b| {
            if b == 39 { f32::NAN } else { fixture::truth(r, a, b) - b as f32 * 1e-3 }
        });
        let study = CaseStudy::new(&set, &mut scorer, &View::avg(), 12, 0, 8).unwrap();
        assert_eq!(
            (study.query.id.as_str(), study.relation.as_str(), study.top.len()),
            ("i12", "has the same colour", 8)
        );
        assert_eq!(study.top[0].item.id, "i16");
        assert_eq!(study.top.iter().filter(|a| a.correct).count(), 6);
        assert!(study.top.iter().all(|a| a.item.id != "i12" && a.item.id != "i39"));
    }

    #[test]
    fn chosen_questions_have_answers_under_different_relations() {
        let (dataset, splits) = fixture::colours(40, 30);
        let set = EvalSet::new(&dataset, &splits, Split::Test).unwrap();
        let chosen = CaseStudy::choose(&set, 3, 2);
        assert_eq!(chosen.len(), 6);
        assert!(chosen.iter().all(|(item, relation)| !set.held().targets(*relation, *item).is_empty()));
        assert_eq!((chosen[0].0, chosen[1].0), (10, 10));
        assert_ne!(chosen[0].1, chosen[1].1);
    }

    #[test]
    fn pictures_travel_in_the_page() {
        let folder = tempfile::tempdir().unwrap();
        let noise =
            image::RgbImage::from_fn(400, 200, |x, y| image::Rgb([(x * 7 + y * 13) as u8, (x * y) as u8, y as u8]));
        noise.save(folder.path().join("large.png")).unwrap();
        image::RgbImage::new(8, 8).save(folder.path().join("small.png")).unwrap();
        std::fs::write(folder.path().join("bad.png"), "not a picture").unwrap();
        let mut dataset = Dataset { root: folder.path().into(), ..Dataset::default() };
        dataset.items =
            ["large.png", "small.png", "bad.png", "none.png"].map(|n| rcml_data::Item::new(n).image(n)).into();
        let pictures: Vec<Option<String>> = (0..4).map(|i| CaseItem::new(&dataset, i).picture).collect();
        let large = STANDARD.decode(pictures[0].as_ref().unwrap().split_once(',').unwrap().1).unwrap();
        let large = image::load_from_memory(&large).unwrap();
        assert_eq!((large.width(), large.height()), (144, 72));
        assert!(pictures[1].as_ref().unwrap().starts_with("data:image/png;base64,iVBOR"));
        assert_eq!(pictures[2..], [None, None]);
    }
}
