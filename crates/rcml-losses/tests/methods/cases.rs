//! One row a method: how its value on the fixture is computed, and what it is in CLIP's limit.

use burn::tensor::Tensor;
use rcml_kernels::l2_normalize;
use rcml_losses::Denominator;
use rcml_losses::contrast::{Contest, HingeOver, Logits, log_sum_exp};
use rcml_losses::methods::*;

use crate::fixture::Inputs;
use crate::parts::*;

/// A loss of the inputs.
pub(crate) type Loss = fn(&Inputs) -> Tensor<1>;

/// What a method becomes in its limit.
#[derive(Clone, Copy)]
pub(crate) enum Limit {
    /// The loss equals so many times CLIP(A, B).
    Clip(f64, Loss),
    /// The loss equals InfoNCE(A to B).
    OneWay(Loss),
    /// The loss equals the given number.
    Value(f64, Loss),
    /// METHODS of this kind have no limit in CLIP: two losses that must agree.
    Equal(Loss, Loss),
}

/// A method's row.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) temperature: f64,
    pub(crate) loss: Loss,
    pub(crate) limit: Limit,
    /// What finite differences are taken of, where it is not the loss: without the parts that hold a moving target constant, and
    /// with the method's own parameters moving with C.
    pub(crate) smooth: Option<Loss>,
}

/// All methods of the catalogue.
pub(crate) fn cases() -> Vec<Case> {
    let case = |name, temperature, loss, limit| Case { name, temperature, loss, limit, smooth: None };
    let smooth = |case: Case, loss: Loss| Case { smooth: Some(loss), ..case };
    use Limit::{Clip, Equal, OneWay, Value};
    vec![
        case(
            "rcml",
            0.5,
            |i| rcml(&i.labelled(&[0, 0, 1]), Denominator::Joint, &i.logits),
            OneWay(|i| rcml(&i.contest(), Denominator::Joint, &i.logits)),
        ),
        case("info-nce", 0.5, |i| info_nce(&i.contest(), &i.logits), {
            Clip(1.0, |i| i.contest().both_ways(|side| info_nce(side, &i.logits)))
        }),
        // With one set for both sides and the item as its label it is NT-Xent.
        case("sup-con", 0.5, |i| doubled(i, &[0, 0, 1]), Value(1.221_475_495, |i| doubled(i, &[0, 1, 2]))),
        case(
            "dcl",
            0.5,
            |i| dcl(&i.contest(), &i.logits),
            // The denominator without the positive, worked out from the one with it.
            Equal(
                |i| dcl(&i.contest(), &i.logits),
                |i| {
                    let candidates = i.contest().candidates.without_own();
                    let (a, b) = (i.a.clone().unsqueeze_dim(0), i.b.clone().unsqueeze_dim(0));
                    let own = (i.a.clone() * i.b.clone()).sum_dim(1).mean() * i.logits.scale.clone();
                    log_sum_exp(a, b, &candidates, &i.logits).mean() - own
                },
            ),
        ),
        smooth(
            case(
                "siglip",
                0.5,
                |i| sig_lip(&i.contest(), &i.logits.clone().with_bias(one(&i.logits, -1.0))),
                // Every pair at logit 0: log 2 a column.
                Value(3.0 * std::f64::consts::LN_2, |i| {
                    let flat = Logits { scale: i.logits.scale.clone().mul_scalar(0.0), ..i.logits.clone() };
                    sig_lip(&i.contest(), &flat)
                }),
            ),
            |i| {
                let bias = i.c.clone().sum() - 1.0;
                sig_lip(&i.contest(), &i.logits.clone().with_bias(bias))
            },
        ),
        case(
            "label-smoothing",
            0.5,
            |i| i.contest().both_ways(|side| label_smoothing(side, 0.1, &i.logits)),
            Clip(1.0, |i| i.contest().both_ways(|side| label_smoothing(side, 0.0, &i.logits))),
        ),
        case(
            "mil-nce",
            0.5,
            |i| {
                let labels: Vec<u32> = (0..2 * i.n() as u32).map(|row| row / 2).collect();
                let rows: Vec<u32> = (0..i.n() as u32).collect();
                let contest = Contest::own(i.a.clone(), interleaved(i));
                mil_nce(&contest.with_positives(rcml_losses::contrast::Positives::of_labels(&rows, &labels)), &i.logits)
            },
            OneWay(|i| mil_nce(&i.contest(), &i.logits)),
        ),
        case(
            "one-to-k",
            0.5,
            |i| one_to_k(i.a.clone(), interleaved(i), false, &i.logits),
            Clip(1.0, |i| one_to_k(i.a.clone(), i.b.clone(), false, &i.logits)),
        ),
        smooth(
            case("hydra", 0.5, |i| gated(i, &[1.0, 0.9, 0.2, 0.1], 0.0), Clip(1.0, |i| gated(i, &[0.5], 0.0))),
            |i| gated(i, &[1.0, 0.9, 0.4, 0.5], 0.1),
        ),
        case("relation-contrast", 0.5, |i| related_pairs(i, false), {
            // A pair that is the same under both relations cannot be told: log 2.
            Value(std::f64::consts::LN_2, |i| {
                let same = Inputs { b: i.a.clone(), ..i.clone() };
                related_pairs(&same, true)
            })
        }),
        smooth(
            case(
                "bilinear-relation",
                0.5,
                |i| bilinear(i, 0.0),
                // One relation is always the right one.
                Value(0.0, |i| {
                    let d = i.a.dims()[1];
                    let weights = Tensor::<2>::eye(d, &i.a.device()).cast(i.a.dtype()).unsqueeze_dim(0);
                    let bias = one(&i.logits, 0.3);
                    bilinear_relation(i.a.clone(), i.b.clone(), weights, bias, &vec![0; i.n()])
                }),
            ),
            |i| bilinear(i, 0.3),
        ),
        case(
            "space2",
            0.5,
            |i| space2(i.a.clone(), &i.matrix(&[[1.0, 0.5, 0.0], [0.5, 1.0, 0.25], [0.0, 0.25, 1.0]]), &i.logits),
            // Similarities of 0 and 1 are labels.
            Equal(
                |i| {
                    let z = Tensor::cat(two(i), 0);
                    let labels = [i.labels(&[0, 0, 1]), i.labels(&[0, 0, 1])].concat();
                    let same = labels.iter().flat_map(|a| labels.iter().map(move |b| f64::from(u8::from(a == b))));
                    space2(z, &same.collect::<Vec<_>>(), &i.logits)
                },
                |i| doubled(i, &[0, 0, 1]),
            ),
        ),
        case(
            "dialog2flow",
            0.05,
            |i| dialog2flow(&i.contest(), &i.frozen[2], 0.25, &i.logits),
            OneWay(|i| dialog2flow(&i.contest(), &i.frozen[2], 1e-3, &i.logits)),
        ),
        case("cwcl", 0.5, |i| cwcl(&i.contest(), &i.frozen[0], &i.logits), {
            // A teacher that tells nothing apart pulls to the uniform distribution, as full smoothing does.
            Equal(
                |i| cwcl_half(&i.contest(), &first_rows(&i.frozen[0]), &i.logits),
                |i| label_smoothing(&i.contest(), 1.0, &i.logits),
            )
        }),
        case(
            "soft-clip",
            0.125,
            |i| soft_clip(&i.contest(), &i.frozen[1], 0.125, &i.logits),
            Clip(1.0, |i| soft_clip(&i.contest(), &i.frozen[1], 1e-3, &i.logits)),
        ),
        case(
            "sdm",
            0.5,
            |i| i.labelled(&[0, 0, 1]).both_ways(|side| sdm(side, &i.logits)).mul_scalar(2.0),
            // Targets that the scores meet: about 0.
            Value(0.0, |i| {
                let sharp = i.logits.at(1e-2);
                let same = Inputs { b: i.a.clone(), ..i.clone() };
                sdm(&same.contest(), &sharp)
            }),
        ),
        case(
            "hycd",
            1.0,
            |i| hycd(&i.contest(), [&i.frozen[2], &i.frozen[1]], 1.0, 0.5, &i.logits),
            Clip(1.0, |i| hycd(&i.contest(), [&i.frozen[2], &i.frozen[1]], 1.0, 1.0, &i.logits)),
        ),
        case(
            "mod-x",
            0.5,
            |i| {
                let contest = Contest::own(i.c.clone(), i.b.clone());
                mod_x(&contest, [&i.frozen[0], &i.frozen[1]], 0.5, &i.logits)
            },
            // An old model that is wrong everywhere is not heard.
            OneWay(|i| mod_x(&i.contest(), [&i.frozen[2], &i.frozen[1]], 0.5, &i.logits)),
        ),
        case(
            "mix-co",
            0.1,
            |i| {
                let mixture = i.mixture();
                mix_co(l2_normalize(mixture.mix(i.a.clone())), i.b.clone(), &mixture, &i.logits)
            },
            Clip(1.0, |i| {
                let whole = Mixture::new(vec![1.0; i.n()], i.labels(&[1, 0, 2]));
                mix_co(whole.mix(i.a.clone()), i.b.clone(), &whole, &i.logits)
            }),
        ),
        case("m3col", 0.1, |i| m3col(&both(i), &i.mixture(), &i.logits).unwrap(), {
            Clip(1.0, |i| {
                let whole = Mixture::new(vec![1.0; i.n()], i.labels(&[1, 0, 2]));
                m3col(&both(i), &whole, &i.logits).unwrap()
            })
        }),
        case(
            "hcl",
            0.5,
            |i| hcl(&i.contest(), &i.own(), 1.0, 0.1, &i.logits),
            OneWay(|i| hcl(&i.contest(), &i.own(), 0.0, 0.0, &i.logits)),
        ),
        case(
            "m3el",
            0.5,
            |i| {
                let one = |side: &Contest| side.views[0].clone().squeeze_dim::<2>(0);
                i.contest().both_ways(|side| m3el(side, one(side), [1.0, 0.8], &i.logits))
            },
            // Without what is in the same modality.
            OneWay(|i| {
                let far = i.a.clone().mul_scalar(0.0) - 100.0;
                m3el(&i.contest(), far, [1.0, 1.0], &i.logits)
            }),
        ),
        case("bpr", 0.5, |i| bpr(&i.contest(), &i.own(), &i.logits), {
            // Nothing is ranked.
            Value(std::f64::consts::LN_2, |i| {
                let flat = Logits { scale: i.logits.scale.clone().mul_scalar(0.0), ..i.logits.clone() };
                bpr(&i.contest(), &i.own(), &flat)
            })
        }),
        case(
            "clean-clip",
            0.5,
            |i| clean_clip(&i.contest(), [i.c.clone(), i.c.clone()], [1.0, 1.0], &i.logits),
            Clip(1.0, |i| clean_clip(&i.contest(), [i.c.clone(), i.c.clone()], [1.0, 0.0], &i.logits)),
        ),
        case(
            "extra-negatives",
            0.5,
            |i| extra_negatives(i.a.clone(), i.b.clone(), i.c.clone(), &i.logits),
            // A negative that is far away from all is none.
            OneWay(|i| {
                let far = i.c.clone().mul_scalar(0.0) - 100.0;
                extra_negatives(i.a.clone(), i.b.clone(), far, &i.logits)
            }),
        ),
        case("tcl", 0.5, |i| tcl(i, 0.4, true), {
            Equal(|i| tcl(i, 0.0, false), |i| Contest::own(i.a.clone(), i.frozen[2].clone()).cross_entropy(&i.logits))
        }),
        case("tcl-local", 0.5, |i| locals(i, false), OneWay(|i| locals(i, true))),
        case(
            "slap",
            0.5,
            |i| {
                let targets = [i.frozen[2].clone(), i.frozen[0].clone()];
                slap([i.a.clone(), i.b.clone()], targets, [1.0, 0.5])
            },
            // BYOL's distance is alignment.
            Value(0.612_746_514, |i| byol_distance(i.a.clone(), i.frozen[1].clone())),
        ),
        case("vse", 0.5, |i| hinge(i, 0.2, HingeOver::Sum), {
            // Nothing is that near.
            Value(0.0, |i| hinge(i, -3.0, HingeOver::Sum))
        }),
        case("vse++", 0.5, |i| hinge(i, 0.2, HingeOver::Hardest), Value(0.0, |i| hinge(i, -3.0, HingeOver::Hardest))),
        case("barlow", 0.5, |i| barlow(i.a.clone(), i.b.clone(), 0.005), {
            // On the diagonal a set correlates with itself in every channel that varies.
            Value(0.0, |i| barlow(i.a.clone(), i.a.clone(), 0.0))
        }),
        smooth(case("clsr", 0.5, |i| rebuilt(i, 0.5, [0.3, 0.2]), Clip(1.0, |i| rebuilt(i, 0.0, [0.0, 0.0]))), |i| {
            rebuilt(i, 0.5, [0.3, 0.0])
        }),
        case(
            "align",
            0.5,
            |i| alignment(i.a.clone(), i.b.clone()),
            Value(0.0, |i| alignment(i.a.clone(), i.a.clone())),
        ),
        case("uniformity", 0.5, |i| tangent_free(i, 2.0), {
            Value(0.0, |i| uniformity(first_rows(&i.a), 2.0, &i.logits))
        }),
        case(
            "cross-uniformity",
            0.5,
            |i| cross_uniformity(i.a.clone(), i.b.clone(), 2.0, &i.logits),
            // Antipodal points.
            Value(-8.0, |i| cross_uniformity(first_rows(&i.a), first_rows(&i.a).neg(), 2.0, &i.logits)),
        ),
        case("cua", 0.5, |i| i.contest().both_ways(|side| cua(side, &i.logits)), {
            Equal(
                |i| {
                    let whole = i.contest().both_ways(|side| cua(side, &i.logits));
                    whole - i.contest().both_ways(|side| cua_terms(side, &i.logits))
                },
                |i| clip(&i.a, &i.b, &i.logits),
            )
        }),
        case("cuaxu", 0.5, |i| i.contest().both_ways(|side| cuaxu(side, &i.logits)), {
            Equal(
                |i| i.contest().both_ways(|side| cuaxu(side, &i.logits)),
                |i| {
                    i.contest().both_ways(|side| cua(side, &i.logits))
                        + cross_uniformity(i.a.clone(), i.b.clone(), 2.0, &i.logits)
                },
            )
        }),
        case(
            "m2-mix",
            0.5,
            |i| m2_mix(&i.contest(), 0.3, &i.logits),
            // At share 0 the mixtures are y: InfoNCE from x, and from y with y's own set off the diagonal.
            Equal(|i| m2_mix(&i.contest(), 1.0, &i.logits), |i| m2_mix(&i.contest().reversed(), 0.0, &i.logits)),
        ),
        smooth(
            case("orthogonality", 0.5, |i| orthogonality(i.a.clone(), i.b.clone()), {
                // Rows that are all the same have nothing in common with anything.
                Value(0.0, |i| orthogonality(first_rows(&i.a), i.b.clone()))
            }),
            |i| {
                let centred = |z: &Tensor<2>| z.clone() - z.clone().mean_dim(0);
                let lengths = [0, 1].map(|which| centred(&i.frozen[which]).square().sum_dim(1).sqrt());
                orthogonality_at(i.a.clone(), i.b.clone(), lengths)
            },
        ),
        case("rafa", 0.5, |i| rafa(i.a.clone(), i.b.clone(), i.frozen[2].clone()), {
            Value(0.0, |i| rafa(i.a.clone(), i.a.clone(), i.frozen[0].clone()))
        }),
        case("gap-guard", 0.5, |i| guarded(i, 0.69), {
            Equal(
                |i| guarded(i, 1.0),
                |i| {
                    let nce = |y: &Tensor<2>| Contest::own(i.a.clone(), y.clone()).cross_entropy(&i.logits);
                    nce(&i.b) + nce(&i.c)
                },
            )
        }),
        case("sep-clr", 0.5, |i| separated(i, 0.1), {
            Equal(
                |i| separated(i, 1.0),
                |i| separated(i, 0.0) + kernel_joint_entropy(i.a.clone(), i.b.clone(), 0.5, &i.logits),
            )
        }),
        case("k-jem", 0.5, |i| kernel_joint_entropy(i.a.clone(), i.b.clone(), 0.5, &i.logits), {
            Value(0.0, |i| kernel_joint_entropy(first_rows(&i.a), first_rows(&i.b), 0.5, &i.logits))
        }),
        case("pairwise", 0.5, |i| every_pair(i, views(i)), Clip(1.0, |i| every_pair(i, two(i)))),
        case("symile", 0.5, |i| symile(&all(i), Tuples::All, &i.logits).unwrap(), {
            Clip(1.0, |i| symile(&both(i), Tuples::All, &i.logits).unwrap())
        }),
        case(
            "gram",
            0.07,
            |i| gram(&all(i), 0.1, &i.logits).unwrap(),
            Value(2.044_486_064, |i| gram(&all(i), 0.0, &i.logits.at(0.07)).unwrap()),
        ),
        case("mv-info-nce", 0.5, |i| mv_info_nce(&all(i), &i.logits).unwrap(), {
            Value(1.225_533_109, |i| mv_info_nce(&both(i), &i.logits).unwrap())
        }),
        case("mv-dhel", 0.5, |i| mv_dhel(&all(i), &i.logits).unwrap(), {
            Value(1.482_173_510, |i| mv_dhel(&both(i), &i.logits).unwrap())
        }),
    ]
}
