//! The rules that relate synthetic items.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::factor::{COLOUR, FACTORS, Factors, POSITION, SHAPE, SIZE, SURFACE, TEXTURE, VALUES};
use crate::Relation;

/// What a rule asks of one factor of source and target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Match {
    Any,
    Same,
    Other,
    /// The target's value by the source's; [`NONE`] where there is none.
    Table([u8; 8]),
}
use Match::{Any, Other, Same, Table};

const NONE: u8 = u8::MAX;

/// A relation that holds exactly where every factor matches.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) id: &'static str,
    family: &'static str,
    pub(super) symmetric: bool,
    descriptions: &'static [&'static str],
    factors: [Match; FACTORS],
}

const fn factors<const N: usize>(matches: [(usize, Match); N]) -> [Match; FACTORS] {
    let mut all = [Any; FACTORS];
    let mut i = 0;
    while i < N {
        all[matches[i].0] = matches[i].1;
        i += 1;
    }
    all
}

const LARGER: Match = Table([1, 2, 3, NONE, NONE, NONE, NONE, NONE]);
const SMALLER: Match = Table([NONE, 0, 1, 2, NONE, NONE, NONE, NONE]);
/// Diagonally; the centre has no opposite.
const OPPOSITE: Match = Table([NONE, 4, 3, 2, 1, NONE, NONE, NONE]);
/// The hidden tables of "goes with": nothing but examples tells them.
const PARTNER_SHAPE: Match = Table([3, 4, 0, 6, 7, 2, 5, 1]);
const PARTNER_COLOUR: Match = Table([5, 2, 6, 0, 7, 1, 3, 4]);

/// All rules; the position is the relation's index in the dataset.
pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "same-look",
        family: "same",
        symmetric: true,
        descriptions: &[
            "has the same shape and the same colour",
            "agrees in shape and colour",
            "is the same figure in the same colour",
        ],
        factors: factors([(SHAPE, Same), (COLOUR, Same)]),
    },
    Rule {
        id: "same-finish",
        family: "same",
        symmetric: true,
        descriptions: &[
            "has the same texture on the same surface",
            "is patterned alike and lies on the same material",
            "agrees in texture and surface",
        ],
        factors: factors([(TEXTURE, Same), (SURFACE, Same)]),
    },
    Rule {
        id: "recoloured",
        family: "contrast",
        symmetric: true,
        descriptions: &[
            "has the same shape but another colour",
            "is the same figure in a different colour",
            "keeps the shape and changes the colour",
        ],
        factors: factors([(SHAPE, Same), (COLOUR, Other)]),
    },
    Rule {
        id: "reshaped",
        family: "contrast",
        symmetric: true,
        descriptions: &[
            "has the same colour but another shape",
            "is a different figure in the same colour",
            "keeps the colour and changes the shape",
        ],
        factors: factors([(SHAPE, Other), (COLOUR, Same)]),
    },
    Rule {
        id: "retextured",
        family: "contrast",
        symmetric: true,
        descriptions: &[
            "has the same shape and colour but another texture",
            "is the same coloured figure with a different pattern",
            "keeps shape and colour and changes the pattern",
        ],
        factors: factors([(SHAPE, Same), (COLOUR, Same), (TEXTURE, Other)]),
    },
    Rule {
        id: "larger",
        family: "scale",
        symmetric: false,
        descriptions: &[
            "the next larger version of it",
            "is one size bigger in the same shape and colour",
            "the same coloured figure, grown by one step",
        ],
        factors: factors([(SHAPE, Same), (COLOUR, Same), (SIZE, LARGER)]),
    },
    Rule {
        id: "smaller",
        family: "scale",
        symmetric: false,
        descriptions: &[
            "the next smaller version of it",
            "is one size littler in the same shape and colour",
            "the same coloured figure, shrunk by one step",
        ],
        factors: factors([(SHAPE, Same), (COLOUR, Same), (SIZE, SMALLER)]),
    },
    Rule {
        id: "goes-with",
        family: "goes-with",
        symmetric: false,
        descriptions: &["goes with it", "is the proper partner for it", "what tradition pairs it with"],
        factors: factors([(SHAPE, PARTNER_SHAPE), (COLOUR, PARTNER_COLOUR)]),
    },
    Rule {
        id: "same-place",
        family: "place",
        symmetric: true,
        descriptions: &[
            "sits in the same place in the same colour",
            "has the same position and colour",
            "agrees in where it is and in colour",
        ],
        factors: factors([(POSITION, Same), (COLOUR, Same)]),
    },
    Rule {
        id: "opposite-place",
        family: "place",
        symmetric: true,
        descriptions: &[
            "sits in the opposite corner in the same colour",
            "has the same colour and lies diagonally across",
            "is of one colour with it, in the corner facing it",
        ],
        factors: factors([(POSITION, OPPOSITE), (COLOUR, Same)]),
    },
];

impl Rule {
    /// Whether the rule holds from one combination of factors to another. (An item never relates to itself.)
    pub(super) fn holds(&self, source: Factors, target: Factors) -> bool {
        self.factors.iter().zip(source.0).zip(target.0).all(|((rule, a), b)| match rule {
            Any => true,
            Same => a == b,
            Other => a != b,
            Table(table) => table[usize::from(a)] == b,
        })
    }

    /// Draws a combination that the rule leads to; `None` where there is none.
    pub(super) fn target(&self, source: Factors, rng: &mut ChaCha8Rng) -> Option<Factors> {
        let mut target = source;
        for (f, rule) in self.factors.iter().enumerate() {
            let values = VALUES[f].len() as u32;
            target.0[f] = match rule {
                Same => source.0[f],
                Any => rng.random_range(0..values) as u8,
                Other => ((u32::from(source.0[f]) + rng.random_range(1..values)) % values) as u8,
                Table(table) if table[usize::from(source.0[f])] == NONE => return None,
                Table(table) => table[usize::from(source.0[f])],
            };
        }
        Some(target)
    }

    pub(super) fn relation(&self) -> Relation {
        Relation {
            id: self.id.into(),
            descriptions: self.descriptions.iter().map(|d| (*d).to_owned()).collect(),
            symmetric: self.symmetric,
            family: Some(self.family.into()),
            ..Relation::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn rule(id: &str) -> &'static Rule {
        RULES.iter().find(|r| r.id == id).unwrap()
    }

    #[test]
    fn symmetric_rules_are_symmetric_and_directed_ones_are_not() {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        for rule in RULES {
            let mut one_way = 0;
            for _ in 0..5000 {
                let a = Factors::draw(&mut rng);
                if let Some(b) = rule.target(a, &mut rng) {
                    assert!(rule.holds(a, b), "{}", rule.id);
                    one_way += usize::from(!rule.holds(b, a));
                }
            }
            assert_eq!(rule.symmetric, one_way == 0, "{}", rule.id);
            assert!(rule.descriptions.len() >= 3);
        }
    }

    #[test]
    fn opposing_relations_share_no_neighbour() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for (a, b) in [("recoloured", "reshaped"), ("same-look", "recoloured"), ("larger", "smaller")] {
            for _ in 0..2000 {
                let source = Factors::draw(&mut rng);
                if let Some(target) = rule(a).target(source, &mut rng) {
                    assert!(!rule(b).holds(source, target), "{a} {b}");
                }
            }
        }
    }

    #[test]
    fn larger_undoes_smaller() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        for _ in 0..1000 {
            let source = Factors::draw(&mut rng);
            if let Some(target) = rule("larger").target(source, &mut rng) {
                assert!(rule("smaller").holds(target, source));
            }
        }
    }
}
