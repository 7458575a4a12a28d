// As much of CUDA's driver as cubecl calls: memory is the host's, and a module is a library that nvrtc.cpp has compiled.
#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>

#include "thread.h"

namespace software {
void run(void (*kernel)(void **), void **with, Dim grid, Dim size, size_t shared_bytes);
}

namespace {
enum { OK = 0, INVALID = 1, OUT_OF_MEMORY = 2, NO_DEVICE = 101, NO_BINARY = 209 };
using Pointer = unsigned long long;
void *const CONTEXT = reinterpret_cast<void *>(16);

// Limits of compute capability 9.0; what is not listed is 0.
int attribute(int which) {
    switch (which) {
    case 1: case 2: case 3: return 1024;            // threads of a block, in all and along x, y
    case 4: return 64;                              // along z
    case 5: return 0x7fffffff;                      // blocks along x
    case 6: case 7: return 65535;                   // y, z
    case 8: return 48 << 10;                        // shared memory of a block
    case 10: return 32;                             // threads of a warp
    case 12: case 82: return 65536;                 // registers of a block, of a multiprocessor
    case 16: return 132;                            // multiprocessors
    case 39: return 2048;                           // threads of a multiprocessor
    case 75: return 9;                              // compute capability
    case 76: return 0;
    case 97: return 227 << 10;                      // shared memory of a block that asks for it
    default: return 0;
    }
}

int allocate(Pointer *pointer, size_t bytes) {
    *pointer = reinterpret_cast<Pointer>(aligned_alloc(512, (bytes + 512) / 512 * 512));
    return *pointer ? OK : OUT_OF_MEMORY;
}

struct Copy2d {
    size_t from_x, from_y;
    int from_kind;
    const char *from_host;
    Pointer from_device;
    void *from_array;
    size_t from_pitch;
    size_t to_x, to_y;
    int to_kind;
    char *to_host;
    Pointer to_device;
    void *to_array;
    size_t to_pitch;
    size_t width, height;
};
} // namespace

#define API extern "C" __attribute__((visibility("default"))) int

API cuInit(unsigned) {
    // The kernels' libraries look for the names of thread.h among everybody's.
    Dl_info self;
    return dladdr(reinterpret_cast<void *>(&attribute), &self) && dlopen(self.dli_fname, RTLD_NOW | RTLD_GLOBAL | RTLD_NOLOAD)
               ? OK
               : NO_DEVICE;
}
API cuDriverGetVersion(int *version) { return *version = 13000, OK; }
API cuDeviceGet(int *device, int ordinal) { return *device = 0, ordinal == 0 ? OK : NO_DEVICE; }
API cuDeviceGetCount(int *count) { return *count = 1, OK; }
API cuDeviceGetName(char *name, int length, int) { return snprintf(name, length, "CUDA in software"), OK; }
API cuDeviceGetUuid(char *id, int) { return memset(id, 1, 16), OK; }
API cuDeviceGetUuid_v2(char *id, int) { return memset(id, 1, 16), OK; }
API cuDeviceTotalMem_v2(size_t *bytes, int) { return *bytes = size_t(8) << 30, OK; }
API cuDeviceGetPCIBusId(char *id, int length, int) { return snprintf(id, length, "0000:00:00.0"), OK; }
API cuDeviceGetAttribute(int *value, int which, int) { return *value = attribute(which), OK; }
API cuDeviceCanAccessPeer(int *can, int, int) { return *can = 0, OK; }
API cuDevicePrimaryCtxRetain(void **context, int) { return *context = CONTEXT, OK; }
API cuDevicePrimaryCtxRelease_v2(int) { return OK; }
API cuCtxSetCurrent(void *) { return OK; }
API cuCtxGetCurrent(void **context) { return *context = CONTEXT, OK; }
API cuCtxGetDevice(int *device) { return *device = 0, OK; }
API cuCtxSynchronize() { return OK; }

// Everything is done when it is asked for, so streams and events are names.
API cuStreamCreate(void **stream, unsigned) { return *stream = malloc(8), OK; }
API cuStreamCreateWithPriority(void **stream, unsigned, int) { return *stream = malloc(8), OK; }
API cuStreamDestroy_v2(void *stream) { return free(stream), OK; }
API cuStreamSynchronize(void *) { return OK; }
API cuStreamQuery(void *) { return OK; }
API cuStreamWaitEvent(void *, void *, unsigned) { return OK; }
API cuEventCreate(void **event, unsigned) { return *event = malloc(8), OK; }
API cuEventRecord(void *, void *) { return OK; }
API cuEventQuery(void *) { return OK; }
API cuEventSynchronize(void *) { return OK; }
API cuEventElapsedTime(float *milliseconds, void *, void *) { return *milliseconds = 0, OK; }
API cuEventElapsedTime_v2(float *milliseconds, void *, void *) { return *milliseconds = 0, OK; }
API cuEventDestroy_v2(void *event) { return free(event), OK; }
API cuLaunchHostFunc(void *, void (*function)(void *), void *with) { return function(with), OK; }

API cuMemGetInfo_v2(size_t *available, size_t *total) { return *available = *total = size_t(8) << 30, OK; }
API cuMemAlloc_v2(Pointer *pointer, size_t bytes) { return allocate(pointer, bytes); }
API cuMemAllocAsync(Pointer *pointer, size_t bytes, void *) { return allocate(pointer, bytes); }
API cuMemAllocHost_v2(void **pointer, size_t bytes) { return allocate(reinterpret_cast<Pointer *>(pointer), bytes); }
API cuMemHostAlloc(void **pointer, size_t bytes, unsigned) { return allocate(reinterpret_cast<Pointer *>(pointer), bytes); }
API cuMemFree_v2(Pointer pointer) { return free(reinterpret_cast<void *>(pointer)), OK; }
API cuMemFreeAsync(Pointer pointer, void *) { return free(reinterpret_cast<void *>(pointer)), OK; }
API cuMemFreeHost(void *pointer) { return free(pointer), OK; }
API cuMemcpyHtoDAsync_v2(Pointer to, const void *from, size_t bytes, void *) {
    return memcpy(reinterpret_cast<void *>(to), from, bytes), OK;
}
API cuMemcpyDtoHAsync_v2(void *to, Pointer from, size_t bytes, void *) {
    return memcpy(to, reinterpret_cast<void *>(from), bytes), OK;
}
API cuMemcpyDtoDAsync_v2(Pointer to, Pointer from, size_t bytes, void *) {
    return memmove(reinterpret_cast<void *>(to), reinterpret_cast<void *>(from), bytes), OK;
}
API cuMemcpy2DAsync_v2(const Copy2d *copy, void *) {
    const char *from = copy->from_kind == 1 ? copy->from_host : reinterpret_cast<char *>(copy->from_device);
    char *to = copy->to_kind == 1 ? copy->to_host : reinterpret_cast<char *>(copy->to_device);
    for (size_t row = 0; row < copy->height; row++)
        memcpy(to + (copy->to_y + row) * copy->to_pitch + copy->to_x,
               from + (copy->from_y + row) * copy->from_pitch + copy->from_x, copy->width);
    return OK;
}
API cuMemsetD8Async(Pointer to, unsigned char value, size_t bytes, void *) {
    return memset(reinterpret_cast<void *>(to), value, bytes), OK;
}

API cuModuleLoadData(void **module, const void *image) {
    *module = dlopen(static_cast<const char *>(image), RTLD_NOW);
    if (!*module) fprintf(stderr, "CUDA in software: %s\n", dlerror());
    return *module ? OK : NO_BINARY;
}
API cuModuleGetFunction(void **function, void *module, const char *) {
    *function = dlsym(module, "software_entry");
    return *function ? OK : INVALID;
}
API cuFuncSetAttribute(void *, int, int) { return OK; }
API cuLaunchKernel(void *function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned x, unsigned y, unsigned z,
                   unsigned shared_bytes, void *, void **arguments, void **) {
    static std::mutex one;
    std::lock_guard<std::mutex> guard(one);
    software::run(reinterpret_cast<void (*)(void **)>(function), arguments, {grid_x, grid_y, grid_z}, {x, y, z}, shared_bytes);
    return OK;
}

API cuGetErrorName(int, const char **name) { return *name = "CUDA in software", OK; }
API cuGetErrorString(int, const char **text) { return *text = "not in software, or a kernel that did not compile", OK; }
