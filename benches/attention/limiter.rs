//! What the device can do at best, measured on it between everything else.

use burn::tensor::{Device, Distribution, Tensor};
use rcml_benches::{Clock, Limits, Probe, median};

/// Limits of the processor, or of another device.
pub enum Limiter {
    Processor(Probe),
    Device(Box<DeviceProbe>),
}

/// Tensors to copy and to multiply on a device.
pub struct DeviceProbe {
    device: Device,
    values: Tensor<2>,
    square: Tensor<2>,
    runs: Vec<Limits>,
}

impl Limiter {
    /// For a device; `small` where it is a program that plays a GPU.
    pub fn new(device: &Device, small: bool) -> Self {
        if *device == Device::flex() {
            return Self::Processor(Probe::new());
        }
        let (rows, side) = if small { (1 << 9, 256) } else { (1 << 17, 4096) };
        let random = |shape| Tensor::random(shape, Distribution::Normal(0.0, 1.0), device);
        let (values, square) = (random([rows, 1024]), random([side, side]));
        Self::Device(Box::new(DeviceProbe { device: device.clone(), values, square, runs: vec![] }))
    }

    /// One more round.
    pub fn measure(&mut self, clock: Clock) {
        match self {
            Self::Processor(probe) => probe.measure(clock),
            Self::Device(probe) => probe.measure(clock),
        }
    }

    /// The medians so far.
    pub fn limits(&self) -> Limits {
        match self {
            Self::Processor(probe) => probe.limits(),
            Self::Device(probe) => {
                let of = |field: fn(&Limits) -> f64| median(probe.runs.iter().map(field).collect());
                Limits { read: of(|l| l.read), copy: of(|l| l.copy), gemm: of(|l| l.gemm) }
            }
        }
    }
}

impl DeviceProbe {
    fn measure(&mut self, clock: Clock) {
        let bytes = (self.values.shape().num_elements() * 4) as f64;
        let read = self.time(clock, |probe| drop(probe.values.clone().sum_dim(1)));
        let copy = self.time(clock, |probe| drop(probe.values.clone().add_scalar(1.0)));
        let product = self.time(clock, |probe| drop(probe.square.clone().matmul(probe.square.clone())));
        let operations = 2.0 * (self.square.dims()[0] as f64).powi(3);
        self.runs.push(Limits { read: bytes / read, copy: 2.0 * bytes / copy, gemm: operations / product });
    }

    /// Seconds of the second of two runs. Processor time says something of a device that is a program on it.
    fn time(&self, clock: Clock, run: impl Fn(&Self)) -> f64 {
        let synchronised = || {
            run(self);
            let _ = self.device.sync();
        };
        synchronised();
        clock.time(synchronised)
    }
}
