// Blocks of memory that bytes from and to the network live in, in two sizes.
//
// A small block holds a message head or a piece of a body; a large one is taken while a body proves
// long, where fewer and bigger system calls pay (ARCHITECTURE section 4). Freed blocks are kept for
// reuse up to a bound and otherwise given back to the system. One pool a loop; a block is used on
// its loop's thread alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

namespace penstock::io {

class BufferPool;

/// The bytes [begin, end) of `capacity` are filled; the space behind them is free.
struct alignas(64) Block {
    Block* next = nullptr;
    BufferPool* pool = nullptr;
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
    std::uint32_t capacity = 0;

    char* data() noexcept { return reinterpret_cast<char*>(this + 1); }
    std::string_view filled() noexcept { return {data() + begin, end - begin}; }
    char* free_space() noexcept { return data() + end; }
    std::size_t free_size() const noexcept { return capacity - end; }
    /// There is room for them.
    void append(std::string_view bytes) noexcept {
        std::memcpy(free_space(), bytes.data(), bytes.size());
        end += static_cast<std::uint32_t>(bytes.size());
    }
};

/// Owns one block; gives it back to its pool at the end.
class BlockRef {
  public:
    BlockRef() = default;
    explicit BlockRef(Block* block) noexcept : block_(block) {}
    BlockRef(BlockRef&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
    BlockRef& operator=(BlockRef&& other) noexcept {
        if (this != &other) {
            reset();
            block_ = std::exchange(other.block_, nullptr);
        }
        return *this;
    }
    ~BlockRef() { reset(); }

    explicit operator bool() const noexcept { return block_ != nullptr; }
    Block* operator->() const noexcept { return block_; }
    Block& operator*() const noexcept { return *block_; }
    Block* release() noexcept { return std::exchange(block_, nullptr); }
    void reset() noexcept;

  private:
    Block* block_ = nullptr;
};

class BufferPool {
  public:
    /// With their headers: whole pages, mapped one by one, so that what is given back is back.
    static constexpr std::uint32_t small_bytes = 16 * 1024;
    static constexpr std::uint32_t large_bytes = 128 * 1024;
    static constexpr std::uint32_t small_capacity = small_bytes - sizeof(Block);
    static constexpr std::uint32_t large_capacity = large_bytes - sizeof(Block);
    static constexpr std::size_t small_kept = 1024;  // 16 MiB a loop
    static constexpr std::size_t large_kept = 256;   // 32 MiB a loop

    BufferPool() = default;
    BufferPool(const BufferPool&) = delete;
    BufferPool& operator=(const BufferPool&) = delete;
    ~BufferPool();

    /// Empty blocks; never fails but by ending the process (no memory).
    BlockRef small() { return take(small_, small_capacity); }
    BlockRef large() { return take(large_, large_capacity); }

    /// Makes room for `size` more bytes: where the block has none, what it holds moves to a large
    /// one. False where that would have none either.
    bool make_room(BlockRef& block, std::size_t size);

    /// Gives kept blocks beyond a small reserve back to the system; for a loop that has gone quiet.
    void trim() noexcept;

    /// From now on what a block held is overwritten when it is given back: where secrets travel.
    void cleanse_after_use() noexcept { cleanses_ = true; }

    std::size_t blocks_in_use() const noexcept { return in_use_; }

  private:
    friend class BlockRef;

    struct FreeList {
        Block* head = nullptr;
        std::size_t count = 0;
    };

    BlockRef take(FreeList& list, std::uint32_t capacity);
    void give_back(Block* block) noexcept;
    static void shrink(FreeList& list, std::size_t keep) noexcept;

    FreeList small_;
    FreeList large_;
    std::size_t in_use_ = 0;
    bool cleanses_ = false;
};

inline void BlockRef::reset() noexcept {
    if (Block* block = std::exchange(block_, nullptr)) block->pool->give_back(block);
}

}  // namespace penstock::io
