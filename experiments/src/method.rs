//! What is trained: presets, and what changes one thing of them.

/// A preset with settings, under a name of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Method {
    pub(crate) name: &'static str,
    pub(crate) preset: &'static str,
    pub(crate) settings: &'static [&'static str],
    /// The table that it stands in, behind the preset that it changes.
    pub(crate) table: &'static str,
}

/// The table of the presets.
pub(crate) const MAIN: &str = "Methods";
pub(crate) const PAPER: &str = "Ablations of the paper's method";
pub(crate) const BETA: &str = "Beta of the paper's method";
pub(crate) const OURS: &str = "Pool x modulate";
pub(crate) const PARTS: &str = "Parts of rcml, taken away or changed one at a time";

const fn preset(name: &'static str) -> Method {
    Method { name, preset: name, settings: &[], table: MAIN }
}

const fn paper(name: &'static str, settings: &'static [&'static str]) -> Method {
    Method { name, preset: "rcml-paper", settings, table: PAPER }
}

const fn beta(name: &'static str, settings: &'static [&'static str]) -> Method {
    Method { name, preset: "rcml-paper", settings, table: BETA }
}

const fn ours(name: &'static str, settings: &'static [&'static str]) -> Method {
    Method { name, preset: "rcml", settings, table: OURS }
}

const fn part(name: &'static str, settings: &'static [&'static str]) -> Method {
    Method { name, preset: "rcml", settings, table: PARTS }
}

/// Freezes the encoders; says nothing where they are frozen anyway.
const FROZEN: &[&str] = &["optimizer.rates.text=0", "optimizer.rates.image=0"];

/// Says nothing where a pretrained encoder reads the texts.
const WORDS_AT_RANDOM: &[&str] = &["model.text.words=random"];

/// All methods; the reference of every comparison comes first.
pub(crate) const METHODS: &[Method] = &[
    preset("rcml"),
    preset("rcml-paper"),
    preset("gate"),
    preset("clip-relations-text"),
    preset("clip-relations"),
    preset("clip"),
    preset("siglip"),
    // The paper's four, then what it leaves open.
    paper("paper, no inter-item edges", &["objective.related=0.0"]),
    paper("paper, no intra-modal terms", &["objective.intra=0.0"]),
    paper("paper, no relation words", &["model.relation_words=false"]),
    paper("paper, frozen encoders", FROZEN),
    paper("paper, identity at the start", &["model.conditioner.attention.init=identity"]),
    paper("paper, lambda 0.25", &["objective.intra=0.25"]),
    paper("paper, lambda 1", &["objective.intra=1.0"]),
    paper("paper, learned temperature", &["objective.temperature.learned=true"]),
    paper("paper, temperature 0.05", &["objective.temperature.initial=0.05"]),
    paper("paper, wrong-relation negatives", &["objective.relation_specific_negatives=true"]),
    paper("paper, query side alone", &["model.side=query"]),
    paper("paper, summary bias 10", &["model.conditioner.attention.summary_bias={scale=10.0}"]),
    paper("paper, hard summary bias", &["model.conditioner.attention.summary_bias=hard"]),
    beta("paper, beta 0", &["model.conditioner.attention.beta=0.0"]),
    beta("paper, beta 0.3", &["model.conditioner.attention.beta=0.3"]),
    beta("paper, beta 0.9", &["model.conditioner.attention.beta=0.9"]),
    beta("paper, beta 1", &["model.conditioner.attention.beta=1.0"]),
    ours("summary, none", &["model.conditioner.pool=summary", "model.conditioner.modulate=none"]),
    // Summary and gate is the preset `gate`.
    ours("summary, low-rank", &["model.conditioner.pool=summary", "model.conditioner.modulate=low-rank"]),
    ours("summary, low-rank-gate", &["model.conditioner.pool=summary"]),
    ours("attention, none", &["model.conditioner.modulate=none"]),
    ours("attention, gate", &["model.conditioner.modulate=gate"]),
    ours("attention, low-rank", &["model.conditioner.modulate=low-rank"]),
    part("rcml, no relation words", &["model.relation_words=false"]),
    part("rcml, no inter-item edges", &["objective.related=0.0"]),
    part("rcml, no inter-modal terms", &["objective.inter=0.0"]),
    part("rcml, no intra-modal terms", &["objective.intra=0.0"]),
    part("rcml, no fused term", &["objective.fused=0.0"]),
    part("rcml, no wrong-relation negatives", &["objective.relation_specific_negatives=false"]),
    part("rcml, query side alone", &["model.side=query"]),
    part("rcml, no roles", &["model.roles=none"]),
    part("rcml, not centred", &["model.center=false"]),
    part("rcml, plain mean of modalities", &["model.fusion=mean"]),
    part("rcml, no translation", &["model.translate=false"]),
    part("rcml, words at random", WORDS_AT_RANDOM),
    part("rcml, no exact words", &["model.exact_words.share=0"]),
    part("rcml, no gate on the residual", &["model.conditioner.attention.residual=false"]),
    part("rcml, random start of attention", &["model.conditioner.attention.init=random"]),
    part("rcml, 4 heads", &["model.conditioner.attention.heads=4"]),
    part("rcml, 1 relation a batch", &["sampler.relations=1"]),
    part("rcml, 4 relations a batch", &["sampler.relations=4"]),
    part("rcml, fixed temperature", &["objective.temperature.learned=false"]),
    part("rcml, frozen encoders", FROZEN),
];

impl Method {
    /// Whether it changes nothing where encoders are frozen from the start.
    pub(crate) fn freezes(&self) -> bool {
        self.settings == FROZEN
    }

    /// Whether it changes nothing where a pretrained encoder reads the texts.
    pub(crate) fn starts_words(&self) -> bool {
        self.settings == WORDS_AT_RANDOM
    }

    /// Whether training reads the text of every pair of item and relation anew: with a pretrained encoder, which no cache can spare
    /// that, it takes longer than all other methods together.
    pub(crate) fn rereads(&self) -> bool {
        self.preset == "clip-relations-text"
    }

    /// The preset that an ablation changes.
    pub(crate) fn base(&self) -> &'static Self {
        METHODS.iter().find(|method| method.name == self.preset).unwrap_or(&METHODS[0])
    }
}

/// A name as part of a path.
pub(crate) fn slug(name: &str) -> String {
    let words: String = name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
    words.split('-').filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use rcml_train::RunConfig;

    use super::*;

    /// A setting that no run understands would break its cell after hours.
    #[test]
    fn every_method_is_a_run_of_its_own() {
        let mut seen = HashSet::new();
        for method in METHODS {
            let settings: Vec<String> = method.settings.iter().map(ToString::to_string).collect();
            let config = RunConfig::resolve(Some(method.preset), None, &settings, None);
            let mut config = config.unwrap_or_else(|error| panic!("{}: {error}", method.name));
            config.preset.clear();
            let text = format!("{config:?}");
            assert!(seen.insert(text), "{} is another method under a new name", method.name);
            assert_eq!(method.base().preset, method.preset);
        }
        let names: HashSet<String> = METHODS.iter().map(|method| slug(method.name)).collect();
        assert_eq!(names.len(), METHODS.len());
    }

    #[test]
    fn slugs_are_file_names() {
        assert_eq!(slug("paper, beta 0.3"), "paper-beta-0.3");
    }
}
