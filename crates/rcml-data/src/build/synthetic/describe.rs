//! A description that says some of what there is to see, in varied words.

use rand::RngExt;
use rand::seq::{IndexedRandom, SliceRandom};
use rand_chacha::ChaCha8Rng;

use super::factor::{COLOUR, FACTORS, Factors, POSITION, SHAPE, SIZE, SURFACE, TEXTURE};

/// Words for each value of each factor, as its place in the sentence needs them.
const WORDS: [&[&[&str]]; FACTORS] = [
    &[
        &["disc", "circle", "round"],
        &["square", "box", "quadrangle"],
        &["triangle", "wedge", "three-cornered figure"],
        &["star", "five-pointed star", "starlet"],
        &["ring", "hoop", "circlet"],
        &["cross", "plus sign", "plus"],
        &["heart", "love heart", "valentine"],
        &["crescent", "half moon", "sickle"],
    ],
    &[
        &["red", "crimson", "scarlet"],
        &["orange", "amber", "tangerine"],
        &["yellow", "lemon", "golden"],
        &["green", "emerald", "grass-green"],
        &["cyan", "turquoise", "aqua"],
        &["blue", "azure", "cobalt"],
        &["purple", "violet", "lilac"],
        &["pink", "rose", "magenta"],
    ],
    &[
        &["in one plain tone", "without a pattern", "in flat colour"],
        &["with stripes", "with bands across", "in a striped pattern"],
        &["with dots", "with spots", "in polka dots"],
        &["with checks", "in a chequered pattern", "with a chessboard pattern"],
    ],
    &[
        &["tiny", "minute", "very small"],
        &["small", "little", "smallish"],
        &["large", "big", "sizeable"],
        &["huge", "giant", "very large"],
    ],
    &[
        &["in the middle", "at the centre", "right in the centre"],
        &["in the top left corner", "at the upper left", "up on the left"],
        &["in the top right corner", "at the upper right", "up on the right"],
        &["in the bottom left corner", "at the lower left", "down on the left"],
        &["in the bottom right corner", "at the lower right", "down on the right"],
    ],
    &[
        &["on paper", "on a white sheet", "on a page"],
        &["on wood", "on a wooden board", "on a plank"],
        &["on slate", "on a dark stone", "on a blackboard"],
        &["on cloth", "on woven fabric", "on a piece of linen"],
    ],
];

const OPENINGS: [&str; 6] = ["", "", "", "a picture of ", "there is ", "this shows "];
const THINGS: [&str; 4] = ["thing", "figure", "object", "form"];

/// Mentions two to four of the six factors.
pub(super) fn describe(factors: Factors, rng: &mut ChaCha8Rng) -> String {
    let mut mentioned: Vec<usize> = (0..FACTORS).collect();
    mentioned.shuffle(rng);
    mentioned.truncate(rng.random_range(2..5u32) as usize);
    let mut word = |f: usize| {
        mentioned.contains(&f).then(|| WORDS[f][usize::from(factors.0[f])].choose(rng).copied().unwrap_or_default())
    };
    let (size, colour) = (word(SIZE), word(COLOUR));
    let shape = word(SHAPE);
    let texture = word(TEXTURE);
    let mut around = vec![word(POSITION), word(SURFACE)];
    let noun = shape.or_else(|| THINGS.choose(rng).copied());
    around.shuffle(rng);
    let words: Vec<&str> = [size, colour, noun, texture].into_iter().chain(around).flatten().collect();
    let article = if words[0].starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    let opening = OPENINGS.choose(rng).copied().unwrap_or_default();
    format!("{opening}{article} {}", words.join(" "))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use rand::SeedableRng;

    use super::*;
    use crate::build::synthetic::factor::VALUES;

    #[test]
    fn it_says_two_to_four_true_things() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let mut texts = HashSet::new();
        for _ in 0..2000 {
            let factors = Factors::draw(&mut rng);
            let text = describe(factors, &mut rng);
            let said = |f: usize| WORDS[f][usize::from(factors.0[f])].iter().any(|w| text.contains(w));
            assert!((0..FACTORS).filter(|f| said(*f)).count() >= 2, "{text}");
            texts.insert(text);
        }
        assert!(texts.len() > 1500, "{}", texts.len());
    }

    #[test]
    fn every_value_has_words_of_its_own() {
        for (words, values) in WORDS.iter().zip(VALUES) {
            assert_eq!(words.len(), values.len());
            let all: Vec<_> = words.iter().flat_map(|w| w.iter()).collect();
            assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
        }
    }
}
