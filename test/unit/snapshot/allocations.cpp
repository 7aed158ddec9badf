#include "allocations.hpp"

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

#include "base/sanitizers.hpp"
#if PENSTOCK_TSAN && defined(__clang__)
#include <sanitizer/allocator_interface.h>
#endif

namespace {

std::atomic<std::int64_t> made{0};
std::atomic<std::int64_t> freed{0};

}  // namespace

std::int64_t live_allocations() noexcept {
    return made.load() - freed.load();
}
std::int64_t total_allocations() noexcept {
    return made.load();
}

#if PENSTOCK_TSAN && defined(__clang__)

// Its operators are linked in and cannot be replaced, but it says what they do.
namespace {

[[maybe_unused]] const int hooked = __sanitizer_install_malloc_and_free_hooks(
    [](const volatile void*, std::size_t) { made.fetch_add(1, std::memory_order_relaxed); },
    [](const volatile void* block) {
        if (block != nullptr) freed.fetch_add(1, std::memory_order_relaxed);
    });

}  // namespace

#else

namespace {

void* allocate(std::size_t size, std::size_t alignment) {
    made.fetch_add(1, std::memory_order_relaxed);
    const std::size_t rounded = (size + alignment - 1) / alignment * alignment;
    void* block = std::aligned_alloc(alignment, rounded);
    if (block == nullptr) throw std::bad_alloc();
    return block;
}

void release(void* block) noexcept {
    if (block == nullptr) return;
    freed.fetch_add(1, std::memory_order_relaxed);
    std::free(block);
}

}  // namespace

// Every form, since a sanitizer's own would answer for those that are left out.
void* operator new(std::size_t size) {
    return allocate(size, alignof(std::max_align_t));
}
void* operator new[](std::size_t size) {
    return allocate(size, alignof(std::max_align_t));
}
void* operator new(std::size_t size, std::align_val_t alignment) {
    return allocate(size, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    return operator new(size);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
    return operator new(size);
}
void operator delete(void* block) noexcept {
    release(block);
}
void operator delete[](void* block) noexcept {
    release(block);
}
void operator delete(void* block, std::size_t) noexcept {
    release(block);
}
void operator delete[](void* block, std::size_t) noexcept {
    release(block);
}
void operator delete(void* block, std::align_val_t) noexcept {
    release(block);
}
void operator delete(void* block, std::size_t, std::align_val_t) noexcept {
    release(block);
}
void operator delete(void* block, const std::nothrow_t&) noexcept {
    release(block);
}

#endif
