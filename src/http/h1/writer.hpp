// HTTP/1 heads and chunk framing as bytes to send.
//
// A head is put together in one block and leaves with the first body bytes in one send. Fields that
// pass are copied in runs, as they stand in the buffer they were received in: order, case and white
// space are the sender's.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include <sys/uio.h>

#include "http/message.hpp"
#include "io/buffer_pool.hpp"

namespace penstock::http::h1 {

/// A block that a head is written into. Grows once, to a large block; past that, overflowed() is
/// true.
class HeadBuffer {
  public:
    explicit HeadBuffer(io::BufferPool& pool) : pool_(pool), block_(pool.small()) {}

    void append(std::string_view bytes);
    void append_number(std::uint64_t value);
    void append_field(std::string_view name, std::string_view value);

    std::string_view bytes() const noexcept { return block_->filled(); }
    bool overflowed() const noexcept { return overflowed_; }

  private:
    io::BufferPool& pool_;
    io::BlockRef block_;
    bool overflowed_ = false;
};

/// Every field that is not dropped, in runs.
void write_kept_fields(HeadBuffer& out, const FieldList& fields, const char* head_end);

/// "HTTP/1.1 200 OK CRLF", our own version whatever the backend's was.
void write_status_line(HeadBuffer& out, unsigned status, std::string_view reason);

/// The size line of a chunk and what stands around it (RFC 9112 section 7.1).
class ChunkFrame {
  public:
    /// Adds the pieces of one chunk of `data` (not empty) to `pieces`; returns how many (3).
    unsigned frame(std::string_view data, iovec* pieces) noexcept;

  private:
    std::array<char, 18> size_line_;
};

inline iovec piece_of(std::string_view bytes) noexcept {
    return {const_cast<char*>(bytes.data()), bytes.size()};
}

}  // namespace penstock::http::h1
