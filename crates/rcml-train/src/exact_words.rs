//! How much of a score words in common make.

use rcml_eval::metrics::mean;
use rcml_model::{ExactWords, Rcml, Share};

use crate::data::RunData;
use crate::validation::{METRIC, Validation, is_better};
use crate::{Event, Observer, Result, RunConfig};

/// Costs seen relations next to nothing, and more under new ones is not better everywhere (docs/decisions/0018 and 0019).
const USUAL: f64 = 0.2;
/// For catalogues in which rare words say most.
const LARGE: f64 = 0.5;
/// Share of the validation metric that words may cost. It ranks few items, and under seen relations alone: what it says against words is half of the truth.
const MOST_COST: f64 = 0.05;

/// The words beside the vectors of a trained model, and the validation metric with them where one decided: with the share that was asked
/// for, or the usual one, unless validation finds that more is better by more than chance, or that words cost too much. No words where no
/// item has a text, or their share is 0.
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
    let with = |share| (share > 0.0).then(|| data.exact.clone().with_share(share));
    let validation = match (config.model.exact_words.share, validation) {
        (Share::Exactly(share), _) => return Ok((with(share), None)),
        (Share::Auto, None) => return Ok((with(USUAL), None)),
        (Share::Auto, Some(validation)) => validation,
    };
    let measure = |share| validation.measure(model, &config.model, &config.image, data, with(share));
    let [without, usual, large] = [measure(0.0)?, measure(USUAL)?, measure(LARGE)?];
    let value = |found: &[f64]| mean(found).unwrap_or_default();
    let cost = value(&without) - value(&usual);
    let (share, found) = if is_better(&large, &usual, 1.0) {
        (LARGE, &large)
    } else if cost > MOST_COST * value(&without) && is_better(&without, &usual, 2.0) {
        (0.0, &without)
    } else {
        (USUAL, &usual)
    };
    observer.event(&Event::Message(message(share, value(found), value(&without))));
    Ok((with(share), Some(value(found))))
}

/// What was decided, and where validation has less of it, why: relations that are new are no part of it.
fn message(share: f64, found: f64, without: f64) -> String {
    let why = match share > 0.0 && found < without {
        true => {
            "; a small loss here is accepted, since relations that are new gain from words \
                 (`--set model.exact_words.share=0` goes without)"
        }
        false => "",
    };
    format!("words in common make {share} of a score: {METRIC} {found:.4}, without them {without:.4}{why}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_is_explained() {
        let told = message(0.2, 0.3482, 0.3660);
        assert!(told.contains("validation_mrr 0.3482, without them 0.3660; a small loss here is accepted"), "{told}");
        assert!(told.contains("`--set model.exact_words.share=0`"), "{told}");
        for (share, found) in [(0.0, 0.366), (0.5, 0.4)] {
            assert!(!message(share, found, 0.366).contains("loss"));
        }
    }
}
