use rcml_attention::{ConditionerConfig, Modulate, Pool};
use rcml_data::{ImageConfig, Item, Relation};
use rcml_encoders::{TextConfig, TextTokenizer, TokenizerConfig, TransformerConfig, VisionConfig};
use rcml_losses::TemperatureConfig;
use rcml_model::{ModalityShape, ModelConfig, Roles, TextReader, Towers};

use super::*;

const ITEMS: u32 = 7;

/// Items with text and picture, but item 2 lacks the picture and item 5 the text.
fn dataset(folder: &std::path::Path) -> Dataset {
    let item = |i: u32| {
        let name = format!("{i}.png");
        image::RgbImage::from_pixel(16, 16, image::Rgb([(i * 30) as u8, 255 - (i * 20) as u8, 90]))
            .save(folder.join(&name))
            .unwrap();
        let item = Item::new(format!("i{i}"));
        let item = if i == 2 { item } else { item.image(name) };
        if i == 5 { item } else { item.text(format!("thing number {i} of all the things")) }
    };
    Dataset {
        root: folder.into(),
        items: (0..ITEMS).map(item).collect(),
        relations: vec![
            Relation::new("like", "is like").symmetric(true),
            Relation::new("part", "is a part of"),
            Relation::new("near", "stands near to the other thing").symmetric(true),
        ],
        ..Dataset::default()
    }
}

fn model(dataset: &Dataset, change: impl Fn(&mut ModelConfig)) -> (Embedder, ItemReader) {
    let words = dataset.items.iter().filter_map(|i| i.text.as_deref());
    let relations = dataset.relations.iter().map(Relation::description);
    let tokens = TokenizerConfig { vocabulary: 200, min_frequency: 1 };
    let tokenizer = TextTokenizer::train(&tokens, words.chain(relations)).unwrap();
    let trunk = TransformerConfig { width: 16, depth: 1, heads: 2, mlp_ratio: 2 };
    let modality = ModalityShape::raw;
    let mut config = ModelConfig {
        width: 24,
        text: TextConfig { max_tokens: 12, transformer: trunk.clone(), ..TextConfig::default() },
        image: VisionConfig { size: 16, patch: 8, transformer: trunk, ..VisionConfig::default() },
        conditioner: ConditionerConfig { rank: 4, ..ConditionerConfig::default() },
        vocabulary: tokenizer.vocabulary(),
        modalities: vec![modality("image"), modality("text")],
        ..ModelConfig::default()
    };
    change(&mut config);
    let device = rcml_kernels::device::parse("cpu").unwrap();
    device.seed(3);
    let network = config.init(&TemperatureConfig::default(), &Default::default(), &device);
    let texts = TextReader::new(tokenizer, config.text.max_tokens, Towers::none(&device));
    let embedder = Embedder::new(network, config, texts, ImageConfig::default(), device);
    let reader = embedder.reader(dataset, &(0..ITEMS).collect::<Vec<_>>(), &|_| {}).unwrap();
    (embedder, reader)
}

/// Scores computed in the plainest way: everything embedded at once, rows by index.
fn plain(embedder: &Embedder, reader: &ItemReader, words: [RelationQuery; 2], view: &View) -> Vec<Vec<f32>> {
    let all: Vec<u32> = (0..ITEMS).collect();
    let encoded = embedder.encode(reader, &all, &|_| {}).unwrap();
    let side = |embeddings: Embeddings, side: &Side| -> Vec<Option<Vec<f32>>> {
        let (vectors, present) = match side {
            Side::Mean => (embeddings.fused, vec![true; all.len()]),
            Side::Plain => {
                let sum = embeddings.modalities.into_iter().map(|m| m.1).reduce(|a, b| a + b).unwrap();
                (rcml_kernels::l2_normalize(sum), vec![true; all.len()])
            }
            Side::Modality(name) => {
                let (_, vectors, present) = embeddings.modalities.into_iter().find(|m| m.0 == *name).unwrap();
                (vectors, present)
            }
        };
        let width = vectors.dims()[1];
        let values = vectors.try_into_vec_as::<f32>().unwrap();
        values.chunks(width).zip(present).map(|(row, has)| has.then(|| row.to_vec())).collect()
    };
    let from = side(embedder.queries(&encoded, &words[0]).unwrap(), &view.query);
    let to = side(embedder.candidates(&encoded, &words[1]).unwrap(), &view.candidate);
    let score = |a: &Option<Vec<f32>>, b: &Option<Vec<f32>>| match (a, b) {
        (Some(a), Some(b)) => a.iter().zip(b).map(|(x, y)| x * y).sum(),
        _ => f32::NAN,
    };
    from.iter().map(|a| to.iter().map(|b| score(a, b)).collect()).collect()
}

fn close(a: f32, b: f32) -> bool {
    (a - b).abs() < 1e-5 || (a.is_nan() && b.is_nan())
}

#[test]
fn scores_are_those_of_the_plain_computation_in_any_order() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = dataset(folder.path());
    let text = |name: &str, role| RelationQuery::Relation(name.into(), role);
    let asked = [
        (RelationRef::Index(1), [text("is a part of", Role::Source), text("is a part of", Role::Target)]),
        (RelationRef::Index(0), [text("is like", Role::Source), text("is like", Role::Target)]),
        (RelationRef::SameItem, [RelationQuery::SameItem, RelationQuery::SameItem]),
        (RelationRef::Index(1), [text("is a part of", Role::Source), text("is a part of", Role::Target)]),
    ];
    let settings: [&dyn Fn(&mut ModelConfig); 5] = [
        &|_| {},
        &|config| config.side = ConditionedSide::Query,
        &|config| config.roles = Roles::None,
        &|config| config.relation_in_text = RelationInText::Query,
        &|config| {
            config.relation_in_text = RelationInText::Query;
            (config.conditioner.pool, config.conditioner.modulate) = (Pool::Summary, Modulate::None);
        },
    ];
    for (number, setting) in settings.iter().enumerate() {
        let (embedder, reader) = model(&dataset, setting);
        let mut scorer = ModelScorer::new("model", &dataset, embedder.clone(), reader.clone());
        assert_eq!(
            scorer.views().iter().map(View::label).collect::<Vec<_>>(),
            ["II", "TT", "IT", "TI", "AVG", "plain"]
        );
        scorer.prepare(&[0, 1, 2, 3, 5, 6]).unwrap();
        for (relation, words) in &asked {
            for view in scorer.views() {
                let expected = plain(&embedder, &reader, words.clone(), &view);
                // Pairs first, out of order, as the tasks do; item 4 was not announced.
                let pairs = [(6, 0), (2, 5), (0, 6), (5, 2), (6, 1)];
                let found = scorer.pair_scores(*relation, &view, &pairs).unwrap();
                for ((q, c), score) in pairs.iter().zip(found) {
                    let expected = expected[*q as usize][*c as usize];
                    assert!(close(score, expected), "{number} {relation:?} {view}: {q} {c} {score} {expected}");
                }
                let (queries, candidates) = ([5, 0, 4], [0, 1, 2, 3, 4, 5, 6]);
                let found = scorer.scores(*relation, &view, &queries, &candidates).unwrap();
                for (row, q) in found.chunks(candidates.len()).zip(queries) {
                    for (score, c) in row.iter().zip(candidates) {
                        let expected = expected[q as usize][c as usize];
                        assert!(close(*score, expected), "{number} {relation:?} {view}: {q} {c} {score} {expected}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_score_is_the_same_to_the_bit_whatever_was_expected() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = dataset(folder.path());
    let (embedder, reader) = model(&dataset, |_| {});
    let relation = RelationRef::Index(0);
    let all: Vec<u32> = (0..ITEMS).collect();
    for (announced, expected) in
        [(vec![6, 0, 1, 5, 2], vec![6, 0, 1, 5]), (all.clone(), vec![1, 2]), (all.clone(), all)]
    {
        let mut scorer = ModelScorer::new("model", &dataset, embedder.clone(), reader.clone());
        scorer.prepare(&announced).unwrap();
        scorer.expect(relation, &expected).unwrap();
        let before = scorer.scores(relation, &View::avg(), &[1, 2], &[0, 5]).unwrap();
        let corpus = scorer.scores(relation, &View::avg(), &[1, 2], &[0, 1, 2, 3, 4, 5, 6]).unwrap();
        let found: Vec<f32> = corpus.chunks(7).flat_map(|row| [row[0], row[5]]).collect();
        assert_eq!(found, before, "{announced:?} {expected:?}");
        let plain = plain(&embedder, &reader, scorer.words(relation).map(|(a, b)| [a, b]).unwrap(), &View::avg());
        let right = [1, 2].map(|query| plain[query].clone()).concat();
        assert!(corpus.iter().zip(&right).all(|(found, right)| close(*found, *right)), "{corpus:?} {right:?}");
    }
}

/// Encoders as they were before training depend on the seed alone, not on what is drawn before they are used.
#[test]
fn frozen_encoders_are_those_of_the_seed() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = dataset(folder.path());
    let (embedder, reader) = model(&dataset, |_| {});
    let texts = ["thing number one", "of all the things"];
    let frozen = |seed| embedder.frozen(seed, &texts, RelationInText::None).unwrap();
    let vectors = |embedder: &Embedder| -> Vec<f32> {
        let items = embedder.encode(&reader, &[0, 1, 3], &|_| {}).unwrap();
        embedder.unconditioned(&items).unwrap().fused.try_into_vec_as().unwrap()
    };
    let (first, again, other) = (frozen(1), frozen(1), frozen(2));
    let expected = vectors(&first);
    embedder.device().seed(77);
    assert_eq!(vectors(&again), expected);
    assert_ne!(vectors(&other), expected);
}

#[test]
fn what_cannot_be_scored_is_not_a_number() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = dataset(folder.path());
    let (embedder, reader) = model(&dataset, |_| {});
    let mut scorer = ModelScorer::new("model", &dataset, embedder, reader);
    let at = |scorer: &mut ModelScorer, view: View| {
        scorer
            .scores(RelationRef::Index(0), &view, &[0, 2, 5], &[1, 2, 5])
            .unwrap()
            .iter()
            .map(|s| s.is_nan())
            .collect()
    };
    let (yes, no) = (true, false);
    let text: Vec<bool> = at(&mut scorer, View::new("text", "text"));
    assert_eq!(text, [no, no, yes, no, no, yes, yes, yes, yes]);
    let across: Vec<bool> = at(&mut scorer, View::new("text", "image"));
    assert_eq!(across, [no, yes, no, no, yes, no, yes, yes, yes]);
    let fused: Vec<bool> = at(&mut scorer, View::avg());
    assert!(!fused.contains(&yes));
    let unknown: Vec<bool> = at(&mut scorer, View::new("audio", "text"));
    assert!(!unknown.contains(&no));
    let error = scorer.scores(RelationRef::Index(9), &View::avg(), &[0], &[1]).unwrap_err();
    assert!(error.is_input() && error.to_string().contains("relation 9"), "{error}");
}

#[test]
fn the_vectors_of_one_relation_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = dataset(folder.path());
    for (side, kept) in [(ConditionedSide::Both, 0), (ConditionedSide::Query, 3)] {
        let (embedder, reader) = model(&dataset, |config| config.side = side);
        let mut scorer = ModelScorer::new("model", &dataset, embedder, reader);
        scorer.prepare(&(0..ITEMS).collect::<Vec<_>>()).unwrap();
        scorer.scores(RelationRef::Index(1), &View::avg(), &[0], &[1, 2, 3]).unwrap();
        scorer.scores(RelationRef::Index(1), &View::avg(), &[0, 4], &[1, 2]).unwrap();
        assert_eq!((scorer.queries.rows.len(), scorer.candidates.rows.len()), (2, 3), "{side:?}");
        scorer.scores(RelationRef::Index(2), &View::avg(), &[], &[]).unwrap();
        assert_eq!((scorer.queries.rows.len(), scorer.candidates.rows.len()), (0, kept), "{side:?}");
    }
}

#[test]
fn avg_is_weighed_as_the_model_does_and_plain_is_not() {
    let device = rcml_kernels::device::parse("cpu").unwrap();
    let rows = |values: [[f32; 2]; 2]| Tensor::<2>::from_floats(values, &device);
    let embeddings = Embeddings {
        modalities: vec![
            ("text".into(), rows([[1.0, 0.0], [1.0, 0.0]]), vec![true, true]),
            ("image".into(), rows([[0.0, 1.0], [0.0, 0.0]]), vec![true, false]),
        ],
        fused: rows([[0.6, 0.8], [1.0, 0.0]]),
        present: vec![true, true],
    };
    let mut vectors = Vectors::default();
    vectors.extend(&[3, 8], embeddings).unwrap();
    let of = |side: Side, item: u32| vectors.side(&side).unwrap().vector(item).unwrap().to_vec();
    let half = 0.5f32.sqrt();
    assert!(close(of(Side::Plain, 3)[0], half) && close(of(Side::Plain, 3)[1], half));
    assert_eq!((of(Side::Plain, 8), of(Side::Mean, 3)), (vec![1.0, 0.0], vec![0.6, 0.8]));
}
