//! Metrics against scikit-learn, ranx, SciPy, statsmodels and NumPy: `fixtures/make_metrics.py` wrote the values.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use rcml_eval::metrics::geometry::{
    Rows, alignment, anisotropy, effective_rank, linear_cka, modality_gap, mutual_neighbours, uniformity,
};
use rcml_eval::metrics::{
    Confusion, Rank, auprc, auroc, average_precision, brier, expected_calibration_error, ndcg, recall,
};
use rcml_eval::statistics::{effect, holm, paired_bootstrap};
use rcml_eval::{Probe, ProbeConfig};
use serde_json::Value;

fn fixture() -> Value {
    serde_json::from_str(include_str!("../fixtures/metrics.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

fn floats(value: &Value) -> Vec<f32> {
    numbers(value).into_iter().map(|v| v as f32).collect()
}

fn bools(value: &Value) -> Vec<bool> {
    value.as_array().unwrap().iter().map(|v| v.as_bool().unwrap()).collect()
}

fn indices(value: &Value) -> Vec<usize> {
    value.as_array().unwrap().iter().map(|v| v.as_u64().unwrap() as usize).collect()
}

/// Equal to 1e-9 wherever the reference has the value.
fn same(case: &Value, key: &str, found: f64) {
    if let Some(wanted) = case.get(key) {
        let wanted = wanted.as_f64().unwrap();
        assert!((found - wanted).abs() < 1e-9, "{}, {key}: {found}, the reference has {wanted}", case["name"]);
    }
}

#[test]
fn binary_metrics_equal_scikit_learn() {
    for case in fixture()["binary"].as_array().unwrap() {
        let (scores, positive) = (numbers(&case["scores"]), bools(&case["positive"]));
        let probabilities: Vec<f64> = scores.iter().map(|s| s.abs()).collect();
        same(case, "auroc", auroc(&scores, &positive).unwrap());
        same(case, "auprc", auprc(&scores, &positive).unwrap());
        same(case, "brier", brier(&probabilities, &positive).unwrap());
        same(case, "ece15", expected_calibration_error(&probabilities, &positive, 15).unwrap());
        same(case, "ece10", expected_calibration_error(&probabilities, &positive, 10).unwrap());
    }
}

#[test]
fn ranking_metrics_equal_ranx_scikit_learn_and_scipy() {
    for case in fixture()["ranking"].as_array().unwrap() {
        let (scores, right) = (floats(&case["scores"]), bools(&case["right"]));
        for k in [1, 5, 10] {
            same(case, &format!("ndcg@{k}"), ndcg(&scores, &right, k));
            same(case, &format!("recall@{k}"), recall(&scores, &right, k));
        }
        let part = |wanted: bool| -> Vec<f32> {
            scores.iter().zip(&right).filter(|(_, r)| **r == wanted).map(|(s, _)| *s).collect()
        };
        let best = Rank::of_best(&part(true), &part(false)).unwrap();
        same(case, "hit_rate@1", best.hit(1));
        same(case, "hit_rate@5", best.hit(5));
        same(case, "mrr", best.reciprocal());
        let found = average_precision(&scores, &right).unwrap();
        same(case, "map", found);
        same(case, "map-sklearn", found);
        same(case, "rank of the first", Rank::of(part(true)[0], &part(false)).expected());
    }
}

/// scikit-learn warns and gives 0 or NaN, ranx leaves the query out: here there is no value, or an error that says why.
#[test]
fn what_has_no_value_is_none_or_refused() {
    let (scores, none, all) = ([0.2, 0.9, 0.4], [false; 3], [true; 3]);
    assert!(auroc(&scores, &none).is_err() && auroc(&scores, &all).is_err() && auprc(&scores, &none).is_err());
    let broken = [0.2, f64::NAN, 0.4];
    let some = [true, false, true];
    assert!(auroc(&broken, &some).is_err() && auprc(&broken, &some).is_err());
    assert!(brier(&broken, &some).is_err() && expected_calibration_error(&broken, &some, 15).is_err());
    let ranked = scores.map(|score| score as f32);
    assert_eq!((average_precision(&ranked, &none), Rank::of_best(&[], &ranked)), (None, None));
    assert_eq!((ndcg(&ranked, &none, 5), recall(&ranked, &none, 5)), (0.0, 0.0));
    // A ranking takes NaN for "cannot be scored": last, tied with the like.
    assert_eq!(Rank::of(f32::NAN, &ranked).expected(), 4.0);
    assert_eq!(average_precision(&[f32::NAN, f32::NAN], &[true, false]), Some(0.75));
}

#[test]
fn class_metrics_equal_scikit_learn() {
    for case in fixture()["classes"].as_array().unwrap() {
        let classes = case["classes"].as_u64().unwrap() as usize;
        let found = Confusion::new(&indices(&case["predicted"]), &indices(&case["truth"]), classes).unwrap();
        same(case, "accuracy", found.accuracy());
        same(case, "recall", found.macro_recall());
        same(case, "f1", found.macro_f1());
    }
}

#[test]
fn geometry_equals_numpy() {
    for case in fixture()["geometry"].as_array().unwrap() {
        let (x, y, width) = (floats(&case["x"]), floats(&case["y"]), indices(&case["width"]));
        let (x, y) = (Rows::new(&x, width[0]).unwrap(), Rows::new(&y, width[1]).unwrap());
        same(case, "anisotropy", anisotropy(x).unwrap());
        same(case, "cka", linear_cka(x, y).unwrap());
        same(case, "effective rank", effective_rank(x).unwrap());
        same(case, "mutual neighbours", mutual_neighbours(x, y, 8).unwrap());
        same(case, "uniformity", uniformity(x, 2.0).unwrap());
        if width[0] == width[1] {
            same(case, "alignment", alignment(x, y, 2.0).unwrap());
            same(case, "gap", modality_gap(x, y).unwrap());
        }
    }
}

#[test]
fn statistics_equal_statsmodels_and_scipy() {
    let case = &fixture()["statistics"];
    for (found, wanted) in holm(&numbers(&case["p"])).into_iter().zip(numbers(&case["holm"])) {
        assert!((found - wanted).abs() < 1e-12);
    }
    let difference = numbers(&case["difference"]);
    same(case, "effect", effect(&difference).unwrap().d.unwrap());
    // Two bootstraps draw different samples: their quantiles agree as far as their number allows.
    let groups: Vec<Vec<f64>> = difference.iter().map(|d| vec![*d]).collect();
    let found = paired_bootstrap(&groups, 20_000, 0).unwrap();
    let wanted = numbers(&case["interval"]);
    let width = wanted[1] - wanted[0];
    assert!((found.low - wanted[0]).abs() < 0.03 * width && (found.high - wanted[1]).abs() < 0.03 * width, "{found:?}");
    let p = case["bootstrap p"].as_f64().unwrap();
    assert!((found.p - p).abs() < 0.3 * p + 1e-3, "{} {p}", found.p);
}

/// The linear probe is scikit-learn's multinomial logistic regression; products are in f32.
#[test]
fn linear_probe_equals_scikit_learn() {
    let case = &fixture()["probe"];
    let (x, truth) = (floats(&case["x"]), indices(&case["truth"]));
    let number = |key: &str| case[key].as_u64().unwrap() as usize;
    let (width, classes) = (number("width"), number("classes"));
    let l2 = case["l2"].as_f64().unwrap();
    let config = ProbeConfig { l2, standardize: false, iterations: 500, ..ProbeConfig::default() };
    let probe = Probe::fit(&x, width, &truth, classes, &config).unwrap();
    let found = probe.probabilities(&x[..20 * width]);
    for (found, wanted) in found.iter().zip(numbers(&case["probabilities"])) {
        assert!((found - wanted).abs() < 2e-3, "{found} {wanted}");
    }
    for (found, wanted) in probe.weights().iter().zip(numbers(&case["weights"])) {
        assert!((found - wanted).abs() < 1e-2, "{found} {wanted}");
    }
}
