//! What a method finds for one item under one relation, to look at.

use std::cmp::Reverse;

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

    /// Questions worth looking at: up to `queries` items of the split, each with up to `each` relations that it has answers under, as
    /// (item, relation). What is to be seen is one item with different answers: an item's relations are those with the most answers that
    /// none before it has, and items with many such come first. Only the graph decides, never what a model says.
    pub fn choose(set: &EvalSet<'_>, queries: usize, each: usize) -> Vec<(u32, u32)> {
        let stride = set.items().len().div_ceil(MOST_CONSIDERED).max(1);
        let considered: Vec<u32> = set.items().iter().copied().step_by(stride).collect();
        let mut asked: Vec<Asked> = considered.iter().map(|item| (*item, Vec::new())).collect();
        for relation in set.relations() {
            for anchor in set.held().anchors(relation) {
                if let Ok(at) = considered.binary_search(anchor) {
                    asked[at].1.push((relation, set.held().targets(relation, *anchor)));
                }
            }
        }
        asked.retain(|(_, relations)| !relations.is_empty());
        let mut used: Vec<u32> = Vec::new();
        let mut chosen = Vec::new();
        for _ in 0..queries.min(asked.len()) {
            let found = asked.iter().map(|entry| different(entry, each, &used));
            // The first of the best, so that the choice is the same every time.
            let best = found.enumerate().map(|(at, (relations, worth))| (worth, Reverse(at), relations)).max();
            let Some((_, Reverse(at), relations)) = best else { break };
            let (item, _) = asked.swap_remove(at);
            // In the order of items again, or ties would go to whoever was moved.
            asked.sort_unstable_by_key(|(item, _)| *item);
            chosen.extend(relations.iter().map(|relation| (item, *relation)));
            used.extend(relations);
        }
        chosen
    }
}

/// Items among which the ones to show are chosen.
const MOST_CONSIDERED: usize = 2000;

/// Answers of a relation beyond which more make it no more worth showing.
const ENOUGH: usize = 5;

/// An item, and its relations with their answers.
type Asked<'a> = (u32, Vec<(u32, &'a [u32])>);

/// Up to `each` relations of an item, each with the most answers that those before it have not, and what they are worth: relations
/// that are new to the page, then answers.
fn different((_, relations): &Asked<'_>, each: usize, used: &[u32]) -> (Vec<u32>, (usize, usize)) {
    let (mut chosen, mut covered, mut worth) = (Vec::new(), Vec::<u32>::new(), (0, 0));
    while chosen.len() < each {
        let left = relations.iter().filter(|(relation, _)| !chosen.contains(relation));
        let valued = left.map(|(relation, answers)| {
            let new = answers.iter().filter(|answer| !covered.contains(answer)).count().min(ENOUGH);
            ((usize::from(!used.contains(relation)).min(new), new), Reverse(*relation), *answers)
        });
        let Some(((fresh, new), Reverse(relation), answers)) = valued.max() else { break };
        worth = (worth.0 + fresh, worth.1 + new);
        covered.extend(answers);
        chosen.push(relation);
    }
    (chosen, worth)
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
    fn relations_of_other_answers_are_preferred() {
        let entry = (7, vec![(0, &[1, 2, 3][..]), (1, &[1, 2, 3, 4]), (2, &[8, 9]), (3, &[3])]);
        assert_eq!(different(&entry, 2, &[]), (vec![1, 2], (2, 6)), "0 answers nothing that 1 does not");
        assert_eq!(different(&entry, 2, &[1]), (vec![0, 2], (2, 5)), "1 was shown");
        assert_eq!(different(&entry, 9, &[]).0.len(), 4);
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
