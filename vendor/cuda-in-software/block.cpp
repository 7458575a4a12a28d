// Runs the blocks of a launch one after the other, each thread of a block as a fiber: it runs until it waits for the others.
#include <cstdlib>
#include <vector>

#include "thread.h"

#ifndef __x86_64__
#error "fibers are switched by instructions of x86-64"
#endif

namespace software {
Dim thread, block, block_size, grid_size;
char *shared;

namespace {
constexpr size_t STACK = 128 << 10, WARP = 32;
enum class State { Running, AtBlock, AtWarp, Done };
struct Fiber {
    void *stack;
    State state;
    void *slot;
};
std::vector<Fiber> fibers;
Fiber *current;
void *scheduler;
void (*entry)(void **);
void **arguments;

size_t index() { return thread.x + block_size.x * (thread.y + block_size.y * thread.z); }
} // namespace

// Pushes what a called function must keep, notes the stack in `*from`, and goes on where `to` did so.
extern "C" void software_switch(void **from, void *to);
asm(R"(
.globl software_switch
software_switch:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, (%rdi)
    mov %rsi, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret
)");

static void leave(State state) {
    current->state = state;
    software_switch(&current->stack, scheduler);
}

static void start() {
    entry(arguments);
    leave(State::Done);
    abort();
}

void wait_for_block() { leave(State::AtBlock); }

void wait_for_warp(void *slot) {
    if (slot) current->slot = slot;
    leave(State::AtWarp);
}

uint32_t lane() { return index() % WARP; }

void *slot_of(uint32_t lane) {
    size_t there = index() / WARP * WARP + lane;
    return lane < WARP && there < fibers.size() && fibers[there].state != State::Done ? fibers[there].slot : nullptr;
}

// Runs the warp's threads until all wait for the block or are done.
static void run_warp(size_t first) {
    size_t end = std::min(fibers.size(), first + WARP);
    for (bool waiting = true; waiting;) {
        for (size_t i = first; i < end; i++) {
            if (fibers[i].state != State::Running) continue;
            current = &fibers[i];
            thread = {uint32_t(i % block_size.x), uint32_t(i / block_size.x % block_size.y),
                      uint32_t(i / block_size.x / block_size.y)};
            software_switch(&scheduler, current->stack);
        }
        waiting = false;
        for (size_t i = first; i < end; i++) {
            if (fibers[i].state != State::AtWarp) continue;
            fibers[i].state = State::Running;
            waiting = true;
        }
    }
}

static void run_block(std::vector<char *> &stacks) {
    for (size_t i = 0; i < fibers.size(); i++) {
        void **top = reinterpret_cast<void **>(stacks[i] + STACK - 64);
        *--top = nullptr;
        *--top = reinterpret_cast<void *>(start);
        top -= 6;
        fibers[i] = {top, State::Running, nullptr};
    }
    for (bool waiting = true; waiting;) {
        for (size_t first = 0; first < fibers.size(); first += WARP) run_warp(first);
        waiting = false;
        for (Fiber &fiber : fibers) {
            if (fiber.state != State::AtBlock) continue;
            fiber.state = State::Running;
            waiting = true;
        }
    }
}

// Runs a kernel; not more than one at a time.
void run(void (*kernel)(void **), void **with, Dim grid, Dim size, size_t shared_bytes) {
    entry = kernel, arguments = with, grid_size = grid, block_size = size;
    fibers.resize(size_t(size.x) * size.y * size.z);
    static std::vector<char *> stacks;
    while (stacks.size() < fibers.size()) stacks.push_back(static_cast<char *>(aligned_alloc(64, STACK)));
    shared = static_cast<char *>(aligned_alloc(128, (shared_bytes + 128) / 128 * 128));
    for (block.z = 0; block.z < grid.z; block.z++)
        for (block.y = 0; block.y < grid.y; block.y++)
            for (block.x = 0; block.x < grid.x; block.x++) {
                // No numbers: what is read before it is written is seen in the results.
                memset(shared, 0xff, shared_bytes);
                run_block(stacks);
            }
    free(shared);
}
} // namespace software
