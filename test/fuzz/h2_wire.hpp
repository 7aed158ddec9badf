// What the HTTP/2 targets share: a session's connection, whose other end plays the input, and a log
// of the frames that come back.
//
// The loop never waits: an input's run is a bounded number of turns.
#pragma once

#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <nghttp2/nghttp2.h>
#include <sys/socket.h>
#include <unistd.h>

#include "heads.hpp"
#include "io/ring.hpp"
#include "io/task.hpp"
#include "net/stream.hpp"

namespace penstock::fuzz {

/// What a session sends: whole frames, nothing on a stream that it has ended.
class FrameLog {
  public:
    /// `skipped`: bytes before the first frame.
    explicit FrameLog(std::size_t skipped) noexcept : skipped_(skipped) {}

    void take(std::string_view bytes) {
        const std::size_t skip = std::min(skipped_, bytes.size());
        skipped_ -= skip;
        unread_ += bytes.substr(skip);
        std::size_t at = 0;
        while (unread_.size() - at >= frame_head) {
            const std::size_t size = number(at, 3);
            PENSTOCK_ASSERT(size <= most_frame);
            if (unread_.size() - at < frame_head + size) break;
            frame(at, size);
            at += frame_head + size;
        }
        unread_.erase(0, at);
    }
    bool is_whole() const noexcept { return unread_.empty() && continued_ == 0; }

  private:
    static constexpr std::size_t frame_head = 9;
    static constexpr std::size_t most_frame = 16'384;  // whatever SETTINGS allow: nghttp2's choice

    std::size_t number(std::size_t at, std::size_t bytes) const noexcept {
        std::size_t value = 0;
        for (std::size_t i = 0; i < bytes; ++i)
            value = value << 8 | static_cast<unsigned char>(unread_[at + i]);
        return value;
    }

    void frame(std::size_t at, std::size_t size) {
        const std::size_t type = number(at + 3, 1);
        const std::size_t flags = number(at + 4, 1);
        const std::size_t id = number(at + 5, 4);
        PENSTOCK_ASSERT((type == NGHTTP2_CONTINUATION) == (continued_ != 0));
        PENSTOCK_ASSERT(continued_ == 0 || continued_ == id);
        PENSTOCK_ASSERT(is_first_ == (type == NGHTTP2_SETTINGS && flags == 0) || !is_first_);
        is_first_ = false;
        if (type == NGHTTP2_GOAWAY) {
            const std::size_t last = number(at + frame_head, 4);
            const bool is_failure = number(at + frame_head + 4, 4) != NGHTTP2_NO_ERROR;
            // nghttp2's own may name one that was refused since the last was put in its queue.
            PENSTOCK_ASSERT(last <= last_taken_ || is_failure);
            last_taken_ = last;
        }
        if (id == 0) return;
        Sent& sent = streams_[id];
        PENSTOCK_ASSERT(!sent.is_reset);
        if (type == NGHTTP2_RST_STREAM) {
            PENSTOCK_ASSERT(size == 4);
            sent.is_reset = true;
        }
        const bool is_message = type == NGHTTP2_DATA || type == NGHTTP2_HEADERS;
        if (is_message) {
            PENSTOCK_ASSERT(!sent.has_ended);
            PENSTOCK_ASSERT(type == NGHTTP2_HEADERS || sent.has_head);
            sent.has_head = true;
            sent.has_ended = (flags & NGHTTP2_FLAG_END_STREAM) != 0;
        }
        if (type == NGHTTP2_HEADERS || type == NGHTTP2_CONTINUATION)
            continued_ = (flags & NGHTTP2_FLAG_END_HEADERS) != 0 ? 0 : id;
    }

    struct Sent {
        bool has_head = false;
        bool has_ended = false;
        bool is_reset = false;
    };

    std::size_t skipped_;
    std::string unread_;
    std::map<std::size_t, Sent> streams_;
    std::size_t continued_ = 0;
    std::size_t last_taken_ = INT32_MAX;
    bool is_first_ = true;
};

/// One end is the session's, the other the target's.
class Wire {
  public:
    explicit Wire(std::size_t skipped) : log_(skipped), blocks_(ring().buffers().blocks_in_use()) {
        int ends[2] = {-1, -1};
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0)
            std::abort();
        // A few sends fill it: what waits for room is a part of every run.
        const int least = 1;
        ::setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &least, sizeof(least));
        peer_ = ends[1];
        stream_ = std::make_unique<net::Stream>(ring().adopt(ends[0]));
    }
    Wire(const Wire&) = delete;
    /// Its session has ended and is gone: nothing of it is left.
    ~Wire() {
        stream_->close();
        leave();
        PENSTOCK_ASSERT(ring().buffers().blocks_in_use() == blocks_);
    }

    static io::Ring& ring() {
        static io::Ring* const made = [] {
            auto ring = io::Ring::create(io::Engine::epoll);
            if (!ring) std::abort();
            return ring->release();
        }();
        return *made;
    }
    net::Stream& stream() noexcept { return *stream_; }
    const FrameLog& log() const noexcept { return log_; }

    void turn() {
        ring().wait(ring().now());
        ring().run_ready();
        char bytes[16 * 1024];
        while (peer_ >= 0 && reads_) {
            const ssize_t got = ::recv(peer_, bytes, sizeof(bytes), MSG_DONTWAIT);
            if (got <= 0) break;
            log_.take({bytes, static_cast<std::size_t>(got)});
        }
    }
    /// Turns until `done`; false where that takes too many.
    template <class Done>
    bool turn_until(Done&& done) {
        for (unsigned left = 1'000; left > 0 && !done(); --left) turn();
        return done();
    }
    /// Whether what comes is read at all.
    void set_reading(bool reads) noexcept { reads_ = reads; }
    /// A session that has ended hears nothing.
    void say(std::string_view bytes) {
        const ssize_t sent = ::send(peer_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        PENSTOCK_ASSERT(sent < 0 || static_cast<std::size_t>(sent) == bytes.size());
    }
    void finish() { ::shutdown(peer_, SHUT_WR); }
    /// Gone, whatever is still on its way.
    void leave() {
        if (peer_ >= 0) ::close(std::exchange(peer_, -1));
    }

  private:
    FrameLog log_;
    std::size_t blocks_;
    int peer_ = -1;
    bool reads_ = true;
    std::unique_ptr<net::Stream> stream_;
};

/// The input in the pieces of that round (see Cuts), a turn of the loop after each; `before_last`
/// is called before the last one.
template <class BeforeLast>
void say_in_pieces(Wire& wire, std::string_view bytes, unsigned round, BeforeLast&& before_last) {
    Cuts cuts(bytes, round);
    while (!bytes.empty()) {
        const std::size_t size = cuts.next(bytes.size());
        if (size == bytes.size()) before_last();
        wire.say(bytes.substr(0, size));
        bytes.remove_prefix(size);
        wire.turn();
    }
}

/// Names of HTTP/2, values that HTTP/1.1 can say.
inline void check_line(std::string_view name, std::string_view value) {
    PENSTOCK_ASSERT(is_token(name));
    PENSTOCK_ASSERT(to_lower(name) == name);
    for (const char c : value) PENSTOCK_ASSERT(!is_control(c) || c == '\t');
}

inline void check_h2_fields(const http::FieldList& fields) {
    for (const auto& entry : fields) check_line(fields.name(entry), fields.value(entry));
}

inline void check_trailers(std::string_view trailers) {
    if (trailers.empty()) return;
    const std::string section = std::string(trailers) + "\r\n";
    for (const std::string_view line : lines_of(section)) {
        const std::size_t colon = line.find(": ");
        PENSTOCK_ASSERT(colon != std::string_view::npos);
        check_line(line.substr(0, colon), line.substr(colon + 2));
        PENSTOCK_ASSERT(http::h1::may_trail(http::field_id(line.substr(0, colon))));
    }
}

/// What a body that was read to its end has to be.
inline void check_length(const http::BodyFraming& framing, std::uint64_t bytes) {
    using Kind = http::BodyFraming::Kind;
    PENSTOCK_ASSERT(framing.kind != Kind::length || framing.length == bytes);
    PENSTOCK_ASSERT(framing.kind != Kind::none || bytes == 0);
}

}  // namespace penstock::fuzz
