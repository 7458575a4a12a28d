//! EfficientNet-Lite (Tan and Le 2019, without squeeze-and-excitation and with ReLU6): pixels -> feature map.

use burn::module::{Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Linear, PaddingConfig2d};
use burn::tensor::Tensor;

use super::config_file::ConfigFile;
use super::weights::Weights;
use crate::Result;

/// Channels of the feature map.
const HEAD: usize = 1280;

/// Channels that the stem makes; stem and head keep their width in all variants.
const STEM: usize = 32;

/// Repeats, kernel, stride, expansion, channels in and out of the stages, before scaling.
const STAGES: [[usize; 6]; 7] = [
    [1, 3, 1, 1, 32, 16],
    [2, 3, 2, 6, 16, 24],
    [2, 5, 2, 6, 24, 40],
    [3, 3, 2, 6, 40, 80],
    [3, 5, 1, 6, 80, 112],
    [4, 5, 2, 6, 112, 192],
    [1, 3, 1, 6, 192, 320],
];

/// The network with every batch norm folded into the convolution before it.
#[derive(Module, Debug)]
pub(crate) struct EfficientNet {
    stem: Conv2d,
    blocks: Vec<Inverted>,
    head: Conv2d,
    classify: Option<Linear>,
}

/// An inverted residual (Sandler et al. 2018): widen, look around channel by channel, narrow.
#[derive(Module, Debug)]
struct Inverted {
    expand: Option<Conv2d>,
    depthwise: Conv2d,
    project: Conv2d,
    residual: bool,
}

impl EfficientNet {
    pub(crate) fn read(config: &ConfigFile, weights: &mut Weights) -> Result<Self> {
        let wide = config.number_or("width_coefficient", 1.0)?;
        let deep = config.number_or("depth_coefficient", 1.0)?;
        let epsilon = config.number_or("batch_norm_eps", 1e-3)?;
        weights.ignore(|name| name.ends_with("num_batches_tracked"));
        let mut size = config.size("image_size")?;
        let mut folding = Folding { weights, epsilon };
        let stem = folding.convolution("_conv_stem", "_bn0", [3, STEM], 3, 2, false, &mut size)?;
        let mut blocks = Vec::new();
        let mut channels = STEM;
        for (stage, [repeats, kernel, stride, expansion, _, output]) in STAGES.into_iter().enumerate() {
            let output = rounded(output, wide);
            // The first and the last stage are not deepened either.
            let fixed = stage == 0 || stage + 1 == STAGES.len();
            let repeats = if fixed { repeats } else { (repeats as f64 * deep).ceil() as usize };
            for repeat in 0..repeats {
                let name = format!("_blocks.{}.", blocks.len());
                let stride = if repeat == 0 { stride } else { 1 };
                let inner = channels * expansion;
                blocks.push(Inverted {
                    expand: (expansion > 1)
                        .then(|| folding.pointwise(&name, ["_expand_conv", "_bn0"], channels, inner))
                        .transpose()?,
                    depthwise: folding.convolution(
                        &format!("{name}_depthwise_conv"),
                        &format!("{name}_bn1"),
                        [inner, inner],
                        kernel,
                        stride,
                        true,
                        &mut size,
                    )?,
                    project: folding.pointwise(&name, ["_project_conv", "_bn2"], inner, output)?,
                    residual: stride == 1 && channels == output,
                });
                channels = output;
            }
        }
        let head = folding.pointwise("", ["_conv_head", "_bn1"], channels, HEAD)?;
        let classes = weights.shape("_fc.weight").and_then(|shape| shape.first().copied());
        let classify = classes.map(|classes| weights.linear("_fc", HEAD, classes)).transpose()?;
        Ok(Self { stem, blocks, head, classify })
    }

    /// # Shapes
    /// - pixels: `[N, 3, S, S]`
    /// - output: `[N, 1280, S/32, S/32]`
    pub(crate) fn forward(&self, pixels: Tensor<4>) -> Tensor<4> {
        let x = relu6(self.stem.forward(pixels));
        let x = self.blocks.iter().fold(x, |x, block| block.forward(x));
        relu6(self.head.forward(x))
    }

    /// Logits of the classes that it was trained on, from pooled features `[N, 1280]`.
    pub(crate) fn classify(&self, pooled: Tensor<2>) -> Option<Tensor<2>> {
        self.classify.as_ref().map(|map| map.forward(pooled))
    }

    /// Number of blocks.
    pub(crate) fn depth(&self) -> usize {
        self.blocks.len()
    }

    /// Channels of the feature map.
    pub(crate) fn width(&self) -> usize {
        HEAD
    }
}

impl Inverted {
    fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let x = match &self.expand {
            Some(expand) => relu6(expand.forward(input.clone())),
            None => input.clone(),
        };
        let x = self.project.forward(relu6(self.depthwise.forward(x)));
        if self.residual { x + input } else { x }
    }
}

fn relu6(x: Tensor<4>) -> Tensor<4> {
    x.clamp(0.0, 6.0)
}

/// Channels scaled by `factor`, to a multiple of eight and never by more than a tenth below.
fn rounded(channels: usize, factor: f64) -> usize {
    let scaled = channels as f64 * factor;
    let rounded = (((scaled + 4.0) / 8.0) as usize * 8).max(8);
    if (rounded as f64) < 0.9 * scaled { rounded + 8 } else { rounded }
}

/// Reads convolutions with the batch norm behind them.
struct Folding<'a> {
    weights: &'a mut Weights,
    epsilon: f64,
}

impl Folding<'_> {
    /// A convolution with TensorFlow's padding ("same": the odd pixel goes right and below), and the batch norm that follows:
    /// gamma (w x - mean) / sqrt(var + epsilon) + beta is a convolution with other numbers. `size` becomes the output's.
    #[allow(clippy::too_many_arguments, reason = "a convolution has that many numbers")]
    fn convolution(
        &mut self,
        name: &str,
        norm: &str,
        [input, output]: [usize; 2],
        kernel: usize,
        stride: usize,
        depthwise: bool,
        size: &mut usize,
    ) -> Result<Conv2d> {
        let per_filter = if depthwise { 1 } else { input };
        let mut filters = self.weights.values(&format!("{name}.weight"), &[output, per_filter, kernel, kernel])?;
        let mut part = |part: &str| self.weights.values(&format!("{norm}.{part}"), &[output]);
        let (gamma, beta) = (part("weight")?, part("bias")?);
        let (mean, variance) = (part("running_mean")?, part("running_var")?);
        let mut bias = Vec::with_capacity(output);
        for (channel, filter) in filters.chunks_exact_mut(per_filter * kernel * kernel).enumerate() {
            let scale = f64::from(gamma[channel]) / (f64::from(variance[channel]) + self.epsilon).sqrt();
            filter.iter_mut().for_each(|value| *value = (f64::from(*value) * scale) as f32);
            bias.push((f64::from(beta[channel]) - f64::from(mean[channel]) * scale) as f32);
        }
        let out = size.div_ceil(stride);
        let padding = ((out - 1) * stride + kernel).saturating_sub(*size);
        let (before, after) = (padding / 2, padding - padding / 2);
        *size = out;
        let device = self.weights.device();
        let shape = [output, per_filter, kernel, kernel];
        let filters = burn::tensor::TensorData::new(filters, shape);
        let layer = Conv2dConfig::new([input, output], [kernel, kernel])
            .with_stride([stride, stride])
            .with_groups(if depthwise { input } else { 1 })
            .with_padding(PaddingConfig2d::Explicit(before, before, after, after))
            .init(device);
        Ok(Conv2d {
            weight: Param::from_tensor(Tensor::from_data(filters, device)),
            bias: Some(Param::from_tensor(Tensor::from_floats(bias.as_slice(), device))),
            ..layer
        })
    }

    fn pointwise(&mut self, prefix: &str, [name, norm]: [&str; 2], input: usize, output: usize) -> Result<Conv2d> {
        let (name, norm) = (format!("{prefix}{name}"), format!("{prefix}{norm}"));
        self.convolution(&name, &norm, [input, output], 1, 1, false, &mut 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_scale_as_in_the_original() {
        // Lite4 is 1.4 times as wide.
        let widths: Vec<usize> = STAGES.iter().map(|stage| rounded(stage[5], 1.4)).collect();
        assert_eq!(widths, [24, 32, 56, 112, 160, 272, 448]);
        assert_eq!(STAGES.map(|stage| rounded(stage[5], 1.0)), STAGES.map(|stage| stage[5]));
    }
}
