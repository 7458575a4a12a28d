//! How much of a score words in common make.

use rcml_eval::metrics::mean;
use rcml_model::{ExactWords, Rcml, Share};

use crate::data::RunData;
use crate::validation::{METRIC, Validation, is_better};
use crate::{Event, Observer, Result, RunConfig};

/// Costs relations of training next to nothing.
const USUAL: f64 = 0.2;
/// Finds most under new relations (docs/decisions/0019), and more under those of training where rare words say most.
const LARGE: f64 = 0.5;
/// Share of the validation metric that words may cost under relations of training and still be trusted that much under new ones. What
/// costs more speaks against items with words in common.
const MOST_COST: f64 = 0.25;

/// The words beside the vectors of a trained model, and the validation metric with them where one decided: with the shares that were
/// asked for, or the usual ones, unless validation finds others better by more than chance. No words where no item has a text, or
/// they have no share.
pub(crate) fn exact_words(
    model: &Rcml,
    config: &RunConfig,
    data: &RunData,
    validation: Option<&Validation>,
    observer: &mut dyn Observer,
) -> Result<(Option<ExactWords>, Option<f64>)> {
    if !config.model.modalities.iter().any(|modality| modality.name == "text") {
        return Ok((None, None));
    }
    let asked = &config.model.exact_words;
    let found = match (asked.share, validation) {
        (Share::Exactly(share), _) => Found { share, new_share: share, value: None },
        (Share::Auto, None) => Found { share: USUAL, new_share: LARGE, value: None },
        (Share::Auto, Some(validation)) => {
            let words = |share| Some(data.exact.clone().with_share(share));
            let measure = |share| validation.measure(model, &config.model, &config.image, data, words(share));
            let [without, usual, large] = [measure(0.0)?, measure(USUAL)?, measure(LARGE)?];
            let found = choose(&without, &usual, &large);
            observer.event(&Event::Message(format!(
                "words in common make {} of a score, {} under new relations: {METRIC} {:.4}, without them {:.4}",
                found.share,
                found.new_share,
                found.value.unwrap_or_default(),
                value(&without)
            )));
            found
        }
    };
    let new_share = match asked.new_share {
        Share::Exactly(share) => share,
        Share::Auto => found.new_share,
    };
    let words = data.exact.clone().with_share(found.share).with_new_share(new_share, data.known());
    Ok((words.count_for_something().then_some(words), found.value))
}

struct Found {
    share: f64,
    new_share: f64,
    value: Option<f64>,
}

/// Shares by reciprocal ranks under relations of training without words, with the usual share and the large one.
fn choose(without: &[f64], usual: &[f64], large: &[f64]) -> Found {
    let (share, measured) = if is_better(large, usual, 1.0) {
        (LARGE, large)
    } else if is_better(without, usual, 2.0) {
        (0.0, without)
    } else {
        (USUAL, usual)
    };
    let is_cheap = |measured| value(measured) >= (1.0 - MOST_COST) * value(without);
    let new_share = if is_cheap(large) {
        LARGE
    } else if is_cheap(usual) {
        USUAL
    } else {
        0.0
    };
    Found { share, new_share, value: Some(value(measured)) }
}

fn value(ranks: &[f64]) -> f64 {
    mean(ranks).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_follow_what_words_bring_and_cost() {
        let ranks = |rank: f64| vec![rank; 400];
        for (without, usual, large, expected) in [
            (0.5, 0.5, 0.5, (0.2, 0.5)),
            (0.5, 0.6, 0.7, (0.5, 0.5)),
            (0.5, 0.45, 0.4, (0.0, 0.5)),
            (0.5, 0.45, 0.1, (0.0, 0.2)),
            (0.5, 0.1, 0.0, (0.0, 0.0)),
        ] {
            let found = choose(&ranks(without), &ranks(usual), &ranks(large));
            assert_eq!((found.share, found.new_share), expected, "{without} {usual} {large}");
        }
        // Too few questions to say what is better; what is dear shows.
        let found = choose(&ranks(0.5)[..20], &ranks(0.4)[..20], &ranks(0.1)[..20]);
        assert_eq!((found.share, found.new_share), (USUAL, USUAL));
    }
}
