#include "io/buffer_pool.hpp"

#include <new>

#include <malloc.h>

#include "base/assert.hpp"

namespace penstock::io {

namespace {

constexpr std::align_val_t alignment{64};
constexpr std::size_t reserve_after_trim = 32;

}  // namespace

BufferPool::~BufferPool() {
    shrink(small_, 0);
    shrink(large_, 0);
}

BlockRef BufferPool::take(FreeList& list, std::uint32_t capacity) {
    Block* block = list.head;
    if (block != nullptr) {
        list.head = block->next;
        --list.count;
    } else {
        block = new (::operator new(sizeof(Block) + capacity, alignment)) Block;
        block->pool = this;
        block->capacity = capacity;
    }
    block->next = nullptr;
    block->begin = block->end = 0;
    ++in_use_;
    return BlockRef(block);
}

void BufferPool::give_back(Block* block) noexcept {
    PENSTOCK_ASSERT(block->pool == this && in_use_ > 0);
    --in_use_;
    const bool is_small = block->capacity == small_capacity;
    FreeList& list = is_small ? small_ : large_;
    if (list.count >= (is_small ? small_kept : large_kept)) {
        ::operator delete(block, alignment);
        return;
    }
    block->next = list.head;
    list.head = block;
    ++list.count;
}

void BufferPool::shrink(FreeList& list, std::size_t keep) noexcept {
    while (list.count > keep) {
        Block* block = list.head;
        list.head = block->next;
        --list.count;
        ::operator delete(block, alignment);
    }
}

void BufferPool::trim() noexcept {
    const std::size_t before = small_.count + large_.count;
    shrink(small_, reserve_after_trim);
    shrink(large_, 0);
    // glibc keeps freed memory of a thread's arena; only asking makes it give the pages back.
    if (small_.count + large_.count < before) ::malloc_trim(0);
}

}  // namespace penstock::io
