//! Burn's CPU backend `flex`: tensors are slices already.

use burn::backend::{Flex, TensorMetadata};
use burn::tensor::{DType, TensorData};
use burn_flex::FlexTensor;

use super::native::Problem;
use super::{ContrastBackend, ContrastPlan, composed, pairs};
use crate::PairList;

fn values(tensor: &FlexTensor) -> Option<&[f32]> {
    if tensor.dtype() == DType::F32 { tensor.as_slice::<f32>() } else { None }
}

/// Runs `f` on the inputs' values, or gives nothing for types that the kernel does not take.
fn with_problem<T>(
    [x, y, scale]: [&FlexTensor; 3],
    plan: &ContrastPlan,
    f: impl FnOnce(Problem<'_>) -> T,
) -> Option<T> {
    let [_, _, width] = x.shape().dims();
    let (x, y, scale) = (values(x)?, values(y)?, values(scale)?.first().copied()?);
    (!plan.composed && width > 0).then(|| f(Problem { x, y, scale, width, plan }))
}

impl ContrastBackend for Flex {
    fn contrast_forward(
        x: FlexTensor,
        y: FlexTensor,
        scale: FlexTensor,
        plan: ContrastPlan,
        wants_mean: bool,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        let (x, y, scale) = (x.to_contiguous(), y.to_contiguous(), scale.to_contiguous());
        let [u, a, _] = plan.shape;
        match with_problem([&x, &y, &scale], &plan, |problem| problem.forward(wants_mean)) {
            Some((lse, mean, kept)) => {
                let shape = if wants_mean { x.shape() } else { [0].into() };
                let (mean, length) = (FlexTensor::from_data(TensorData::new(mean, shape)), kept.len());
                let kept = FlexTensor::from_data(TensorData::new(kept, [length]));
                (FlexTensor::from_data(TensorData::new(lse, [u, a])), mean, kept)
            }
            None => composed::forward::<Self>(x, y, scale, &plan),
        }
    }

    fn contrast_candidates(
        x: FlexTensor,
        y: FlexTensor,
        scale: FlexTensor,
        plan: ContrastPlan,
        lse: FlexTensor,
        grad: FlexTensor,
        kept: FlexTensor,
    ) -> FlexTensor {
        let [x, y, scale, lse, grad, kept] = [x, y, scale, lse, grad, kept].map(|tensor| tensor.to_contiguous());
        let rows = values(&lse).zip(values(&grad)).zip(values(&kept));
        let native = rows.and_then(|((lse, grad), kept)| {
            with_problem([&x, &y, &scale], &plan, |problem| problem.candidates(lse, grad, kept))
        });
        match native {
            Some(slope) => FlexTensor::from_data(TensorData::new(slope, y.shape())),
            None => composed::candidates::<Self>(&x, &y, &scale, &plan, &lse, &grad),
        }
    }

    fn contrast_pairs(x: FlexTensor, y: FlexTensor, list: PairList) -> FlexTensor {
        let ([_, width], x, y) = (x.shape().dims(), x.to_contiguous(), y.to_contiguous());
        match values(&x).zip(values(&y)) {
            Some((x, y)) => FlexTensor::from_data(TensorData::new(pairs::products(x, y, width, &list), [list.len()])),
            None => composed::pairs::<Self>(x, y, &list),
        }
    }

    fn contrast_sums(rows: FlexTensor, factors: FlexTensor, list: PairList) -> FlexTensor {
        let ([_, width], rows, factors) = (rows.shape().dims(), rows.to_contiguous(), factors.to_contiguous());
        match values(&rows).zip(values(&factors)) {
            Some((rows, factors)) => {
                let sums = pairs::sums(rows, factors, width, &list);
                FlexTensor::from_data(TensorData::new(sums, [list.bounds().0, width]))
            }
            None => composed::sums::<Self>(rows, factors, &list),
        }
    }
}
