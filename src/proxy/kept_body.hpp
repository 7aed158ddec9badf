// KeptBody: what has been read of a request's body, kept so that it can be sent once more.
//
// Part of an Exchange, on its worker's thread.
#pragma once

#include <cstddef>
#include <string_view>

#include "io/buffer_pool.hpp"

namespace penstock::proxy {

/// At most 64 KiB; takes no memory before the first byte.
class KeptBody {
  public:
    static constexpr std::size_t most_bytes = 64 * 1024;

    explicit KeptBody(io::BufferPool& pool) noexcept : pool_(pool) {}

    void add(std::string_view piece);
    /// Nothing once there was more of it than is kept.
    std::string_view bytes() const noexcept {
        return block_ ? block_->filled() : std::string_view{};
    }

  private:
    io::BufferPool& pool_;
    io::BlockRef block_;
    bool whole_ = true;
};

}  // namespace penstock::proxy
