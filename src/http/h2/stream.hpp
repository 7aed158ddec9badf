// Stream: what both sides of an HTTP/2 connection have of one of its streams: the body that has
// come and nobody has read yet, and what is being sent.
//
// A part of a server's or client's stream; belongs to its session and thread. The window opens as
// the body is read (RFC 9113 section 5.2): a body that nobody reads stalls this stream alone.
#pragma once

#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>

#include "http/body.hpp"
#include "io/buffer_pool.hpp"
#include "io/timed_event.hpp"

namespace penstock::http::h2 {

class Session;

class Stream {
  public:
    /// `owner`: the server's or client's stream that this is a part of.
    Stream(Session& session, std::int32_t id, void* owner) noexcept;
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;
    ~Stream();

    std::int32_t id() const noexcept { return id_; }
    void set_id(std::int32_t id) noexcept { id_ = id; }
    void* owner() const noexcept { return owner_; }

    // --- receiving: see BodySource ---

    void start_body(const BodyFraming& framing) noexcept;
    BodyPiece body_at_hand() noexcept;
    io::Task<BodyPiece> read_body(TimePoint deadline);
    bool body_ended() const noexcept { return body_ended_; }
    bool has_unread() const noexcept { return first_ != nullptr; }
    std::uint64_t body_bytes_read() const noexcept { return body_bytes_; }
    std::string_view trailers() const noexcept { return trailers_; }
    void interrupt(int error) noexcept;
    void stop_reading(int error) noexcept;
    /// For whoever reads heads: until something has come or ended; false: the deadline has passed.
    io::TimedEvent::Awaiter wait_input(TimePoint deadline) noexcept {
        return readable_.wait(deadline);
    }
    void set_read_deadline(TimePoint deadline) noexcept { readable_.move_deadline(deadline); }
    /// The reader is to look again at what ends its wait.
    void wake_reader() noexcept { readable_.set(); }

    // --- sending: see MessageSink ---

    /// A head has been submitted with this stream as the source of its body.
    io::Task<int> send_body(const Outgoing& out, Duration stall_limit);
    void finish_sending() noexcept;
    /// 0, or why nothing can be sent any more.
    int send_error() const noexcept { return error_ == 0 && closed_ ? ECONNRESET : error_; }
    /// END_STREAM has been sent.
    bool sending_ended() const noexcept { return end_sent_; }

    // --- the session's side ---

    void received(std::string_view data);
    /// False where there are more than are taken: the stream has failed by that, and is to be
    /// reset.
    bool received_trailer(std::string_view name, std::string_view value);
    void received_end() noexcept;
    /// The peer's half is known to have ended.
    bool input_complete() const noexcept { return input_complete_; }
    /// Reset, or its connection is gone. 0 only after both ends.
    void closed(int error) noexcept;
    bool is_closed() const noexcept { return closed_; }
    int error() const noexcept { return error_; }

    /// What is to be sent next, at most `most` bytes; taken with took().
    std::string_view next_output(std::size_t most) const noexcept { return out_.substr(0, most); }
    bool output_ends_with(std::size_t bytes) const noexcept {
        return last_ && bytes == out_.size();
    }
    bool has_output() const noexcept { return !out_.empty() || (last_ && !end_sent_); }
    std::string_view output_trailers() const noexcept { return out_trailers_; }
    void took(std::size_t bytes) noexcept;
    void end_was_sent() noexcept;

  private:
    io::BlockRef pop_front() noexcept;
    void release_front() noexcept;

    Session& session_;
    void* owner_;
    std::int32_t id_;

    io::Block* first_ = nullptr;  // received, in order
    io::Block* last_block_ = nullptr;
    std::size_t lent_ = 0;  // bytes of the first block that a reader looks at
    std::string trailers_;
    std::uint64_t body_bytes_ = 0;
    io::TimedEvent readable_;
    int stop_error_ = 0;
    std::uint32_t trailer_bytes_ = 0;
    bool body_ended_ = true;
    bool input_complete_ = false;

    std::string_view out_;
    std::string_view out_trailers_;
    io::TimedEvent writable_;
    bool last_ = false;
    bool end_sent_ = false;

    bool closed_ = false;
    int error_ = 0;
};

}  // namespace penstock::http::h2
