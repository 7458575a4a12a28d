//! Generated negatives: texts that no item of a batch has.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rcml_data::Item;

/// The attribute of an item that lists texts which do not describe it.
const GIVEN: &str = "negatives";

/// One text for each item that has a text: drawn from the item's own `negatives` where it lists some, else its words in another
/// order, which a model that reads a text as a bag of words cannot tell from the right one. Texts without another order give none.
pub(crate) fn wrong_texts<'a>(items: impl Iterator<Item = &'a Item>, rng: &mut ChaCha8Rng) -> Vec<String> {
    items.filter_map(|item| wrong_text(item, rng)).collect()
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
