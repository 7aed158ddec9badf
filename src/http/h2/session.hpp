// Session: one HTTP/2 connection over a net::Stream, as nghttp2 sees it: frames in, frames out, and
// what a server and a client have in common.
//
// Frames are put together in one block and leave together at the end of the loop turn. Belongs to
// its connection's thread. nghttp2 is not reentrant: what its callbacks set off (exchanges, sends)
// runs after they have returned.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <nghttp2/nghttp2.h>

#include "base/bytes.hpp"
#include "http/h2/stream.hpp"
#include "io/event.hpp"
#include "io/task.hpp"
#include "io/timed_event.hpp"
#include "net/stream.hpp"

namespace penstock::http::h2 {

/// "name: value CRLF" lines as nghttp2 takes them; fields of the connection (RFC 9113 section
/// 8.2.2) are left out. Views into `lines`.
void append_fields(std::vector<nghttp2_nv>& out, std::string_view lines);
nghttp2_nv field_of(std::string_view name, std::string_view value) noexcept;

/// Calls visit(name, value) for each "name: value CRLF".
template <class Visit>
void for_each_line(std::string_view lines, Visit&& visit) {
    while (!lines.empty() && lines != "\r\n") {
        const std::size_t colon = lines.find(':');
        const std::size_t end = lines.find("\r\n", colon);
        if (end == std::string_view::npos) return;
        visit(lines.substr(0, colon), trim_ows(lines.substr(colon + 1, end - colon - 1)));
        lines.remove_prefix(end + 2);
    }
}

class Session {
  public:
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    io::Ring& ring() const noexcept { return stream_.ring(); }
    net::Stream& connection() const noexcept { return stream_; }
    nghttp2_session* native() const noexcept { return native_; }
    /// The peer will send no more.
    bool peer_finished() const noexcept { return peer_finished_; }

    /// That much of a stream's body has been used.
    void consumed(std::int32_t stream, std::size_t bytes) noexcept;
    /// There is something to send on it again.
    void resume_sending(std::int32_t stream) noexcept;
    /// Puts together what may be sent now; it leaves at the end of the turn.
    void fill() noexcept;
    /// For messages with a body: it comes from their Stream.
    static nghttp2_data_provider body_provider() noexcept;

  protected:
    /// Bytes of all streams together that the peer may send ahead.
    static constexpr std::int32_t connection_window = 1024 * 1024;

    /// `stall_limit`: how long the peer may take nothing of what is being sent.
    Session(net::Stream& stream, Duration stall_limit) noexcept
        : stream_(stream),
          stall_limit_(stall_limit),
          writable_(stream.ring()),
          all_gone_(stream.ring()),
          idle_since_(stream.ring().now()) {}
    virtual ~Session();

    static nghttp2_session_callbacks* callbacks();
    static nghttp2_option* options();
    /// Takes over what nghttp2_session_server_new2() and its like have made.
    void adopt(nghttp2_session* native) noexcept { native_ = native; }

    // A session outlives its streams, and is idle without one.
    void stream_came() noexcept;
    void stream_went() noexcept;
    std::uint32_t stream_count() const noexcept { return stream_count_; }
    TimePoint idle_since() const noexcept { return idle_since_; }
    void be_idle_from_now() noexcept { idle_since_ = ring().now(); }
    /// Nothing more is read: until the last stream has gone. After a failure the GOAWAY does not
    /// wait for them.
    io::Task<void> outlive_streams();
    /// Of the receive under way, or the next.
    virtual TimePoint deadline() const noexcept = 0;
    void update_deadline() noexcept { stream_.set_receive_deadline(deadline()); }
    /// Nothing is under way, and nothing more will come.
    virtual bool is_done() const noexcept = 0;

    /// To the end of what is to be sent; ends after finish_writing(), or when the connection fails.
    io::Task<void> write_loop();
    void finish_writing() noexcept;
    /// Bytes from the peer. False: nothing more is to be read.
    bool feed(std::string_view bytes) noexcept;
    /// Ends the connection with GOAWAY once the callbacks have returned; the first reason counts.
    void fail(std::uint32_t code) noexcept;
    bool has_failed() const noexcept { return failure_.has_value(); }
    /// The connection is gone: all its streams are.
    void lose(int error) noexcept;
    bool is_lost() const noexcept { return lost_; }
    void note_peer_finished() noexcept { peer_finished_ = true; }
    Stream* stream_of(std::int32_t id) const noexcept;
    io::BlockRef& output() noexcept { return output_; }

    // What nghttp2 tells; 0, or an nghttp2 error code.
    virtual int on_begin_frame(const nghttp2_frame_hd&) noexcept { return 0; }
    virtual int on_begin_headers(const nghttp2_frame& frame) noexcept = 0;
    virtual int on_header(const nghttp2_frame& frame, std::string_view name,
                          std::string_view value) noexcept = 0;
    virtual int on_frame(const nghttp2_frame& frame) noexcept = 0;
    virtual void on_frame_sent(const nghttp2_frame&) noexcept {}
    virtual void on_stream_closed(Stream& stream, std::uint32_t code) noexcept = 0;
    virtual void on_lost(int error) noexcept = 0;

  private:
    struct Callbacks;

    void append(std::string_view bytes);
    std::size_t pending_output() const noexcept {
        return output_ ? output_->end - output_->begin : 0;
    }
    void carry_out_failure() noexcept;

    net::Stream& stream_;
    Duration stall_limit_;
    nghttp2_session* native_ = nullptr;
    io::BlockRef output_;  // frames that have not been sent yet
    io::TimedEvent writable_;
    std::uint32_t stream_count_ = 0;
    io::Event all_gone_;
    TimePoint idle_since_;
    std::optional<std::uint32_t> failure_;
    bool failure_told_ = false;
    bool peer_finished_ = false;
    bool lost_ = false;
    bool writing_ends_ = false;
};

}  // namespace penstock::http::h2
