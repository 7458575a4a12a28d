//! From tensors to kernels.

use burn::backend::TensorMetadata;
use burn::tensor::{DType, Shape};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;
use cubecl::features::TypeUsage;
use cubecl::ir::{ElemType, FloatKind};
use cubecl::prelude::*;
use cubecl::server::CubeCountSelection;

use super::mma::{self, Mma};
use super::plan::{Hardware, Plan};
use super::table::Table;
use super::wide::{Way, Wide};
use super::{forward, wide};
use crate::PairList;
use crate::cpu::Algorithm;

/// Calls a kernel: that for many rows where there is a plan for them, otherwise that for few, which takes the same arguments.
macro_rules! launch {
    ($launch:ident, $way:ident, $($kernel:ident)::+($client:expr, $count:expr, $($argument:expr,)*)) => {{
        let units = $launch.plan.cube_dim();
        match $launch.wide {
            Some(Both { $way: plan, .. }) => {
                wide::$($kernel)::+::launch_unchecked($client, $count, units, $($argument,)* plan, $launch.element)
            }
            None => $($kernel)::+::launch_unchecked($client, $count, units, $($argument,)* $launch.plan, $launch.element),
        }
    }};
}

mod backward;

/// The operation's inputs, contiguous, and how they are cut.
pub(super) struct Launch<'a> {
    tokens: CubeTensor,
    bias: CubeTensor,
    queries: CubeTensor,
    pairs: Option<Table<'a>>,
    /// N, T, D, R, H.
    dims: [usize; 5],
    vector: usize,
    element: ElemType,
    plan: Plan,
    /// Taken instead where an item has more than a few rows.
    pub(super) wide: Option<Both>,
    /// For the gradients of tokens and queries together, where one block has all rows of an item.
    pub(super) joint: Option<Wide>,
    /// Taken instead of both where the device multiplies matrices.
    pub(super) mma: Option<Mma>,
}

/// Which ways may be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ways {
    /// The one for many rows.
    pub(super) wide: bool,
    /// In it, the gradients of tokens and queries together.
    pub(super) joint: bool,
    /// That of matrix units.
    pub(super) mma: bool,
}

impl Ways {
    /// `None`: Burn's own operations.
    fn of(algorithm: Algorithm) -> Option<Self> {
        let ways = |[wide, joint, mma]: [bool; 3]| Some(Self { wide, joint, mma });
        match algorithm {
            Algorithm::Auto => ways([true, true, true]),
            Algorithm::MultiplyAdds => ways([true, true, false]),
            Algorithm::Packed => ways([true, false, false]),
            Algorithm::Resident | Algorithm::Streamed => ways([false; 3]),
            Algorithm::Composed => None,
        }
    }
}

/// As [`launch`]; that for matrix units where there is a plan for them.
macro_rules! launch_any {
    ($launch:ident, $way:ident, $($kernel:ident)::+($client:expr, $count:expr, $($argument:expr,)*)) => {
        match $launch.mma {
            Some(plan) => {
                let units = plan.base.cube_dim();
                mma::$($kernel)::+::launch_unchecked($client, $count, units, $($argument,)* plan, $launch.element)
            }
            None => launch!($launch, $way, $($kernel)::+($client, $count, $($argument,)*)),
        }
    };
}

/// Plans for many rows; their blocks have as many.
#[derive(Clone, Copy)]
pub(super) struct Both {
    tiles: Wide,
    blocks: Wide,
}

impl<'a> Launch<'a> {
    /// `None` for what the kernels do not take: other types, shapes without values, rows that do not fit, and
    /// [`Algorithm::Composed`]. What the others are here [`Algorithm`] says.
    pub(super) fn new(
        tokens: &CubeTensor,
        bias: &CubeTensor,
        queries: &CubeTensor,
        pairs: Option<&'a PairList>,
        algorithm: Algorithm,
    ) -> Option<Self> {
        let ways = Ways::of(algorithm)?;
        let mut hardware = Hardware::of(&tokens.client);
        if algorithm == Algorithm::Streamed {
            hardware.plane = None;
        }
        Self::on(hardware, ways, tokens, bias, queries, pairs)
    }

    /// [`Self::new`] as on a device that has `hardware`, by one of `ways`.
    pub(super) fn on(
        hardware: Hardware,
        ways: Ways,
        tokens: &CubeTensor,
        bias: &CubeTensor,
        queries: &CubeTensor,
        pairs: Option<&'a PairList>,
    ) -> Option<Self> {
        let ([n, t, d], [r, h, _]) = (tokens.shape().dims(), queries.shape().dims());
        let element = match tokens.dtype() {
            DType::F32 => FloatKind::F32,
            DType::F16 => FloatKind::F16,
            DType::BF16 => FloatKind::BF16,
            _ => return None,
        };
        let element = ElemType::Float(element);
        let usable =
            tokens.client.properties().type_usage(element).is_superset(TypeUsage::Buffer | TypeUsage::Conversion);
        let biased = bias.shape().dims() == [n, t];
        let singles = queries.dtype() == DType::F32 && bias.dtype() == DType::F32;
        let pairs = pairs.map(|pairs| Table { pairs, heads: h });
        let rows = pairs.as_ref().map_or(r * h, Table::most);
        let results = pairs.as_ref().map_or(n * r * h, |table| table.pairs.len() * h);
        // Rows are counted in u32.
        let countable = u32::try_from(results.max(r * h).max(n * t).saturating_mul(4)).is_ok();
        let whole = n * t * d > 0 && rows > 0;
        if !(usable && singles && countable && whole) {
            return None;
        }
        let vector = [4, 2, 1].into_iter().find(|vector| d.is_multiple_of(*vector))?;
        let (sizes, kinds) = ([t, d, rows], [pairs.is_some(), biased]);
        let plan = Plan::new(hardware, sizes, vector, kinds)?;
        let many = |way| if ways.wide { Wide::new(hardware, sizes, vector, kinds, way) } else { None };
        let wide = many(Way::Tiles).zip(many(Way::Blocks)).map(|(tiles, blocks)| Both { tiles, blocks });
        let joint = wide.map(|wide| wide.tiles).filter(|plan| ways.joint && pairs.is_none() && rows <= plan.base.rows);
        // Half precision has no more digits than tf32.
        let exact = tokens.dtype() != DType::F32;
        let mma = if ways.mma { Mma::new(hardware, sizes, kinds, exact) } else { None };
        let [tokens, bias, queries] = [tokens, bias, queries].map(|tensor| into_contiguous(tensor.clone()));
        Some(Self { tokens, bias, queries, pairs, dims: [n, t, d, r, h], vector, element, plan, wide, joint, mma })
    }

    /// P and the softmax's statistics.
    pub(super) fn forward(&self) -> (CubeTensor, CubeTensor) {
        let [n, t, d, r, h] = self.dims;
        let rows = self.mma.map_or(self.rows(), |mma| mma.base.rows);
        let [pooled, stats] = [d, 2].map(|width| match &self.pairs {
            Some(table) => self.empty(&[table.pairs.len(), h, width], DType::F32),
            None => self.empty(&[n, r, h, width], DType::F32),
        });
        let (table, cubes) = match &self.pairs {
            Some(table) => {
                let (table, cubes) = table.blocks(rows);
                (self.upload(&table), cubes)
            }
            None => (self.nothing(), n * (r * h).div_ceil(rows)),
        };
        let [tokens, bias, queries] = self.inputs();
        // SAFETY: past their ends the kernel neither reads (tokens, bias) nor writes (result rows), and rows are those that
        // `PairList` has checked.
        #[allow(unsafe_code, reason = "without checks of every index")]
        unsafe {
            launch_any!(
                self,
                tiles,
                forward::pool(
                    &self.tokens.client,
                    self.count(cubes),
                    address(&[&self.tokens, &pooled]),
                    self.vector,
                    tokens,
                    bias,
                    queries,
                    table,
                    pooled.clone().into_buffer_arg(),
                    stats.clone().into_buffer_arg(),
                    t as u32,
                    (r * h) as u32,
                    cubes as u32,
                )
            );
        }
        (pooled, stats)
    }

    /// Most query rows of an item.
    fn most(&self) -> usize {
        let [_, _, _, r, h] = self.dims;
        self.pairs.as_ref().map_or(r * h, Table::most)
    }

    /// Query rows of a block.
    fn rows(&self) -> usize {
        self.wide.map_or(self.plan.rows, |wide| wide.blocks.base.rows)
    }

    /// What every kernel over tokens reads.
    fn inputs(&self) -> [BufferArg; 3] {
        [&self.tokens, &self.bias, &self.queries].map(|tensor| tensor.clone().into_buffer_arg())
    }

    fn count(&self, cubes: usize) -> CubeCount {
        CubeCountSelection::new(&self.tokens.client, cubes as u32).cube_count()
    }

    fn empty(&self, shape: &[usize], dtype: DType) -> CubeTensor {
        let (client, device) = (self.tokens.client.clone(), self.tokens.device.clone());
        empty_device_contiguous_dtype(client, device, Shape::from(shape.to_vec()), dtype)
    }

    fn upload(&self, table: &[u32]) -> BufferArg {
        let handle = self.tokens.client.create_from_slice(u32::as_bytes(table));
        // SAFETY: the buffer was made of so many values.
        #[allow(unsafe_code, reason = "the only way to a buffer of whole numbers")]
        unsafe {
            BufferArg::from_raw_parts(handle, table.len())
        }
    }

    /// In place of a table that no kernel reads.
    fn nothing(&self) -> BufferArg {
        self.bias.clone().into_buffer_arg()
    }
}

/// What is wide enough to count the values of each tensor.
fn address(tensors: &[&CubeTensor]) -> AddressType {
    tensors.iter().map(|tensor| tensor.required_address_type()).max().unwrap_or_default()
}
