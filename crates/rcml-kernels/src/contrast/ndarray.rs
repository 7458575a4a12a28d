//! Burn's legacy CPU backend `ndarray`: the same kernel, on copies of the tensors' values.

use burn::backend::NdArray;

use super::native::Problem;
use super::{ContrastBackend, ContrastPlan, composed, pairs};
use crate::PairList;
use crate::ndarray::{Values, read, tensor};

/// Runs `f` on the inputs' values, or gives nothing for types that the kernel does not take.
fn with_problem<T>([x, y, scale]: [&Values; 3], plan: &ContrastPlan, f: impl FnOnce(Problem<'_>) -> T) -> Option<T> {
    if plan.composed {
        return None;
    }
    let (x, y, scale) = (read(x)?, read(y)?, read(scale)?);
    let [_, _, width] = x.shape().dims();
    let slices = (x.as_slice().ok()?, y.as_slice().ok()?, scale.as_slice::<f32>().ok()?.first().copied()?);
    (width > 0).then(|| f(Problem { x: slices.0, y: slices.1, scale: slices.2, width, plan }))
}

impl ContrastBackend for NdArray {
    fn contrast_forward(
        x: Values,
        y: Values,
        scale: Values,
        plan: ContrastPlan,
        wants_mean: bool,
    ) -> (Values, Values, Values) {
        let ([u, a, _], run) = (plan.shape, |problem: Problem<'_>| (problem.forward(wants_mean), problem.width));
        match with_problem([&x, &y, &scale], &plan, run) {
            Some(((lse, mean, kept), width)) => {
                let shape = if wants_mean { vec![u, a, width] } else { vec![0] };
                let length = kept.len();
                (tensor((lse, vec![u, a])), tensor((mean, shape)), tensor((kept, vec![length])))
            }
            None => composed::forward::<Self>(x, y, scale, &plan),
        }
    }

    fn contrast_candidates(
        x: Values,
        y: Values,
        scale: Values,
        plan: ContrastPlan,
        lse: Values,
        grad: Values,
        kept: Values,
    ) -> Values {
        let [u, _, m] = plan.shape;
        let run = |problem: Problem<'_>| {
            let (lse, grad, kept) = (read(&lse)?, read(&grad)?, read(&kept)?);
            let slope = problem.candidates(lse.as_slice().ok()?, grad.as_slice().ok()?, kept.as_slice().ok()?);
            Some(tensor((slope, vec![u, m, problem.width])))
        };
        let native = with_problem([&x, &y, &scale], &plan, run).flatten();
        native.unwrap_or_else(|| composed::candidates::<Self>(&x, &y, &scale, &plan, &lse, &grad))
    }

    fn contrast_pairs(x: Values, y: Values, list: PairList) -> Values {
        let native = || {
            let (x, y) = (read(&x)?, read(&y)?);
            let ([_, width], x, y) = (x.shape().dims(), x.as_slice().ok()?, y.as_slice().ok()?);
            Some(tensor((pairs::products(x, y, width, &list), vec![list.len()])))
        };
        native().unwrap_or_else(|| composed::pairs::<Self>(x, y, &list))
    }

    fn contrast_sums(rows: Values, factors: Values, list: PairList) -> Values {
        let native = || {
            let (rows, factors) = (read(&rows)?, read(&factors)?);
            let [_, width] = rows.shape().dims();
            let sums = pairs::sums(rows.as_slice().ok()?, factors.as_slice().ok()?, width, &list);
            Some(tensor((sums, vec![list.bounds().0, width])))
        };
        native().unwrap_or_else(|| composed::sums::<Self>(rows, factors, &list))
    }
}
