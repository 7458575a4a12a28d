//! From tensors to kernels.

use burn::backend::TensorMetadata;
use burn::tensor::{DType, Shape};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;
use cubecl::calculate_cube_count_elemwise;
use cubecl::features::TypeUsage;
use cubecl::ir::{ElemType, FloatKind};
use cubecl::prelude::*;
use cubecl::server::CubeCountSelection;

use super::mma::{self, Mma};
use super::plan::{Hardware, Plan};
use super::table::Table;
use super::wide::{Way, Wide};
use super::{corrections, forward, query_gradients, token_gradients, wide};
use crate::PairList;
use crate::cpu::{Algorithm, Needs};

/// Cubes that the queries' gradient is spread over at least, where there are so many items: a few for each multiprocessor of
/// a large GPU. Fixed, so that sums are the same on every device.
const SPREAD: usize = 512;
/// As [`SPREAD`], of cubes that have more shared memory and registers: two for each multiprocessor of a large GPU.
const MMA_SPREAD: usize = 256;

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

    /// Gradients of tokens, bias and queries; an empty tensor for one that is not needed.
    pub(super) fn backward(
        &self,
        pooled: CubeTensor,
        stats: CubeTensor,
        grad: CubeTensor,
        needs: Needs,
    ) -> (CubeTensor, CubeTensor, CubeTensor) {
        let [pooled, stats, grad] = [pooled, stats, grad].map(into_contiguous);
        let of_tokens = needs.tokens || needs.bias;
        let (mut tokens, mut queries) = (None, None);
        if let Some(plan) = self.mma {
            // Half precision is too short for the sum of what several blocks give.
            let addable = self.most() <= plan.base.rows || self.tokens.dtype() == DType::F32;
            let wanted = [of_tokens && addable, needs.queries && self.pairs.is_none()];
            (tokens, queries) = self.by_matrices(&grad, &stats, plan, wanted);
        }
        let (of_tokens, of_queries) = (of_tokens && tokens.is_none(), needs.queries && queries.is_none());
        if of_tokens || of_queries {
            let saved = self.corrections(pooled, stats, &grad);
            if let Some(plan) = self.joint.filter(|_| of_tokens && of_queries) {
                let (d_tokens, d_bias, d_queries) = self.of_both(&grad, &saved, plan);
                (tokens, queries) = (Some((d_tokens, d_bias)), Some(d_queries));
            } else {
                tokens = if of_tokens { Some(self.of_tokens(&grad, &saved)) } else { tokens };
                queries = if of_queries { Some(self.of_queries(&grad, &saved)) } else { queries };
            }
        }
        let unneeded = || self.empty(&[0], DType::F32);
        let (d_tokens, d_bias) = tokens.unwrap_or_else(|| (unneeded(), unneeded()));
        (d_tokens, d_bias, queries.unwrap_or_else(unneeded))
    }

    fn corrections(&self, pooled: CubeTensor, stats: CubeTensor, grad: &CubeTensor) -> CubeTensor {
        let rows = stats.shape().num_elements() / 2;
        let saved = self.empty(&[rows, 3], DType::F32);
        let cubes = rows.div_ceil(self.plan.teams);
        // SAFETY: rows past the last are read as the last and not written.
        #[allow(unsafe_code, reason = "without checks of every index")]
        unsafe {
            corrections::corrections::launch_unchecked(
                &self.tokens.client,
                self.count(cubes),
                self.plan.cube_dim(),
                address(&[&pooled]),
                self.vector,
                pooled.into_buffer_arg(),
                stats.into_buffer_arg(),
                grad.clone().into_buffer_arg(),
                saved.clone().into_buffer_arg(),
                rows as u32,
                self.plan,
            );
        }
        saved
    }

    fn of_tokens(&self, grad: &CubeTensor, saved: &CubeTensor) -> (CubeTensor, CubeTensor) {
        let [n, t, d, r, h] = self.dims;
        let d_tokens = self.empty(&[n, t, d], self.tokens.dtype());
        let d_bias = self.empty(&[n, t], DType::F32);
        let table = self.pairs.as_ref().map_or_else(|| self.nothing(), |table| self.upload(&table.by_item()));
        let cubes = n * t.div_ceil(self.wide.map_or(self.plan.tokens, |wide| wide.blocks.base.tokens));
        let [tokens, bias, queries] = self.inputs();
        // SAFETY: as in `forward`.
        #[allow(unsafe_code, reason = "without checks of every index")]
        unsafe {
            launch!(
                self,
                blocks,
                token_gradients::token_gradients(
                    &self.tokens.client,
                    self.count(cubes),
                    address(&[&self.tokens, grad]),
                    self.vector,
                    tokens,
                    bias,
                    queries,
                    grad.clone().into_buffer_arg(),
                    saved.clone().into_buffer_arg(),
                    table,
                    d_tokens.clone().into_buffer_arg(),
                    d_bias.clone().into_buffer_arg(),
                    n as u32,
                    t as u32,
                    (r * h) as u32,
                )
            );
        }
        (d_tokens, d_bias)
    }

    fn of_both(&self, grad: &CubeTensor, saved: &CubeTensor, plan: Wide) -> (CubeTensor, CubeTensor, CubeTensor) {
        let [n, t, d, r, h] = self.dims;
        let d_tokens = self.empty(&[n, t, d], self.tokens.dtype());
        let d_bias = self.empty(&[n, t], DType::F32);
        let chunk = n.div_ceil(SPREAD);
        let cubes = n.div_ceil(chunk);
        let parts = self.empty(&[cubes, plan.base.rows, d], DType::F32);
        let [tokens, bias, queries] = self.inputs();
        // SAFETY: as in `forward`; each cube writes the rows of its part.
        #[allow(unsafe_code, reason = "without checks of every index")]
        unsafe {
            wide::gradients::gradients::launch_unchecked(
                &self.tokens.client,
                self.count(cubes),
                self.plan.cube_dim(),
                address(&[&self.tokens, grad, &parts]),
                self.vector,
                tokens,
                bias,
                queries,
                grad.clone().into_buffer_arg(),
                saved.clone().into_buffer_arg(),
                d_tokens.clone().into_buffer_arg(),
                d_bias.clone().into_buffer_arg(),
                parts.clone().into_buffer_arg(),
                n as u32,
                t as u32,
                (r * h) as u32,
                chunk as u32,
                cubes as u32,
                plan,
                self.element,
            );
        }
        let sum = |row: usize| [row, cubes, plan.base.rows].map(|x| x as u32);
        (d_tokens, d_bias, self.total(parts, &(0..r * h).flat_map(sum).collect::<Vec<_>>()))
    }

    /// The gradients of tokens and bias, and of queries, those that are asked for.
    fn by_matrices(
        &self,
        grad: &CubeTensor,
        stats: &CubeTensor,
        plan: Mma,
        [of_tokens, of_queries]: [bool; 2],
    ) -> (Option<(CubeTensor, CubeTensor)>, Option<CubeTensor>) {
        if !of_tokens && !of_queries {
            return (None, None);
        }
        let ([n, t, d, r, h], plan) = (self.dims, plan.of_gradients());
        // Something for what the kernel does not write.
        let made = |wanted: bool, shape: &[usize], dtype| self.empty(if wanted { shape } else { &[4] }, dtype);
        let d_tokens = made(of_tokens, &[n, t, d], self.tokens.dtype());
        let d_bias = made(of_tokens, &[n, t], DType::F32);
        let chunk = if of_queries { n.div_ceil(MMA_SPREAD) } else { 1 };
        let cubes = n.div_ceil(chunk);
        let parts = made(of_queries, &[cubes, r * h, d], DType::F32);
        let table = self.pairs.as_ref().map_or_else(|| self.nothing(), |table| self.upload(&table.by_item()));
        let [tokens, bias, queries] = self.inputs();
        // SAFETY: as in `forward`; each cube writes the rows of its part, which the first of its items fills.
        #[allow(unsafe_code, reason = "without checks of every index")]
        unsafe {
            mma::gradients::gradients::launch_unchecked(
                &self.tokens.client,
                self.count(cubes),
                plan.base.cube_dim(),
                address(&[&self.tokens, grad, &parts]),
                self.vector,
                tokens,
                bias,
                queries,
                grad.clone().into_buffer_arg(),
                stats.clone().into_buffer_arg(),
                table,
                d_tokens.clone().into_buffer_arg(),
                d_bias.clone().into_buffer_arg(),
                parts.clone().into_buffer_arg(),
                n as u32,
                t as u32,
                (r * h) as u32,
                chunk as u32,
                cubes as u32,
                plan,
                of_tokens,
                of_queries,
                self.element,
            );
        }
        let sum = |row: usize| [row, cubes, r * h].map(|x| x as u32);
        let d_queries = of_queries.then(|| self.total(parts, &(0..r * h).flat_map(sum).collect::<Vec<_>>()));
        (of_tokens.then_some((d_tokens, d_bias)), d_queries)
    }

    fn of_queries(&self, grad: &CubeTensor, saved: &CubeTensor) -> CubeTensor {
        let [n, t, d, r, h] = self.dims;
        let block = self.rows();
        let (table, sums, chunk, cubes) = match &self.pairs {
            Some(table) => {
                let chunk = (table.pairs.len() * h.div_ceil(block)).div_ceil(SPREAD);
                let (table, sums, cubes) = table.by_relation(block, chunk);
                (self.upload(&table), sums, chunk, cubes)
            }
            None => {
                let blocks = (r * h).div_ceil(block);
                let chunk = (n * blocks).div_ceil(SPREAD);
                let chunks = n.div_ceil(chunk);
                let sum = |row: usize| [row / block * block + row % block, chunks, blocks * block].map(|x| x as u32);
                (self.nothing(), (0..r * h).flat_map(sum).collect(), chunk, chunks * blocks)
            }
        };
        let parts = self.empty(&[cubes, block, d], DType::F32);
        let client = &self.tokens.client;
        let [tokens, bias, queries] = self.inputs();
        // SAFETY: as in `forward`; each cube writes the rows of its part.
        #[allow(unsafe_code, reason = "without checks of every index")]
        unsafe {
            launch!(
                self,
                tiles,
                query_gradients::query_gradients(
                    client,
                    self.count(cubes),
                    address(&[&self.tokens, grad, &parts]),
                    self.vector,
                    tokens,
                    bias,
                    queries,
                    grad.clone().into_buffer_arg(),
                    saved.clone().into_buffer_arg(),
                    table,
                    parts.clone().into_buffer_arg(),
                    n as u32,
                    t as u32,
                    (r * h) as u32,
                    chunk as u32,
                    cubes as u32,
                )
            );
        }
        self.total(parts, &sums)
    }

    /// The queries' gradient from its parts; `sums`: for each query row the row of its first part, how many, how far apart.
    fn total(&self, parts: CubeTensor, sums: &[u32]) -> CubeTensor {
        let [_, _, d, r, h] = self.dims;
        let client = &self.tokens.client;
        let total = self.empty(&[r, h, d], DType::F32);
        let vectors = r * h * self.plan.width;
        let units = CubeDim::new(client, vectors);
        // SAFETY: `sums` names parts that a kernel has written; units past the last row do nothing.
        #[allow(unsafe_code, reason = "without checks of every index")]
        unsafe {
            query_gradients::sum_parts::launch_unchecked(
                client,
                calculate_cube_count_elemwise(client, vectors, units),
                units,
                address(&[&parts]),
                self.vector,
                parts.into_buffer_arg(),
                self.upload(sums),
                total.clone().into_buffer_arg(),
                (r * h) as u32,
                self.plan.width,
            );
        }
        total
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
