//! Sentences made of a cluster's statistics.
//!
//! ```text
//! sentence = frame(habit, primary, along, lower, minimal)     six frames, in one order for all clusters
//! habit    = "almost exclusively" | "primarily" | "often" | "especially"       by the share of `primary`
//! primary  = the category that sets the cluster apart the most: largest share x ln(lift)
//! along    = up to two further categories that are taken more than usual and are 4 % or more
//! lower    = the category whose share falls most short of the usual one, at 0.25 to 0.8 of it; 2 % or more overall
//! minimal  = the same at less than 0.25 of it
//! ```
//!
//! A clause whose category does not exist is left out. Clusters whose sentences would be equal name more of `along`, then
//! the share of `primary`.

use serde::Serialize;

use super::profile::{CategoryShare, ClusterProfile};

/// Frames of a sentence: phrasings of a relation.
pub(crate) const FRAMES: usize = 6;

/// What a sentence mentions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Words {
    pub(crate) primary: String,
    pub(crate) along: Vec<String>,
    pub(crate) lower: Option<String>,
    pub(crate) minimal: Option<String>,
    #[serde(skip)]
    habit: &'static str,
    /// Percent, where nothing else tells two clusters apart.
    #[serde(skip)]
    percent: Option<u32>,
}

impl Words {
    fn of(profile: &ClusterProfile, along: usize) -> Option<Self> {
        let mut ranked: Vec<&CategoryShare> = profile.categories.iter().collect();
        ranked.sort_by(|a, b| b.contribution().total_cmp(&a.contribution()));
        // Where the cluster is everybody, nothing sets it apart: what is taken most is then what there is to say.
        let first = if ranked.first()?.contribution() > 1e-9 { ranked[0] } else { profile.categories.first()? };
        let more = ranked.iter().filter(|c| c.lift > 1.0 && c.share >= 0.04 && c.name != first.name);
        let along: Vec<String> = more.take(along).map(|c| c.name.clone()).collect();
        let less = |c: &&&CategoryShare| c.name != first.name && !along.contains(&c.name);
        let short = |least: f64, most: f64| {
            let within = ranked.iter().filter(less).filter(|c| (least..most).contains(&c.lift) && c.overall >= 0.02);
            within.max_by(|a, b| (a.overall - a.share).total_cmp(&(b.overall - b.share)))
        };
        let (missed, minimal) = (short(0.25, 0.8), short(0.0, 0.25));
        let habit = match first.share {
            0.8.. => "almost exclusively",
            0.5.. => "primarily",
            0.3.. => "often",
            _ => "especially",
        };
        Some(Self {
            primary: first.name.clone(),
            lower: missed.map(|c| c.name.clone()),
            minimal: minimal.map(|c| c.name.clone()),
            along,
            habit,
            percent: None,
        })
    }

    /// The sentence of a frame.
    fn sentence(&self, frame: usize, verb: &Verb) -> String {
        let Verb { plain, gerund, together } = verb;
        let Self { primary, habit, .. } = self;
        let along = list(&self.along);
        let clause = |text: Option<&str>, before: &str, after: &str| {
            text.map(|text| format!("{before}{text}{after}")).unwrap_or_default()
        };
        let along = |before: &str, after: &str| clause(along.as_deref(), before, after);
        let lower = |before: &str, after: &str| clause(self.lower.as_deref(), before, after);
        let minimal = |before: &str| clause(self.minimal.as_deref(), before, "");
        let both = self.lower.is_some() && self.minimal.is_some();
        let (and, or) = if both { (", and", " and") } else { (", with", " but") };
        let sentence = match frame {
            0 => {
                let rest = format!(
                    "{}{}",
                    lower(", while showing lower engagement in ", ""),
                    minimal(&format!("{and} minimal interest in "))
                );
                format!("{together} by people who {habit} {plain} {primary}{}{rest}", along(", along with ", ""))
            }
            1 => format!(
                "{together} by people given to {gerund} {primary}{}{}{}",
                along(" as well as ", ""),
                lower(", less so ", ""),
                minimal(", and hardly ever ")
            ),
            2 => format!(
                "both are for people with a taste for {primary}{}{}{}",
                along(" and also for ", ""),
                lower("; ", " interests them less"),
                minimal("; they care little for ")
            ),
            3 => format!(
                "goes with it for someone who would {habit} {plain} {primary}{}{}{}",
                along(" and besides that ", ""),
                lower(", not so much ", ""),
                minimal(&format!("{or} next to no "))
            ),
            4 => format!(
                "another choice of those who {plain} more {primary}{} than most{}{}",
                along(", ", ""),
                lower(" and less ", ""),
                minimal("; almost none of them want ")
            ),
            _ => format!(
                "people who {habit} {plain} {primary} {plain} both{}{}{}",
                along(&format!("; they also {plain} "), ""),
                lower(", but rarely ", ""),
                minimal("; they leave out ")
            ),
        };
        match self.percent {
            Some(percent) => format!("{sentence} ({primary}: about {percent} of 100)"),
            None => sentence,
        }
    }
}

fn list(names: &[String]) -> Option<String> {
    match names {
        [] => None,
        [one] => Some(one.clone()),
        [most @ .., last] => Some(format!("{} and {last}", most.join(", "))),
    }
}

/// The forms of a verb that the frames need.
pub(crate) struct Verb {
    plain: String,
    gerund: String,
    together: String,
}

impl Verb {
    /// Forms of the usual verbs; of others, as a rule of thumb makes them.
    pub(crate) fn new(plain: &str) -> Self {
        let forms = |gerund: &str, together: &str| Self {
            plain: plain.into(),
            gerund: gerund.into(),
            together: together.into(),
        };
        match plain {
            "buy" => forms("buying", "co-purchased"),
            "read" => forms("reading", "read together"),
            "watch" => forms("watching", "watched together"),
            "play" => forms("playing", "played together"),
            "use" => forms("using", "used together"),
            "listen to" => forms("listening to", "listened to together"),
            "like" => forms("liking", "liked together"),
            "review" => forms("reviewing", "reviewed together"),
            other => {
                let (word, rest) = other.split_once(' ').map_or((other, String::new()), |(w, r)| (w, format!(" {r}")));
                forms(&format!("{}ing{rest}", word.strip_suffix('e').unwrap_or(word)), "chosen together")
            }
        }
    }
}

/// The words and the phrasings of each cluster, the first one canonical. No two clusters have equal ones, unless their
/// statistics are equal.
pub(crate) fn describe(profiles: &[ClusterProfile]) -> Vec<(Words, Vec<String>)> {
    let nothing = || Words {
        primary: "everything".into(),
        along: Vec::new(),
        lower: None,
        minimal: None,
        habit: "often",
        percent: None,
    };
    let mut along = vec![2; profiles.len()];
    let words = |i: usize, along: &[usize]| Words::of(&profiles[i], along[i]).unwrap_or_else(nothing);
    let mut all: Vec<Words> = (0..profiles.len()).map(|i| words(i, &along)).collect();
    for _ in 0..4 {
        let twins = twins(&all);
        for &i in &twins {
            along[i] += 1;
            all[i] = words(i, &along);
        }
    }
    for i in twins(&all) {
        let share = profiles[i].categories.iter().find(|c| c.name == all[i].primary).map_or(0.0, |c| c.share);
        all[i].percent = Some((share * 100.0).round() as u32);
    }
    let phrasings = |(words, profile): (Words, &ClusterProfile)| {
        let verb = Verb::new(&profile.verb);
        let sentences = (0..FRAMES).map(|frame| words.sentence(frame, &verb)).collect();
        (words, sentences)
    };
    all.into_iter().zip(profiles).map(phrasings).collect()
}

/// The clusters whose words another one has too.
fn twins(all: &[Words]) -> Vec<usize> {
    (0..all.len()).filter(|&i| all.iter().enumerate().any(|(j, other)| j != i && *other == all[i])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(shares: &[(&str, f64, f64)]) -> ClusterProfile {
        let category = |&(name, share, overall): &(&str, f64, f64)| CategoryShare {
            name: name.into(),
            share,
            overall,
            lift: share / overall,
        };
        ClusterProfile {
            cluster: 0,
            verb: "buy".into(),
            users: 1,
            share_of_users: 1.0,
            interactions: 1,
            categories: shares.iter().map(category).collect(),
            examples: Vec::new(),
        }
    }

    #[test]
    fn the_sentence_of_the_paper() {
        let feeding = profile(&[
            ("Feeding", 0.6, 0.2),
            ("Bathing", 0.15, 0.1),
            ("Nursery", 0.1, 0.09),
            ("Toys", 0.13, 0.3),
            ("Diapering", 0.02, 0.31),
        ]);
        let [(words, sentences)] = &describe(&[feeding])[..] else { panic!("one cluster") };
        assert_eq!(
            sentences[0],
            "co-purchased by people who primarily buy Feeding, along with Bathing and Nursery, while showing lower \
             engagement in Toys, and minimal interest in Diapering"
        );
        assert_eq!(words.along, ["Bathing", "Nursery"]);
        assert_eq!(sentences.iter().collect::<std::collections::BTreeSet<_>>().len(), FRAMES);
        assert!(
            sentences.iter().all(|s| s.contains("Feeding") && s.contains("Toys") && s.contains("Diapering")),
            "{sentences:#?}"
        );
    }

    #[test]
    fn clauses_without_a_category_are_left_out() {
        let [(_, sentences)] = &describe(&[profile(&[("A", 1.0, 1.0)])])[..] else { panic!("one cluster") };
        assert_eq!(sentences[0], "co-purchased by people who almost exclusively buy A");
        assert!(sentences.iter().all(|s| !s.contains(", ,") && !s.ends_with(' ')), "{sentences:#?}");
        let [(words, _)] = &describe(&[profile(&[])])[..] else { panic!("one cluster") };
        assert_eq!(words.primary, "everything");
    }

    #[test]
    fn two_clusters_of_the_same_taste_are_told_apart() {
        let (a, b) = (
            profile(&[("A", 0.5, 0.3), ("B", 0.2, 0.1), ("C", 0.15, 0.1), ("D", 0.1, 0.05)]),
            profile(&[("A", 0.5, 0.3), ("B", 0.2, 0.1), ("C", 0.15, 0.1), ("E", 0.1, 0.05)]),
        );
        let described = describe(&[a.clone(), b]);
        assert!(described[0].1[0].contains("B, C and D") || described[0].1[0].contains('D'), "{}", described[0].1[0]);
        assert_ne!(described[0].1[0], described[1].1[0]);
        let mut c = a.clone();
        c.categories[0].share = 0.55;
        let described = describe(&[a, c]);
        assert_ne!(described[0].1[0], described[1].1[0]);
    }
}
