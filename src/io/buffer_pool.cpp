#include "io/buffer_pool.hpp"

#include <new>

#include <sys/mman.h>

#include "base/assert.hpp"
#include "base/secret.hpp"

namespace penstock::io {

namespace {

constexpr std::size_t reserve_after_trim = 32;

Block* map_block(std::uint32_t capacity) {
    void* const pages = ::mmap(nullptr, sizeof(Block) + capacity, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    PENSTOCK_ASSERT(pages != MAP_FAILED);
    return new (pages) Block;
}

void unmap_block(Block* block) noexcept {
    ::munmap(block, sizeof(Block) + block->capacity);
}

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
        block = map_block(capacity);
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
    if (cleanses_) cleanse(block->data(), block->end);
    const bool is_small = block->capacity == small_capacity;
    FreeList& list = is_small ? small_ : large_;
    if (list.count >= (is_small ? small_kept : large_kept)) {
        unmap_block(block);
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
        unmap_block(block);
    }
}

bool BufferPool::make_room(BlockRef& block, std::size_t size) {
    if (block->free_size() >= size) return true;
    const std::string_view held = block->filled();
    if (held.size() + size > large_capacity) return false;
    BlockRef larger = large();
    larger->append(held);
    block = std::move(larger);
    return true;
}

void BufferPool::trim() noexcept {
    shrink(small_, reserve_after_trim);
    shrink(large_, 0);
}

}  // namespace penstock::io
