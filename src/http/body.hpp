// What the two ends of an exchange have in common, whatever their HTTP version: bodies are read
// from a BodySource, messages go to a MessageSink.
//
// Belongs to the thread of the connection behind it. At most one coroutine reads and one sends at a
// time; both may wait at once.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/clock.hpp"
#include "http/message.hpp"
#include "io/task.hpp"

namespace penstock::http {

/// How reading went.
enum class ReadOutcome : std::uint8_t {
    ok,
    closed,     // the peer's end before a message's first byte
    truncated,  // the peer's end inside a message
    failed,     // reset, interrupted: see error
    timed_out,
    unprocessed,  // HTTP/2: the peer says that it has not looked at the request
    refused,      // not HTTP as SPEC section 2 wants it: see refusal
};

struct ReadResult {
    ReadOutcome outcome = ReadOutcome::ok;
    Refusal refusal{};
    int error = 0;

    bool ok() const noexcept { return outcome == ReadOutcome::ok; }
};

/// Body bytes, without their framing. `data` is valid until the next call on the source.
struct BodyPiece {
    std::string_view data;
    bool last = false;
    ReadResult result{};
};

class BodySource {
  public:
    /// To be called once for each head, before its body is read.
    virtual void start_body(const BodyFraming& framing) noexcept = 0;
    /// What is there without waiting: an empty piece that is not the last where nothing is.
    virtual BodyPiece body_at_hand() noexcept = 0;
    virtual io::Task<BodyPiece> read_body(TimePoint deadline) = 0;
    virtual bool body_ended() const noexcept = 0;
    virtual std::uint64_t body_bytes_read() const noexcept = 0;
    /// After the last piece: the trailer section, "name: value CRLF" each, without fields that
    /// frame or route.
    virtual std::string_view trailers() const noexcept = 0;
    /// Ends what waits here now or will, on both sides of the connection (of the stream).
    virtual void interrupt(int error) noexcept = 0;

  protected:
    ~BodySource() = default;
};

/// What goes out in one call: any of a head, a piece of its body, and the end.
struct Outgoing {
    std::string_view head;  // as HTTP/1.1 writes it, to its empty line; empty: it has gone before
    std::string_view data;
    bool last = false;          // the message ends here
    std::string_view trailers;  // behind the last piece, as BodySource has them
    bool chunked = false;       // where the connection has no framing of its own

    /// Nothing follows the head, which is there.
    bool is_head_alone() const noexcept { return last && data.empty() && trailers.empty(); }
};

class MessageSink {
  public:
    /// 0 once all of it has been taken, or an errno; ETIMEDOUT after `stall_limit` without any
    /// progress. `out` and what it points to stay until then.
    virtual io::Task<int> send(const Outgoing& out, Duration stall_limit) = 0;
    /// Nothing more will be sent; the other way stays open. For tunnels.
    virtual void finish_sending() noexcept = 0;

  protected:
    ~MessageSink() = default;
};

}  // namespace penstock::http
