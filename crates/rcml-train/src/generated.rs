//! Generated negatives: texts that no item of a batch has.

use std::collections::HashMap;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rcml_data::Item;
use rcml_kernels::SparseRows;

/// The attribute of an item that lists texts which do not describe it.
const GIVEN: &str = "negatives";

/// One text for each item that has a text: drawn from the item's own `negatives` where it lists some, else its words in another
/// order, which a model that reads a text as a bag of words cannot tell from the right one. Texts without another order give none.
pub(crate) fn wrong_texts<'a>(items: impl Iterator<Item = &'a Item>, rng: &mut ChaCha8Rng) -> Vec<String> {
    items.filter_map(|item| wrong_text(item, rng)).collect()
}

/// For each item the texts that are its own after all: another item's words in another order, or what another one lists as wrong, may
/// be just what an item says. A text is the same with other spaces or capitals.
pub(crate) fn right_texts<'a>(texts: &[String], items: impl Iterator<Item = &'a Item>) -> SparseRows {
    let plain = |text: &str| text.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>();
    let mut saying: HashMap<Vec<String>, Vec<u32>> = HashMap::new();
    texts.iter().zip(0..).for_each(|(text, column)| saying.entry(plain(text)).or_default().push(column));
    SparseRows::new(items.map(|item| {
        let same = item.text.as_deref().and_then(|text| saying.get(&plain(text)));
        same.into_iter().flatten().copied().collect::<Vec<_>>()
    }))
}

fn wrong_text(item: &Item, rng: &mut ChaCha8Rng) -> Option<String> {
    let text = item.text.as_deref()?;
    let given = item.attributes.get(GIVEN).and_then(|value| value.as_array());
    let given: Vec<&str> = given.into_iter().flatten().filter_map(|value| value.as_str()).collect();
    if !given.is_empty() {
        return Some(given[rng.random_range(0..given.len())].into());
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    if words.iter().all(|word| *word == words[0]) {
        return None;
    }
    let mut shuffled = words.clone();
    while shuffled == words {
        for i in (1..shuffled.len()).rev() {
            shuffled.swap(i, rng.random_range(0..=i));
        }
    }
    Some(shuffled.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    /// The words of one item in another order are the text of another, and a listed one that of a third.
    #[test]
    fn a_wrong_text_may_be_another_items_own() {
        let items = [
            Item::new("a").text("hat lamp"),
            Item::new("b").text("Lamp  hat"),
            Item::new("c"),
            Item::new("d").text("mug"),
        ];
        let texts = ["lamp hat", "hat lamp", "mug", "bag"].map(String::from);
        let right = right_texts(&texts, items.iter());
        assert_eq!(right, SparseRows::new([vec![1], vec![0], vec![], vec![2]]));
    }

    #[test]
    fn texts_are_given_or_shuffled() {
        let mut given = Item::new("a").text("a red hat");
        given.attributes.insert(GIVEN.into(), serde_json::json!(["a blue hat"]));
        let items = [
            given,
            Item::new("b").text("one"),
            Item::new("c"),
            Item::new("d").text("a green lamp"),
            Item::new("e").text("so so"),
        ];
        for seed in 0..20 {
            let texts = wrong_texts(items.iter(), &mut ChaCha8Rng::seed_from_u64(seed));
            assert_eq!(texts[..1], ["a blue hat"]);
            let mut words: Vec<&str> = texts[1].split(' ').collect();
            assert!(texts.len() == 2 && texts[1] != "a green lamp", "{texts:?}");
            words.sort_unstable();
            assert_eq!(words, ["a", "green", "lamp"]);
        }
    }
}
