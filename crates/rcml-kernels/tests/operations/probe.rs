//! What the tests of operations share: values and gradients, compared with another form's, with finite differences, and with
//! those of other numbers of threads.

use burn::tensor::{DType, Device, Distribution, Tensor, TensorData};
use rcml_kernels::device::test_slack;

/// Normal random numbers.
pub(crate) fn random(count: usize, seed: u64) -> TensorData {
    let device = rcml_kernels::device::parse("cpu").unwrap();
    device.seed(seed);
    Tensor::<1>::random([count], Distribution::Normal(0.0, 1.5), &device).into_data()
}

/// Forward value and input gradients of `f`, weighted by fixed random numbers so that every output matters.
pub(crate) fn probe<const D: usize>(
    inputs: &[TensorData],
    device: &Device,
    f: impl Fn(&[Tensor<1>]) -> Tensor<D>,
) -> Vec<TensorData> {
    let device = device.clone().autodiff();
    let inputs: Vec<Tensor<1>> =
        inputs.iter().map(|data| Tensor::from_data(data.clone(), &device).require_grad()).collect();
    let out = f(&inputs);
    let gradients = weighted(out.clone()).backward();
    let mut values = vec![out.into_data()];
    values.extend(inputs.iter().filter_map(|x| x.grad(&gradients)).map(Tensor::into_data));
    values
}

fn weighted<const D: usize>(out: Tensor<D>) -> Tensor<1> {
    let count = out.shape().num_elements();
    let weights: Vec<f64> = (0..count).map(|i| ((i * 37 + 11) % 19) as f64 / 9.0 - 1.0).collect();
    let options = (&out.device().inner(), out.dtype());
    let weights = Tensor::<1>::from_data(TensorData::new(weights, [count]), options);
    (out.reshape([count]) * weights).sum()
}

/// The value within 1e-5 and the gradients within 1e-4 of the largest magnitude of what is expected, or of 1, where the device
/// multiplies matrices in f32.
pub(crate) fn close(ours: &[TensorData], theirs: &[TensorData], what: &str) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    for (i, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
        assert_eq!(ours.shape(), theirs.shape(), "{what}, {i}");
        let (a, b): (Vec<f32>, Vec<f32>) = (ours.iter().collect(), theirs.iter().collect());
        let size = b.iter().fold(1.0f32, |size, x| size.max(x.abs()));
        let tolerance = (if i == 0 { 1e-5 } else { 1e-4 } + test_slack()) * size;
        for (place, (a, b)) in a.iter().zip(&b).enumerate() {
            assert!((a - b).abs() <= tolerance, "{what}, {i}: {a} for {b} at {place}, size {size}");
        }
    }
}

/// Gradients of `f` in f32 against central differences of its composed form in f64: on the CPU, as a GPU's exponentials may
/// have single precision whatever the type.
pub(crate) fn differences<const D: usize>(
    inputs: &[TensorData],
    device: &Device,
    what: &str,
    f: impl Fn(&[Tensor<1>]) -> Tensor<D>,
) {
    const STEP: f64 = 1e-5;
    let ours = probe(inputs, device, &f);
    let exact = rcml_kernels::device::parse("cpu").unwrap();
    let double: Vec<Vec<f64>> = inputs.iter().map(|data| data.iter().collect()).collect();
    let value = |inputs: &[Vec<f64>]| {
        let tensor = |values: &Vec<f64>| {
            let data = TensorData::new(values.clone(), [values.len()]);
            Tensor::<1>::from_data(data, (&exact, DType::F64))
        };
        let inputs: Vec<Tensor<1>> = inputs.iter().map(tensor).collect();
        weighted(f(&inputs)).into_scalar::<f64>()
    };
    for (i, gradient) in ours[1..].iter().enumerate() {
        let gradient: Vec<f64> = gradient.iter().collect();
        let size = gradient.iter().fold(1.0f64, |size, x| size.max(x.abs()));
        for place in 0..gradient.len() {
            let moved = |by: f64| {
                let mut inputs = double.clone();
                inputs[i][place] += by;
                value(&inputs)
            };
            let slope = (moved(STEP) - moved(-STEP)) / (2.0 * STEP);
            let error = (gradient[place] - slope).abs();
            assert!(
                error <= (1e-4 + f64::from(test_slack())) * size,
                "{what}, input {i} at {place}: {} for {slope}",
                gradient[place]
            );
        }
    }
}

/// The same bits with 1, 2 and 5 threads, and again.
pub(crate) fn same_bits(what: &str, f: impl Fn() -> Vec<TensorData> + Sync) {
    let with = |threads: usize| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(&f);
    let bits = |data: Vec<TensorData>| -> Vec<Vec<u32>> {
        data.iter().map(|data| data.iter::<f32>().map(f32::to_bits).collect()).collect()
    };
    let expected = bits(with(1));
    for threads in [1, 2, 5] {
        assert!(bits(with(threads)) == expected, "{what}: other bits with {threads} threads");
    }
}
