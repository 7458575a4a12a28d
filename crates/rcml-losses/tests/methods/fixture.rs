//! What every case is given.

use burn::tensor::{DType, Device, Tensor, TensorData};
use rcml_losses::contrast::{Contest, Evaluation, Logits, Matching, Positives};
use rcml_losses::methods::Mixture;

/// Three matrices of unit rows `[N, D]`, a temperature and what goes with their rows.
#[derive(Clone)]
pub(crate) struct Inputs {
    pub(crate) a: Tensor<2>,
    pub(crate) b: Tensor<2>,
    pub(crate) c: Tensor<2>,
    /// The same values without gradient, for what a method takes as constant.
    pub(crate) frozen: [Tensor<2>; 3],
    pub(crate) logits: Logits,
    /// The number that each row had before the rows were permuted.
    pub(crate) ids: Vec<usize>,
    /// Whether row 0 has no candidate.
    pub(crate) masked: bool,
}

/// The fixture of the oracles: N = 3, D = 4.
pub(crate) const FIXTURE: [[[f64; 4]; 3]; 3] = [
    [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 1.0], [1.0, 1.0, 1.0, 0.0]],
    [[1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 1.0, 1.0, 1.0]],
    [[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0], [1.0, 0.0, 0.0, 1.0]],
];

/// Values of the three matrices, row by row.
pub(crate) type Values = [Vec<f64>; 3];

/// The fixture's unit rows.
pub(crate) fn fixture() -> Values {
    FIXTURE.map(|matrix| matrix.iter().flat_map(|row| unit(row)).collect())
}

pub(crate) fn unit(row: &[f64]) -> Vec<f64> {
    let length = row.iter().map(|x| x * x).sum::<f64>().sqrt();
    row.iter().map(|x| x / length).collect()
}

/// Unit rows that are not special in any way.
pub(crate) fn generic(n: usize, d: usize) -> Values {
    let value = |which: usize, i: usize| ((which * 131 + i * 7919 + 13) % 101) as f64 / 50.0 - 1.0;
    [0, 1, 2].map(|which| {
        let row = |r: usize| unit(&(0..d).map(|k| value(which, r * d + k)).collect::<Vec<_>>());
        (0..n).flat_map(row).collect()
    })
}

impl Inputs {
    pub(crate) fn new(values: &Values, n: usize, temperature: f64, dtype: DType, device: &Device) -> Self {
        let d = values[0].len() / n;
        let plain = device.clone().without_autodiff();
        let tensor = |device: &Device, values: &[f64]| {
            Tensor::<2>::from_data(TensorData::new(values.to_vec(), [n, d]), (device, dtype))
        };
        let leaf = |values: &[f64]| {
            let tensor = tensor(device, values);
            if device.is_autodiff() { tensor.require_grad() } else { tensor }
        };
        let scale = Tensor::<1>::from_data(TensorData::new(vec![1.0 / temperature], [1]), (device, dtype));
        let scale = if device.is_autodiff() { scale.require_grad() } else { scale };
        Self {
            a: leaf(&values[0]),
            b: leaf(&values[1]),
            c: leaf(&values[2]),
            frozen: [0, 1, 2].map(|which| tensor(&plain, &values[which])),
            logits: Logits::new(scale).evaluated(Evaluation::Dense),
            ids: (0..n).collect(),
            masked: false,
        }
    }

    pub(crate) fn n(&self) -> usize {
        self.ids.len()
    }

    /// A number a row, by the row's original number modulo the length.
    pub(crate) fn labels(&self, of: &[u32]) -> Vec<u32> {
        self.ids.iter().map(|id| of[id % of.len()]).collect()
    }

    /// An N x N matrix from a square one, by original numbers.
    pub(crate) fn matrix(&self, of: &[[f64; 3]; 3]) -> Vec<f64> {
        self.ids.iter().flat_map(|i| self.ids.iter().map(move |j| of[i % 3][j % 3])).collect()
    }

    /// A against B with the identity.
    pub(crate) fn contest(&self) -> Contest {
        let contest = Contest::own(self.a.clone(), self.b.clone());
        if !self.masked {
            return contest;
        }
        let n = self.n() as u32;
        let everything = rcml_kernels::SparseRows::new((0..n).map(|row| if row == 0 { 0..n } else { 0..0 }));
        Contest { candidates: contest.candidates.clone().excluding(&everything), ..contest }
    }

    pub(crate) fn own(&self) -> Matching {
        Matching::own(self.n())
    }

    /// A against B, positive where labels agree.
    pub(crate) fn labelled(&self, labels: &[u32]) -> Contest {
        let labels = self.labels(labels);
        self.contest().with_positives(Positives::of_labels(&labels, &labels))
    }

    /// Shares and partners of the mixtures; beyond three rows they repeat.
    pub(crate) fn mixture(&self) -> Mixture {
        let n = self.n();
        let share = |id: usize| [0.7, 0.6, 1.0][id % 3];
        let partner = |id: usize| match id % 3 {
            0 if id + 1 < n => id + 1,
            1 => id - 1,
            _ => id,
        };
        let place = |id: usize| self.ids.iter().position(|other| *other == id).unwrap() as u32;
        Mixture::new(
            self.ids.iter().map(|id| share(*id)).collect(),
            self.ids.iter().map(|id| place(partner(*id))).collect(),
        )
    }
}
