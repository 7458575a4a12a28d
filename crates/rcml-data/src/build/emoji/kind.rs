//! "Another kind of bird": emoji of one subgroup of Unicode, in plain words.

use super::Draft;
use super::catalogue::{Entry, slug};
use super::keyword::pairs;
use crate::Relation;

/// Subgroups, then what one and several of them are called. Several subgroups make a wider kind.
const KINDS: &[(&[&str], &str, &str)] = &[
    // Wider kinds first: they are what people ask for.
    (
        &["animal-mammal", "animal-bird", "animal-amphibian", "animal-reptile", "animal-marine", "animal-bug"],
        "animal",
        "animals",
    ),
    (&["plant-flower", "plant-other"], "plant", "plants"),
    (&["food-fruit", "food-vegetable", "food-prepared", "food-asian", "food-sweet"], "food", "foods"),
    (&["transport-ground", "transport-water", "transport-air"], "vehicle", "vehicles"),
    (&["place-map", "place-geographic", "place-building", "place-religious", "place-other"], "place", "places"),
    (
        &[
            "face-smiling",
            "face-affection",
            "face-tongue",
            "face-hand",
            "face-neutral-skeptical",
            "face-sleepy",
            "face-unwell",
            "face-hat",
            "face-glasses",
            "face-concerned",
            "face-negative",
            "face-costume",
        ],
        "face",
        "faces",
    ),
    (
        &[
            "hand-fingers-open",
            "hand-fingers-partial",
            "hand-single-finger",
            "hand-fingers-closed",
            "hands",
            "hand-prop",
        ],
        "hand gesture",
        "hand gestures",
    ),
    (&["face-smiling"], "smiling face", "smiling faces"),
    (&["face-affection"], "affectionate face", "affectionate faces"),
    (&["face-tongue"], "face with its tongue out", "faces with their tongues out"),
    (&["face-hand"], "face with a hand", "faces with hands"),
    (&["face-neutral-skeptical"], "neutral or sceptical face", "neutral or sceptical faces"),
    (&["face-sleepy"], "sleepy face", "sleepy faces"),
    (&["face-unwell"], "unwell face", "unwell faces"),
    (&["face-hat"], "face with a hat", "faces with hats"),
    (&["face-glasses"], "face with glasses", "faces with glasses"),
    (&["face-concerned"], "worried or sad face", "worried or sad faces"),
    (&["face-negative"], "angry or evil face", "angry or evil faces"),
    (&["face-costume"], "costumed creature", "costumed creatures"),
    (&["cat-face"], "cat face", "cat faces"),
    (&["monkey-face"], "wise monkey", "wise monkeys"),
    (&["heart"], "heart", "hearts"),
    (&["emotion"], "sign of emotion", "signs of emotion"),
    (&["hand-fingers-open"], "open hand", "open hands"),
    (&["hand-fingers-partial"], "finger sign", "finger signs"),
    (&["hand-single-finger"], "pointing finger", "pointing fingers"),
    (&["hand-fingers-closed"], "closed hand", "closed hands"),
    (&["hands"], "sign made with both hands", "signs made with both hands"),
    (&["hand-prop"], "hand that holds something", "hands that hold something"),
    (&["body-parts"], "part of the body", "parts of the body"),
    (&["person"], "person of some age or hair", "people of some age or hair"),
    (&["person-gesture"], "person making a gesture", "people making gestures"),
    (&["person-role"], "person with a profession or role", "people with professions or roles"),
    (&["person-fantasy"], "fantasy figure", "fantasy figures"),
    (&["person-activity"], "person in everyday activity", "people in everyday activity"),
    (&["person-sport"], "person doing sport", "people doing sport"),
    (&["person-resting"], "person at rest", "people at rest"),
    (&["family"], "couple or family", "couples or families"),
    (&["person-symbol"], "outline of people", "outlines of people"),
    (&["animal-mammal"], "mammal", "mammals"),
    (&["animal-bird"], "bird", "birds"),
    (&["animal-reptile"], "reptile", "reptiles"),
    (&["animal-marine"], "sea animal", "sea animals"),
    (&["animal-bug"], "bug", "bugs"),
    (&["plant-flower"], "flower", "flowers"),
    (&["plant-other"], "tree, herb or leaf", "trees, herbs or leaves"),
    (&["food-fruit"], "fruit", "fruits"),
    (&["food-vegetable"], "vegetable", "vegetables"),
    (&["food-prepared"], "prepared dish", "prepared dishes"),
    (&["food-asian"], "Asian dish", "Asian dishes"),
    (&["food-sweet"], "sweet", "sweets"),
    (&["drink"], "drink", "drinks"),
    (&["dishware"], "piece of tableware", "pieces of tableware"),
    (&["place-map"], "map or globe", "maps or globes"),
    (&["place-geographic"], "landscape", "landscapes"),
    (&["place-building"], "building", "buildings"),
    (&["place-religious"], "place of worship", "places of worship"),
    (&["place-other"], "scenic or amusement spot", "scenic or amusement spots"),
    (&["transport-ground"], "land transport", "things of land transport"),
    (&["transport-water"], "boat or thing of the harbour", "boats and things of the harbour"),
    (&["transport-air"], "aircraft or thing of the airport", "aircraft and things of the airport"),
    (&["hotel"], "thing of a hotel", "things of a hotel"),
    (&["time"], "clock or watch", "clocks or watches"),
    (&["sky-weather"], "weather or thing in the sky", "weather and things in the sky"),
    (&["event"], "thing of a celebration", "things of a celebration"),
    (&["award-medal"], "award", "awards"),
    (&["sport"], "piece of sports equipment", "pieces of sports equipment"),
    (&["game"], "game or toy", "games or toys"),
    (&["arts-crafts"], "thing of arts and crafts", "things of arts and crafts"),
    (&["clothing"], "piece of clothing", "pieces of clothing"),
    (&["sound"], "thing that makes sound", "things that make sound"),
    (&["music"], "thing of music making", "things of music making"),
    (&["musical-instrument"], "musical instrument", "musical instruments"),
    (&["phone"], "telephone", "telephones"),
    (&["computer"], "piece of computer equipment", "pieces of computer equipment"),
    (&["light-video"], "light or camera", "lights or cameras"),
    (&["book-paper"], "book or paper", "books or papers"),
    (&["money"], "form of money", "forms of money"),
    (&["mail"], "piece of mail", "pieces of mail"),
    (&["writing"], "writing tool", "writing tools"),
    (&["office"], "piece of office equipment", "pieces of office equipment"),
    (&["lock"], "lock or key", "locks or keys"),
    (&["tool"], "tool or weapon", "tools or weapons"),
    (&["science"], "scientific instrument", "scientific instruments"),
    (&["medical"], "medical thing", "medical things"),
    (&["household"], "household object", "household objects"),
    (&["other-object"], "odd object", "odd objects"),
    (&["transport-sign"], "public information sign", "public information signs"),
    (&["warning"], "warning or prohibition sign", "warning or prohibition signs"),
    (&["arrow"], "arrow", "arrows"),
    (&["religion"], "religious symbol", "religious symbols"),
    (&["zodiac"], "zodiac sign", "zodiac signs"),
    (&["av-symbol"], "media control button", "media control buttons"),
    (&["gender"], "gender symbol", "gender symbols"),
    (&["math"], "mathematical sign", "mathematical signs"),
    (&["punctuation"], "punctuation mark", "punctuation marks"),
    (&["currency"], "currency sign", "currency signs"),
    (&["other-symbol"], "miscellaneous symbol", "miscellaneous symbols"),
    (&["keycap"], "keycap", "keycaps"),
    (&["alphanum"], "sign with letters", "signs with letters"),
    (&["geometric"], "geometric shape", "geometric shapes"),
    (&["flag"], "plain or symbolic flag", "plain or symbolic flags"),
    (&["country-flag"], "country flag", "country flags"),
    (&["subdivision-flag"], "flag of a part of a country", "flags of parts of a country"),
];

/// One symmetric relation per kind, all pairs of its members without tone.
pub(super) fn drafts(entries: &[Entry]) -> Vec<Draft> {
    KINDS
        .iter()
        .map(|(subgroups, one, many)| {
            let member = |e: &Entry| e.base.is_none() && subgroups.contains(&e.subgroup);
            let members: Vec<u32> =
                entries.iter().enumerate().filter(|(_, e)| member(e)).map(|(i, _)| i as u32).collect();
            let article = if one.starts_with(['a', 'e', 'i', 'o', 'u', 'A']) { "an" } else { "a" };
            let relation = Relation::new(format!("kind-{}", slug(one)), format!("another kind of {one}"))
                .phrasing(format!("is also {article} {one}"))
                .phrasing(format!("both are {many}"))
                .phrasing(format!("one more of the {many}"))
                .phrasing(format!("a different {one}"))
                .symmetric(true)
                .family("kind");
            Draft { relation, pairs: pairs(&members) }
        })
        // Three members or fewer cannot be split.
        .filter(|draft| draft.pairs.len() >= 6)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::emoji::{catalogue, stream};

    #[test]
    fn every_subgroup_of_two_has_a_name() {
        let entries = catalogue::entries(0, &mut stream(0, 0)).unwrap();
        for entry in &entries {
            let named = KINDS.iter().any(|(subgroups, ..)| subgroups.contains(&entry.subgroup));
            assert!(named, "{} has no plain word", entry.subgroup);
        }
        for (subgroups, ..) in KINDS {
            assert!(subgroups.iter().all(|s| entries.iter().any(|e| e.subgroup == *s)), "{subgroups:?} has no emoji");
        }
    }
}
