// MessageReader: heads and bodies out of one direction of an HTTP/1 connection, one message after
// the other.
//
// Lives for one exchange; what it has read beyond its message is handed on with take_leftover().
// Views it gives out stay valid as said at each call. Belongs to the socket's thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "http/body.hpp"
#include "http/h1/head_scanner.hpp"
#include "http/h1/parser.hpp"
#include "http/message.hpp"
#include "io/socket.hpp"
#include "io/task.hpp"
#include "net/stream.hpp"

namespace penstock::http::h1 {

class MessageReader final : public BodySource {
  public:
    MessageReader(net::Stream& stream, Parser::Role role) noexcept
        : stream_(stream), parser_(role) {}

    /// Bytes that were read from the connection before this reader was made.
    void give(io::BlockRef block) noexcept { block_ = std::move(block); }
    bool has_leftover() const noexcept { return block_ && block_->begin < block_->end; }
    io::BlockRef take_leftover() noexcept;

    /// The next head. Its views are valid until the next head is read.
    io::Task<ReadResult> read_request(RequestHead& head, const HeadLimits& limits,
                                      TimePoint deadline);
    /// `deadline` may change while it reads: it is looked at before each wait.
    io::Task<ReadResult> read_response(ResponseHead& head, Method method,
                                       const TimePoint& deadline);

    void start_body(const BodyFraming& framing) noexcept override;
    bool body_ended() const noexcept override { return body_ended_; }
    std::uint64_t body_bytes_read() const noexcept override { return body_bytes_; }
    std::string_view trailers() const noexcept override { return parser_.trailers(); }
    void interrupt(int error) noexcept override { stream_.interrupt(error); }
    void limit_chunk_overhead(std::uint32_t bytes, std::uint32_t trailers) noexcept {
        parser_.limit_chunk_overhead(bytes, trailers);
    }

    BodyPiece body_at_hand() noexcept override;
    io::Task<BodyPiece> read_body(TimePoint deadline) override;

    net::Stream& stream() noexcept { return stream_; }

  private:
    enum class HeadState : std::uint8_t { incomplete, complete, malformed };

    HeadState scan_head() noexcept;
    ReadResult append_head(io::Received received) noexcept;
    ReadResult judge_incomplete(const HeadLimits& limits) noexcept;
    std::string_view unread() noexcept { return block_ ? block_->filled() : std::string_view{}; }
    void skip_leading_crlf() noexcept;
    BodyPiece decode() noexcept;
    io::ReceiveSize next_size() const noexcept;

    net::Stream& stream_;
    Parser parser_;
    HeadScanner scanner_;
    io::BlockRef head_block_;  // keeps the head's views alive while block_ moves on
    io::BlockRef block_;       // the block being read
    BodyFraming framing_;
    std::uint64_t remaining_ = 0;
    std::uint64_t body_bytes_ = 0;
    bool body_ended_ = true;
    std::uint8_t leading_crlf_ = 0;
};

}  // namespace penstock::http::h1
