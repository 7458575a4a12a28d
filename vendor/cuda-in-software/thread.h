// What the source of a kernel is compiled with in place of CUDA's headers: every thread of a block is a fiber (block.cpp).
#pragma once

#include <immintrin.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

using std::abs, std::ceil, std::cos, std::erf, std::exp, std::floor, std::fma, std::isinf, std::isnan, std::log, std::max, std::min,
    std::pow, std::round, std::sin, std::sqrt, std::tanh, std::trunc;

namespace software {
struct Dim {
    uint32_t x, y, z;
};
extern Dim thread, block, block_size, grid_size;
extern char *shared;
// Waits for the other threads of the block, or of the warp; what `slot` points at the warp's others can read from then on.
void wait_for_block();
void wait_for_warp(void *slot);
uint32_t lane();
void *slot_of(uint32_t lane);

// A value of another lane; the own one where there is none.
template <class T> T from_lane(T value, uint32_t lane) {
    wait_for_warp(&value);
    T *there = static_cast<T *>(slot_of(lane));
    T found = there ? *there : value;
    wait_for_warp(nullptr);
    return found;
}

// Calls a kernel with arguments as the driver is handed them.
template <class... A, size_t... I> void call(void (*kernel)(A...), void **arguments, std::index_sequence<I...>) {
    kernel(*static_cast<std::remove_cv_t<std::remove_reference_t<A>> *>(arguments[I])...);
}
template <class... A> void call(void (*kernel)(A...), void **arguments) {
    call(kernel, arguments, std::index_sequence_for<A...>{});
}
} // namespace software

#define threadIdx software::thread
#define blockIdx software::block
#define blockDim software::block_size
#define gridDim software::grid_size
#define __global__
#define __device__
#define __restrict__
#define __grid_constant__
#define __launch_bounds__(...)

static const uint32_t warpSize = 32;
inline void __syncthreads() { software::wait_for_block(); }
inline void __syncwarp(uint32_t = 0) { software::wait_for_warp(nullptr); }
inline uint32_t __activemask() { return ~0u; }
template <class T> T __shfl_xor_sync(uint32_t, T value, uint32_t mask) { return software::from_lane(value, software::lane() ^ mask); }
template <class T> T __shfl_sync(uint32_t, T value, uint32_t lane) { return software::from_lane(value, lane); }
template <class T> T __shfl_down_sync(uint32_t, T value, uint32_t by) { return software::from_lane(value, software::lane() + by); }
template <class T> T __shfl_up_sync(uint32_t, T value, uint32_t by) { return software::from_lane(value, software::lane() - by); }
inline uint32_t __umulhi(uint32_t a, uint32_t b) { return uint32_t((uint64_t(a) * b) >> 32); }

// Half precision, converted as the processor does.
struct __half {
    uint16_t bits;
    __half() = default;
    __half(float value) : bits(_cvtss_sh(value, 0)) {}
    operator float() const { return _cvtsh_ss(bits); }
};

// Rounded to the nearest, to the even one of two.
struct __nv_bfloat16 {
    uint16_t bits;
    __nv_bfloat16() = default;
    __nv_bfloat16(float value) {
        uint32_t all;
        memcpy(&all, &value, sizeof all);
        bits = uint16_t((value != value ? all | 0x400000u : all + 0x7fffu + (all >> 16 & 1)) >> 16);
    }
    operator float() const {
        uint32_t all = uint32_t(bits) << 16;
        float value;
        memcpy(&value, &all, sizeof value);
        return value;
    }
};

// A warp's products of matrices, which every lane makes whole.
namespace nvcuda::wmma {
struct matrix_a {};
struct matrix_b {};
struct accumulator {};
struct row_major {};
struct col_major {};
namespace precision {
struct tf32 {};
} // namespace precision
enum layout_t { mem_row_major, mem_col_major };
template <class Use, int M, int N, int K, class T, class Layout = row_major> struct fragment {
    static constexpr int rows = std::is_same_v<Use, matrix_b> ? K : M, columns = std::is_same_v<Use, matrix_a> ? K : N;
    static constexpr int num_elements = rows * columns;
    float x[num_elements];
};
// To ten bits of mantissa, the nearest.
inline float __float_to_tf32(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    bits = (bits + 0x1000u) & ~0x1fffu;
    memcpy(&value, &bits, sizeof bits);
    return value;
}
template <class F> void fill_fragment(F &into, float value) { std::fill_n(into.x, F::num_elements, value); }
template <class Use, int M, int N, int K, class T, class Layout>
void load_matrix_sync(fragment<Use, M, N, K, T, Layout> &into, const float *from, unsigned stride) {
    using F = fragment<Use, M, N, K, T, Layout>;
    software::wait_for_warp(nullptr);
    for (int r = 0; r < F::rows; r++)
        for (int c = 0; c < F::columns; c++)
            into.x[r * F::columns + c] = std::is_same_v<Layout, row_major> ? from[r * stride + c] : from[c * stride + r];
}
template <class D, class A, class B> void mma_sync(D &into, const A &a, const B &b, const D &c) {
    D sum = c;
    for (int i = 0; i < A::rows; i++)
        for (int k = 0; k < A::columns; k++)
            for (int j = 0; j < B::columns; j++) sum.x[i * D::columns + j] += a.x[i * A::columns + k] * b.x[k * B::columns + j];
    into = sum;
}
template <class F> void store_matrix_sync(float *to, const F &from, unsigned stride, layout_t layout) {
    software::wait_for_warp(nullptr);
    for (int r = 0; r < F::rows; r++)
        for (int c = 0; c < F::columns; c++)
            to[layout == mem_row_major ? r * stride + c : c * stride + r] = from.x[r * F::columns + c];
    software::wait_for_warp(nullptr);
}
} // namespace nvcuda::wmma

// What stands as PTX in the sources.
// A warp's product of 16 x 8 and 8 x 8 values, of which tf32's ten bits of mantissa count, added to 16 x 8 sums.
inline float software_tf32(uint32_t bits) {
    float value;
    bits &= ~0x1fffu;
    memcpy(&value, &bits, sizeof value);
    return value;
}
inline void software_mma(float &d0, float &d1, float &d2, float &d3, uint32_t a0, uint32_t a1, uint32_t a2, uint32_t a3,
                         uint32_t b0, uint32_t b1, float c0, float c1, float c2, float c3) {
    struct Operands {
        float a[4], b[2];
    } own{{software_tf32(a0), software_tf32(a1), software_tf32(a2), software_tf32(a3)}, {software_tf32(b0), software_tf32(b1)}};
    software::wait_for_warp(&own);
    auto of = [](uint32_t lane) { return static_cast<Operands *>(software::slot_of(lane)); };
    uint32_t row = software::lane() / 4, column = software::lane() % 4 * 2;
    float sums[4] = {c0, c1, c2, c3};
    for (uint32_t k = 0; k < 8; k++)
        for (uint32_t i = 0; i < 4; i++)
            sums[i] += of(row * 4 + k % 4)->a[k / 4 * 2 + i / 2] * of((column + i % 2) * 4 + k % 4)->b[k / 4];
    software::wait_for_warp(nullptr);
    d0 = sums[0], d1 = sums[1], d2 = sums[2], d3 = sums[3];
}
inline float software_max_nan(float a, float b) { return a != a || b != b ? NAN : std::max(a, b); }
inline float software_min_nan(float a, float b) { return a != a || b != b ? NAN : std::min(a, b); }
inline float software_add(const float *to, float value) {
    float old = *to;
    *const_cast<float *>(to) = old + value;
    return old;
}
