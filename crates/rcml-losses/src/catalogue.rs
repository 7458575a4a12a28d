//! Every method in one table: what runs, documentation and tests are made from.

mod methods;
mod suggest;

pub use methods::METHODS;
pub(crate) use suggest::nearest;

/// Where a method's formula comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provenance {
    /// Read in the authors' public code.
    Code,
    /// The published formula, not compared with code.
    Paper,
    /// From a third party's account.
    Secondary,
    /// The source fixes the mechanism but not the formula: the formula is ours, and "X-style" its name.
    Ours,
}

impl Provenance {
    /// As in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Paper => "paper",
            Self::Secondary => "secondary",
            Self::Ours => "ours",
        }
    }
}

/// Where a run can use a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Between anchors and candidates: over related pairs, or over the modalities of one item.
    Pairs,
    /// Between the modalities of one item, row by row.
    Items,
    /// From Rust alone: it needs what a run does not have, which is named.
    Library(&'static str),
}

/// A number that a method can be given.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parameter {
    /// Key in `parameters`.
    pub name: &'static str,
    /// Value where none is given.
    pub default: f64,
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
    /// What it is.
    pub what: &'static str,
}

/// A published method.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MethodInfo {
    /// Its name in a configuration.
    pub name: &'static str,
    /// The function in [`crate::methods`].
    pub function: &'static str,
    /// Title or authors, and year.
    pub source: &'static str,
    /// Where the formula comes from.
    pub provenance: Provenance,
    /// Scorer, candidates, targets, divergence.
    pub sockets: [&'static str; 4],
    /// The formula.
    pub formula: &'static str,
    /// When to use it.
    pub when: &'static str,
    /// Where a run can use it.
    pub place: Place,
    /// Whether it divides scores by a temperature.
    pub temperature: bool,
    /// Numbers that it can be given.
    pub parameters: &'static [Parameter],
    /// Its value on the fixture of the tests.
    pub oracle: f64,
    /// What the fixture is, beyond X = A, Y = B and tau = 0.5.
    pub fixture: &'static str,
}

/// A method by name.
///
/// # Errors
/// An unknown name: says which names are near it.
pub fn method(name: &str) -> Result<&'static MethodInfo, String> {
    METHODS.iter().find(|method| method.name == name).ok_or_else(|| {
        let names: Vec<&str> = METHODS.iter().map(|method| method.name).collect();
        format!("unknown method {name:?}; {}", nearest(name, &names))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found() {
        for (index, info) in METHODS.iter().enumerate() {
            assert!(METHODS[..index].iter().all(|other| other.name != info.name), "{}", info.name);
            assert_eq!(method(info.name).unwrap(), info);
            for parameter in info.parameters {
                assert!(
                    (parameter.min..=parameter.max).contains(&parameter.default),
                    "{} {}",
                    info.name,
                    parameter.name
                );
            }
        }
    }

    #[test]
    fn a_misspelt_name_gets_the_nearest() {
        for (wrong, right) in [("siglib", "siglip"), ("SupCon", "sup-con"), ("infonce", "info-nce"), ("grams", "gram")]
        {
            let message = method(wrong).unwrap_err();
            assert!(message.contains(&format!("`{right}`")), "{message}");
        }
        assert!(method("zzzzzzzz").unwrap_err().contains("known are"));
    }
}
