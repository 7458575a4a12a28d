use super::*;
use burn::tensor::activation::softmax;
use burn::tensor::{Distribution, Tolerance};
use rcml_kernels::TokenMap;
use rcml_kernels::device::test_slack;

fn random<const D: usize>(shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::random(shape, Distribution::Normal(0.0, 1.0), device)
}

fn tokens(n: usize, t: usize, d: usize, device: &Device) -> Tokens {
    let mask: Vec<f32> = (0..n * t).map(|i| if i % t > 1 && i % 3 == 0 { -1e9 } else { 0.0 }).collect();
    let mask = Tensor::<1>::from_floats(mask.as_slice(), device).reshape([n, t]);
    Tokens::with_summary_first(random([n, t, d], device), Some(mask))
}

/// The textbook: every token is projected to a key and a value.
fn projected(attention: &RelationAttention, tokens: &Tokens, relations: Tensor<2>, generic: bool) -> Tensor<3> {
    let [n, t, d] = tokens.dims();
    let [r, _] = relations.dims();
    let (h, width) = (attention.heads, d / attention.heads);
    let flat = tokens.states.clone().reshape([n * t, d]);
    let split = |x: Tensor<2>| x.reshape([n, t, h, width]).swap_dims(1, 2);
    let keys = split(flat.clone().matmul(attention.w_k.val()));
    let values = split(flat.matmul(attention.w_v.val()));
    let queries = relations.matmul(attention.w_q.val()).reshape([1, r, h, width]).swap_dims(1, 2);
    let logits = queries.repeat_dim(0, n).matmul(keys.swap_dims(2, 3)).div_scalar((width as f64).sqrt());
    let mut logits = logits.mul_scalar(1.0 - attention.beta);
    if generic {
        let bias = tokens.summary_mark.clone().mul_scalar(attention.beta * attention.summary_scale);
        logits = logits + bias.reshape([n, 1, 1, t]);
    }
    let logits = logits + tokens.log_bias.clone().unwrap().reshape([n, 1, 1, t]);
    let attended = softmax(logits, 3).matmul(values).swap_dims(1, 2).reshape([n * r, d]);
    let attended = attended.matmul(attention.w_o.val()).reshape([n, r, d]);
    match &attention.residual {
        Some(a) => tokens.summary.clone().reshape([n, 1, d]) + attended * a.val().tanh().reshape([1, 1, 1]),
        None => attended,
    }
}

#[test]
fn a_map_of_the_tokens_may_wait() {
    for (name, device) in rcml_kernels::device::test_devices() {
        for (heads, residual) in [(1, true), (2, false)] {
            device.seed(11);
            let config = AttentionConfig {
                heads,
                residual,
                residual_init: 0.7,
                init: AttentionInit::Random,
                ..AttentionConfig::default()
            };
            let attention = config.init(8, &device);
            let plain = tokens(3, 7, 12, &device);
            let map = TokenMap { weight: random([12, 8], &device), shift: random([8], &device) };
            let waiting = Tokens::mapped(plain.states, plain.log_bias, map);
            assert_eq!(waiting.dims(), [3, 7, 8]);
            // Two relations are pooled first, nine are not.
            for r in [2, 9] {
                let relations = random([r, 8], &device);
                let expected = attention.forward(&waiting.clone().applied(), relations.clone(), false);
                let found = attention.forward(&waiting, relations.clone(), false);
                let tolerance = Tolerance::absolute(2e-4 + test_slack());
                found.into_data().assert_approx_eq::<f32>(&expected.into_data(), tolerance);
                // One item a relation is pooled first, twelve are not.
                for asking in [1, 12] {
                    let rows: Vec<u32> = (0..asking * r as u32).map(|place| place % 3).collect();
                    let expected = attention.forward_rows(&waiting.clone().applied(), &rows, relations.clone());
                    let found = attention.forward_rows(&waiting, &rows, relations.clone());
                    found.into_data().assert_approx_eq::<f32>(&expected.into_data(), tolerance);
                }
            }
            println!("{name}, {heads} heads");
        }
    }
}

#[test]
fn folding_is_exact() {
    for (name, device) in rcml_kernels::device::test_devices() {
        for heads in [1, 4] {
            for (beta, generic) in [(0.0, false), (0.6, false), (0.6, true), (1.0, true)] {
                device.seed(7);
                let config = AttentionConfig {
                    heads,
                    beta,
                    init: AttentionInit::Random,
                    residual: heads == 1,
                    residual_init: 0.7,
                    summary_bias: SummaryBias::Scale(2.5),
                };
                let attention = config.init(16, &device);
                let (tokens, relations) = (tokens(5, 6, 16, &device), random([3, 16], &device));
                let textbook = projected(&attention, &tokens, relations.clone(), generic).into_data();
                for form in [Form::Auto, Form::Folded, Form::Projected] {
                    let ours = attention.forward_as(form, &tokens, relations.clone(), generic).into_data();
                    ours.assert_approx_eq::<f32>(&textbook, Tolerance::absolute(1e-5 + test_slack()));
                }
                let _ = &name;
            }
        }
    }
}

#[test]
fn beta_one_with_the_hard_summary_is_the_summary() {
    for (_, device) in rcml_kernels::device::test_devices() {
        for heads in [1, 2] {
            let config = AttentionConfig {
                heads,
                beta: 1.0,
                summary_bias: SummaryBias::Hard,
                residual: false,
                ..AttentionConfig::default()
            };
            let (tokens, relations) = (tokens(4, 5, 8, &device), random([1, 8], &device));
            let pooled = config.init(8, &device).forward(&tokens, relations, true).into_data();
            let summary = tokens.summary.reshape([4, 1, 8]).into_data();
            pooled.assert_approx_eq::<f32>(&summary, Tolerance::absolute(1e-6 + test_slack()));
        }
    }
}

/// However hard the summary's bias, without beta there is none.
#[test]
fn beta_zero_with_the_hard_summary_is_no_bias() {
    for (_, device) in rcml_kernels::device::test_devices() {
        let config = AttentionConfig { beta: 0.0, summary_bias: SummaryBias::Hard, ..AttentionConfig::default() };
        let (tokens, relations) = (tokens(4, 5, 8, &device), random([2, 8], &device));
        let attention = config.init(8, &device);
        let generic = attention.forward(&tokens, relations.clone(), true).into_data();
        generic.assert_eq(&attention.forward(&tokens, relations, false).into_data(), true);
    }
}

/// The paper's scale leaves the summary token a small share even at beta = 1: the reason for `Hard`.
#[test]
fn beta_one_with_a_unit_bias_is_nearly_a_mean() {
    let (_, device) = rcml_kernels::device::test_devices().remove(0);
    let config = AttentionConfig { beta: 1.0, residual: false, ..AttentionConfig::default() };
    // The summary token is 1 in channel 0, the 49 others are 0: the output is the summary token's share.
    let mut values = vec![0.0f32; 50 * 2];
    values[0] = 1.0;
    let states = Tensor::<1>::from_floats(values.as_slice(), &device).reshape([1, 50, 2]);
    let tokens = Tokens::with_summary_first(states, None);
    let pooled = config.init(2, &device).forward(&tokens, random([1, 2], &device), true);
    let share: Vec<f32> = pooled.try_into_vec_as().unwrap();
    let expected = std::f32::consts::E / (49.0 + std::f32::consts::E);
    assert!((share[0] - expected).abs() < 1e-6 + test_slack(), "{share:?} against {expected}");
}

#[test]
fn swapping_relations_swaps_results() {
    for (_, device) in rcml_kernels::device::test_devices() {
        let config = AttentionConfig { residual: false, ..AttentionConfig::default() };
        let attention = config.init(8, &device);
        let (tokens, relations) = (tokens(3, 5, 8, &device), random([2, 8], &device));
        let z = attention.forward(&tokens, relations.clone(), false);
        let swapped = attention.forward(&tokens, relations.flip([0]), false);
        swapped
            .into_data()
            .assert_approx_eq::<f32>(&z.clone().flip([1]).into_data(), Tolerance::absolute(1e-6 + test_slack()));
        let apart = (z.clone().narrow(1, 0, 1) - z.narrow(1, 1, 1)).abs().max().into_scalar::<f32>();
        assert!(apart > 1e-3, "two relations must not give one embedding: {apart}");
    }
}
