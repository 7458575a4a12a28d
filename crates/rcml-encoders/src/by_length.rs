//! Texts of like length go through an encoder together: what is computed for padding is computed for nothing.

use burn::tensor::{Device, Tensor};
use rcml_kernels::{RowIds, Tokens, pick_rows};

use crate::TokenIds;

/// What one more group costs on a processor, as the number of tokens of width 128 that could go through a trunk instead.
const GROUP_ON_HOST: usize = 128;

/// The same on a device that waits for its kernels to be started.
const GROUP_ELSEWHERE: usize = 8 * 1024;

/// Encodes texts group by group, and puts their tokens back into the texts' order, padded to the longest. `width` is that of the
/// trunk. A text's tokens are those that it has alone, up to rounding.
///
/// # Shapes
/// - ids: N texts
/// - output: N items, the summary first
pub(crate) fn by_length(ids: &TokenIds, width: usize, device: &Device, encode: impl Fn(&TokenIds) -> Tokens) -> Tokens {
    let host = rcml_kernels::device::adapter(device).is_none();
    let group = if host { GROUP_ON_HOST } else { GROUP_ELSEWHERE };
    // The work of a token grows with the square of the width, that of starting an operation does not.
    let cost = group * 128 * 128 / (width * width).max(1);
    let groups = groups(&ids.lengths(), cost);
    if groups.len() < 2 {
        return encode(ids);
    }
    let encoded: Vec<Tokens> = groups.iter().map(|group| encode(&ids.select(group))).collect();
    together(&groups, encoded)
}

/// Rows of `lengths` in groups, each the rows of neighbouring lengths, ascending, such that
/// sum over groups (rows x longest + cost) is least.
fn groups(lengths: &[usize], cost: usize) -> Vec<Vec<u32>> {
    let mut rows: Vec<u32> = (0..lengths.len() as u32).collect();
    let length = |row: &u32| lengths[*row as usize];
    rows.sort_by_key(length);
    // Rows of one length are never parted: ends[i] is where those of the i-th length end.
    let ends: Vec<usize> = rows
        .chunk_by(|a, b| length(a) == length(b))
        .scan(0, |end, same| {
            *end += same.len();
            Some(*end)
        })
        .collect();
    let begin = |i: usize| if i == 0 { 0 } else { ends[i - 1] };
    // best[i]: the least cost of the first i lengths, and where the last group of them begins.
    let mut best = vec![(0usize, 0usize)];
    for last in 0..ends.len() {
        let longest = length(&rows[begin(last)]);
        let with = |first: usize| (best[first].0 + cost + (ends[last] - begin(first)) * longest, first);
        best.push((0..=last).map(with).min().unwrap_or_default());
    }
    let mut groups = Vec::new();
    let mut end = ends.len();
    while end > 0 {
        let first = best[end].1;
        groups.push(rows[begin(first)..ends[end - 1]].to_vec());
        end = first;
    }
    groups.reverse();
    groups.iter_mut().for_each(|group| group.sort_unstable());
    groups
}

/// The tokens of all groups in the order of the rows.
fn together(groups: &[Vec<u32>], encoded: Vec<Tokens>) -> Tokens {
    let texts: usize = groups.iter().map(Vec::len).sum();
    let longest = encoded.iter().map(|tokens| tokens.dims()[1]).max().unwrap_or(0);
    let all: usize = encoded.iter().map(|tokens| tokens.dims()[0] * tokens.dims()[1]).sum();
    // Behind the tokens of all groups stands one that is nobody's, for padding.
    let mut places = vec![all as u32; texts * longest];
    let mut first = 0;
    for (group, tokens) in groups.iter().zip(&encoded) {
        let [_, t, _] = tokens.dims();
        for row in group {
            for (place, from) in places[*row as usize * longest..][..t].iter_mut().zip(first..) {
                *place = from;
            }
            first += t as u32;
        }
    }
    let places = RowIds::new(places);
    let (mut states, mut biases) = (Vec::with_capacity(groups.len() + 1), Vec::with_capacity(groups.len() + 1));
    for tokens in encoded {
        let [n, t, d] = tokens.dims();
        biases.push(match tokens.log_bias {
            Some(bias) => bias.reshape([n * t, 1]),
            None => Tensor::zeros([n * t, 1], &tokens.states.device().inner()),
        });
        states.push(tokens.states.reshape([n * t, d]));
    }
    let [_, d] = states[0].dims();
    biases.push(Tensor::full([1, 1], Tokens::PADDING, &biases[0].device()));
    states.push(Tensor::zeros([1, d], &states[0].device()));
    let states = pick_rows(Tensor::cat(states, 0), &places).reshape([texts, longest, d]);
    let biases = pick_rows(Tensor::cat(biases, 0), &places).reshape([texts, longest]);
    Tokens::with_summary_first(states, Some(biases))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pretrained::{PretrainedFolder, TextTower};
    use crate::{TextConfig, TextTransformer, WordStart};
    use burn::module::{Module, ModuleVisitor, Param};
    use burn::tensor::{Gradients, TensorData, Tolerance};
    use proptest::prelude::*;

    fn texts(lengths: &[usize]) -> TokenIds {
        let row =
            |(text, length): (usize, &usize)| (0..*length).map(|t| (3 + (7 * text + 5 * t) % 17) as u32).collect();
        TokenIds::padded(lengths.iter().enumerate().map(row).collect(), 0)
    }

    fn encoder(device: &Device) -> TextTransformer {
        device.seed(5);
        TextConfig { max_tokens: 40, ..TextConfig::default() }.init(20, 16, &WordStart::default(), device)
    }

    /// Gradients of all parameters, in the module's order.
    struct Slopes<'a>(&'a Gradients, Vec<TensorData>);

    impl ModuleVisitor for Slopes<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.1.extend(param.val().grad(self.0).map(Tensor::into_data));
        }
    }

    proptest! {
        #[test]
        fn every_row_is_in_one_group_and_no_choice_of_two_costs_less(lengths in proptest::collection::vec(1usize..40, 1..30), cost in 0usize..60) {
            let found = groups(&lengths, cost);
            let mut rows: Vec<u32> = found.concat();
            rows.sort_unstable();
            prop_assert_eq!(rows, (0..lengths.len() as u32).collect::<Vec<_>>());
            let padded = |rows: &[usize]| rows.len() * rows.iter().max().unwrap_or(&0) + cost;
            let of = |group: &Vec<u32>| group.iter().map(|row| lengths[*row as usize]).collect::<Vec<_>>();
            let total: usize = found.iter().map(|group| padded(&of(group))).sum();
            let mut sorted = lengths.clone();
            sorted.sort_unstable();
            prop_assert!(total <= padded(&sorted));
            for cut in 1..sorted.len() {
                prop_assert!(total <= padded(&sorted[..cut]) + padded(&sorted[cut..]));
            }
        }
    }

    /// States, mask and gradients are those of one padded batch.
    #[test]
    fn groups_change_nothing() {
        for (name, device) in rcml_kernels::device::test_devices() {
            let device = device.autodiff();
            let encoder = encoder(&device);
            let mut ids = texts(&[3, 31, 2, 17, 3, 1, 30, 16]);
            let mut asked = 0;
            // A hidden last word leaves its place.
            ids.hide(|| {
                asked += 1;
                asked % 4 == 0
            });
            let lengths = ids.lengths();
            let split = groups(&lengths, 4);
            assert!(split.len() > 2, "{split:?}");
            let whole = encoder.padded(&ids, &device);
            let parts = split.iter().map(|group| encoder.padded(&ids.select(group), &device)).collect();
            let parts = together(&split, parts);
            assert_eq!(parts.dims(), whole.dims(), "{name}");
            let real =
                |tokens: &Tokens| tokens.log_bias.clone().unwrap().greater_elem(-1.0).float().unsqueeze_dim::<3>(2);
            assert_eq!(real(&parts).into_data(), real(&whole).into_data(), "{name}: mask");
            // Something of every token, that differs from place to place.
            let read = |tokens: &Tokens| {
                let kept = tokens.states.clone() * real(tokens);
                let gradients = kept.clone().powi_scalar(2).sum().backward();
                let mut slopes = Slopes(&gradients, vec![]);
                encoder.visit(&mut slopes);
                (kept.into_data(), slopes.1)
            };
            let ((expected, slopes), (found, own)) = (read(&whole), read(&parts));
            found.assert_approx_eq::<f32>(&expected, Tolerance::absolute(2e-5));
            assert_eq!((slopes.len(), own.len()), (own.len(), slopes.len()), "{name}");
            assert!(slopes.len() > 20, "{name}: {} gradients", slopes.len());
            for (expected, found) in slopes.iter().zip(&own) {
                found.assert_approx_eq::<f32>(expected, Tolerance::relative(1e-3).set_absolute(2e-3));
            }
        }
    }

    /// Nor do they for pretrained encoders, whose summary may stand anywhere.
    #[test]
    fn groups_change_nothing_of_pretrained_encoders() {
        let device = rcml_kernels::device::parse("cpu").unwrap();
        for family in ["bert", "clip", "clip-2021", "openclip"] {
            let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(family);
            let (tower, tokenizer) = TextTower::load(&PretrainedFolder::at(family, &folder).unwrap(), &device).unwrap();
            let ids = tokenizer.encode(&["a red lamp", "", "a lamp of oak beside another one of pine", "oak"]).unwrap();
            let split = groups(&ids.lengths(), 0);
            assert!(split.len() > 2, "{family}: {split:?}");
            let whole = tower.forward(&ids, &device).tokens;
            let parts = split.iter().map(|group| tower.forward(&ids.select(group), &device).tokens).collect();
            let parts = together(&split, parts);
            let real = whole.log_bias.clone().unwrap().greater_elem(-1.0).float();
            assert_eq!(
                parts.log_bias.clone().unwrap().greater_elem(-1.0).float().into_data(),
                real.clone().into_data()
            );
            for (found, expected) in
                [(parts.states, whole.states), (parts.summary.unsqueeze_dim(1), whole.summary.unsqueeze_dim(1))]
            {
                let [_, t, _] = expected.dims();
                let real = real.clone().narrow(1, 0, t).unsqueeze_dim::<3>(2);
                let found = (found * real.clone()).into_data();
                found.assert_approx_eq::<f32>(&(expected * real).into_data(), Tolerance::absolute(1e-5));
            }
        }
    }

    #[test]
    fn long_and_short_texts_part_ways_on_a_processor() {
        let mut lengths = vec![4; 200];
        lengths.extend([44; 20]);
        assert_eq!(groups(&lengths, GROUP_ON_HOST).len(), 2);
        assert_eq!(groups(&lengths, GROUP_ELSEWHERE).len(), 1);
        assert!(groups(&[], 3).is_empty());
    }
}
