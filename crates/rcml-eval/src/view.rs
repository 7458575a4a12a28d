//! Which embedding of the query is compared with which embedding of a candidate.

use std::fmt;

/// One end of a comparison.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// The embedding of one modality: `text`, `image`, or a feature modality's name.
    Modality(String),
    /// The mean of the item's modality embeddings, over the modalities that it has, each as long as its model's confidence in it:
    /// the item's one embedding, which searching compares.
    Mean,
    /// The mean of the same as unit vectors, whatever the confidence.
    Plain,
}

impl Side {
    /// The side of a modality.
    pub fn modality(name: impl Into<String>) -> Self {
        Self::Modality(name.into())
    }

    fn letter(&self) -> Option<&'static str> {
        match self {
            Self::Modality(name) if name == "text" => Some("T"),
            Self::Modality(name) if name == "image" => Some("I"),
            _ => None,
        }
    }

    fn long(&self) -> &str {
        match self {
            Self::Modality(name) => name,
            Self::Mean => "mean",
            Self::Plain => "plain",
        }
    }
}

/// A pair of sides: the query's and the candidates'. The views of the paper are TT, II, TI (the query's text to a
/// candidate's image), IT and AVG (the cosine of the means of the modality embeddings, where a model's confidence in an embedding
/// is its length). `plain` leaves the confidence out; the two are the same for a model that fuses by the mean.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct View {
    /// Side of the query item.
    pub query: Side,
    /// Side of the candidates.
    pub candidate: Side,
}

impl View {
    /// A view of two modalities.
    pub fn new(query: impl Into<String>, candidate: impl Into<String>) -> Self {
        Self { query: Side::modality(query), candidate: Side::modality(candidate) }
    }

    /// AVG: the cosine of the means of the modality embeddings.
    pub fn avg() -> Self {
        Self { query: Side::Mean, candidate: Side::Mean }
    }

    /// `plain`: the cosine of the means of unit vectors.
    pub fn plain() -> Self {
        Self { query: Side::Plain, candidate: Side::Plain }
    }

    /// All ordered pairs of modalities (within one modality first), then AVG.
    pub fn all<S: AsRef<str>>(modalities: &[S]) -> Vec<Self> {
        let names = || modalities.iter().map(AsRef::as_ref);
        let within = names().map(|m| Self::new(m, m));
        let across = names().flat_map(|a| names().filter(move |b| *b != a).map(move |b| Self::new(a, b)));
        within.chain(across).chain(std::iter::once(Self::avg())).collect()
    }

    /// Whether the two sides are two different modalities.
    pub fn is_cross_modal(&self) -> bool {
        let is_modality = |side: &Side| matches!(side, Side::Modality(_));
        self.query != self.candidate && is_modality(&self.query) && is_modality(&self.candidate)
    }

    /// Name in tables and JSON: `TT`, `II`, `TI`, `IT`, `AVG`, `plain`; with other modalities `audio>text`.
    pub fn label(&self) -> String {
        match (self.query.letter(), self.candidate.letter()) {
            (Some(query), Some(candidate)) => format!("{query}{candidate}"),
            _ if self.query == Side::Mean && self.candidate == Side::Mean => "AVG".into(),
            _ if self.query == Side::Plain && self.candidate == Side::Plain => "plain".into(),
            _ => format!("{}>{}", self.query.long(), self.candidate.long()),
        }
    }
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(modalities: &[&str]) -> Vec<String> {
        View::all(modalities).iter().map(View::label).collect()
    }

    #[test]
    fn labels_are_those_of_the_paper() {
        assert_eq!(labels(&["image", "text"]), ["II", "TT", "IT", "TI", "AVG"]);
        assert_eq!(labels(&["text"]), ["TT", "AVG"]);
        assert_eq!(labels(&["text", "audio"]), ["TT", "audio>audio", "text>audio", "audio>text", "AVG"]);
    }

    #[test]
    fn ti_is_query_text_to_candidate_image() {
        let view = View::new("text", "image");
        assert_eq!(view.label(), "TI");
        assert!(view.is_cross_modal() && !View::avg().is_cross_modal() && !View::new("text", "text").is_cross_modal());
    }
}
