#include "http/h2/server_session.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include "io/both.hpp"
#include "io/frame_pool.hpp"
#include "io/ring.hpp"

namespace penstock::http::h2 {

namespace {

/// What nghttp2 itself is told of: past it it would end the connection, where beyond most_streams a
/// stream is refused (RFC 9113 section 5.1.2 allows either).
constexpr std::uint32_t enforced_streams = 1'000;
constexpr std::uint32_t most_continuations = 8;
/// Of one header block, decoded: past it the sender is after our memory or time (HPACK bombs).
constexpr std::uint32_t most_block_bytes = 1024 * 1024;
/// How long a client may take to hear that the connection is being drained.
constexpr Duration drain_notice = std::chrono::seconds(1);
constexpr std::array<std::uint8_t, 8> drain_ping{'d', 'r', 'a', 'i', 'n', 'i', 'n', 'g'};
/// RFC 9113 section 5.3.2, RFC 8441 section 3: names that Debian 12's nghttp2 lacks in part.
constexpr std::int32_t setting_enable_connect = 8;
constexpr std::int32_t setting_no_rfc7540_priorities = 9;

/// MAX_CONCURRENT_STREAMS as the client is to see it; see enforced_streams.
void announce_most_streams(io::Block& settings) noexcept {
    char* const frame = settings.data() + settings.begin;
    const std::size_t size = settings.end - settings.begin;
    for (std::size_t at = 9; at + 6 <= size; at += 6) {
        if (frame[at] != 0 || frame[at + 1] != NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS) continue;
        frame[at + 2] = frame[at + 3] = frame[at + 4] = 0;
        frame[at + 5] = static_cast<char>(ServerSession::most_streams);
        return;
    }
}

}  // namespace

ServerSession::ServerSession(net::Stream& stream, const ServerLimits& limits,
                             RequestHandler& handler)
    : Session(stream, limits.stall_limit),
      limits_(limits),
      handler_(handler),
      resets_(stream.ring().now()),
      control_(stream.ring().now()) {
    nghttp2_session* native = nullptr;
    if (nghttp2_session_server_new2(&native, callbacks(), static_cast<Session*>(this), options()) !=
        0)
        std::abort();  // no memory
    adopt(native);
}

// --- the connection's life ---

void ServerSession::start() noexcept {
    const std::array<nghttp2_settings_entry, 4> settings{{
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, enforced_streams},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits_.head.header_bytes},
        {setting_enable_connect, 1},
        {setting_no_rfc7540_priorities, 1},
    }};
    nghttp2_submit_settings(native(), NGHTTP2_FLAG_NONE, settings.data(), settings.size());
    fill();
    if (output()) announce_most_streams(*output());
    nghttp2_session_set_local_window_size(native(), NGHTTP2_FLAG_NONE, 0, connection_window);
}

io::Task<void> ServerSession::run(io::BlockRef& first, bool is_draining) {
    start();
    if (is_draining) drain();
    io::Task<void> writing = write_loop();
    io::Task<void> reading = read_loop(first);
    co_await io::both(reading, writing);
}

io::Task<void> ServerSession::read_loop(io::BlockRef& first) {
    bool goes_on = take(first);
    auto size = io::ReceiveSize::small;
    while (goes_on) {
        io::Received received = co_await connection().receive(deadline(), size);
        if (received.error == ETIMEDOUT) {
            goes_on = !out_of_time();
        } else if (received.error != 0) {
            lose(received.error);
            goes_on = false;
        } else if (received.is_end()) {
            note_peer_finished();
            streams_.for_each([](ServerStream& stream) {
                stream.core().wake_reader();
                stream.tell_watcher();
            });
            goes_on = false;
        } else {
            const bool is_long = received.block->free_size() == 0 && stream_count() > 0;
            size = is_long ? io::ReceiveSize::large : io::ReceiveSize::small;
            goes_on = take(received.block);
        }
    }
    forget_unserved();
    co_await outlive_streams();
    finish_writing();
}

bool ServerSession::take(io::BlockRef& block) {
    bool goes_on = true;
    if (block) goes_on = feed(block->filled());
    block.reset();
    // Here, not where it is heard of: the last stream that GOAWAY names is the last that was taken.
    if (draining_ == Draining::heard) {
        finish_drain();
        fill();
    }
    start_waiting();
    return goes_on && !is_done();
}

/// Exchanges begin once nghttp2 has returned: they send.
void ServerSession::start_waiting() noexcept {
    for (std::size_t i = 0; i < waiting_.size(); ++i) {
        ServerStream& stream = *waiting_[i];
        stream.note_served();
        io::spawn(serve(stream));
    }
    waiting_.clear();
}

io::Task<void> ServerSession::serve(ServerStream& stream) {
    co_await handler_.carry_out(stream);
    finish(stream);
}

/// The exchange is over, and with it the stream.
void ServerSession::finish(ServerStream& stream) noexcept {
    Stream& core = stream.core();
    // A stream that failed with its connection is closed to us, and nghttp2 may still know it.
    nghttp2_session_set_stream_user_data(native(), core.id(), nullptr);
    if (!core.is_closed() && !is_lost()) {
        --open_count_;
        if (!core.sending_ended() || !core.input_complete()) reset(core.id(), stream.reset_code());
        fill();
    }
    forget(stream);
}

void ServerSession::forget(ServerStream& stream) noexcept {
    stream.unlink();
    stream.~ServerStream();
    io::FramePool::release(&stream, sizeof(ServerStream));
    stream_went();
}

/// Nothing is under way, and nothing more will come (GOAWAY, whoever sent it).
bool ServerSession::is_done() const noexcept {
    return stream_count() == 0 &&
           (draining_ == Draining::told || nghttp2_session_want_read(native()) == 0);
}

/// Their heads will never be whole.
void ServerSession::forget_unserved() noexcept {
    std::vector<ServerStream*> unserved;
    streams_.for_each([&](ServerStream& stream) {
        if (!stream.is_served()) unserved.push_back(&stream);
    });
    for (ServerStream* const stream : unserved) {
        nghttp2_session_set_stream_user_data(native(), stream->core().id(), nullptr);
        --open_count_;
        forget(*stream);
    }
}

void ServerSession::reset(std::int32_t id, std::uint32_t code) noexcept {
    note_reset(id);
    nghttp2_submit_rst_stream(native(), NGHTTP2_FLAG_NONE, id, code);
}

/// Of ours when it is decided, of nghttp2's own when it goes out.
void ServerSession::note_reset(std::int32_t id) noexcept {
    if (!was_reset_by_us(id)) reset_by_us_[next_reset_++ % reset_by_us_.size()] = id;
}

bool ServerSession::was_reset_by_us(std::int32_t id) const noexcept {
    return std::find(reset_by_us_.begin(), reset_by_us_.end(), id) != reset_by_us_.end();
}

bool ServerSession::was_skipped(std::int32_t id) const noexcept {
    return std::any_of(skipped_.begin(), skipped_.end(),
                       [id](const Gap& gap) { return gap.first <= id && id <= gap.last; });
}

// --- deadlines, drain, abort ---

TimePoint ServerSession::deadline() const noexcept {
    if (block_since_ != never) return block_since_ + limits_.header_timeout;
    if (stream_count() > 0) return never;
    if (draining_ != Draining::no) return idle_since() + drain_notice;
    return idle_since() + (had_request_ ? limits_.idle_timeout : limits_.header_timeout);
}

/// True: the connection ends. False: the deadline has moved meanwhile.
bool ServerSession::out_of_time() noexcept {
    if (has_failed() || is_lost()) return true;  // a lost socket has the error it was lost with
    if (ring().now() < deadline() && !is_done()) return false;
    if (draining_ == Draining::announced) {
        finish_drain();
        return true;
    }
    nghttp2_session_terminate_session(native(), NGHTTP2_NO_ERROR);
    return true;
}

/// RFC 9113 section 6.8: a first GOAWAY that still takes what is on its way, and a second once the
/// client has heard of it.
void ServerSession::drain() noexcept {
    if (draining_ != Draining::no || is_lost()) return;
    draining_ = Draining::announced;
    if (stream_count() == 0) be_idle_from_now();
    nghttp2_submit_shutdown_notice(native());
    nghttp2_submit_ping(native(), NGHTTP2_FLAG_NONE, drain_ping.data());
    fill();
    update_deadline();
}

void ServerSession::finish_drain() noexcept {
    draining_ = Draining::told;
    const std::int32_t last = nghttp2_session_get_last_proc_stream_id(native());
    nghttp2_submit_goaway(native(), NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, nullptr, 0);
}

void ServerSession::abort(int error) noexcept {
    streams_.for_each([error](ServerStream& stream) { stream.abort(error); });
    lose(error);
}

void ServerSession::on_lost(int error) noexcept {
    streams_.for_each([error](ServerStream& stream) {
        stream.core().closed(error);
        stream.tell_watcher();
    });
}

// --- what nghttp2 tells ---

int ServerSession::spend(FloodBudget& budget) noexcept {
    if (budget.take(ring().now())) return 0;
    fail(NGHTTP2_ENHANCE_YOUR_CALM);
    return NGHTTP2_ERR_CALLBACK_FAILURE;
}

/// RFC 9113 section 5.1, "closed": nghttp2 forgets closed streams and ignores what comes on them. A
/// client that has not heard of our reset yet may go on for a while.
int ServerSession::judge_closed_stream(const nghttp2_frame_hd& head) noexcept {
    const bool carries_message = head.type == NGHTTP2_DATA || head.type == NGHTTP2_HEADERS;
    const bool is_ours_to_judge = head.stream_id > 0 && head.stream_id % 2 == 1 &&
                                  head.stream_id <= last_id_ && carries_message;
    if (!is_ours_to_judge || nghttp2_session_find_stream(native(), head.stream_id) != nullptr ||
        was_reset_by_us(head.stream_id))
        return 0;
    // Section 5.1.1: an id below one that was used has never been opened.
    fail(was_skipped(head.stream_id) ? NGHTTP2_PROTOCOL_ERROR : NGHTTP2_STREAM_CLOSED);
    return NGHTTP2_ERR_CALLBACK_FAILURE;
}

int ServerSession::on_begin_frame(const nghttp2_frame_hd& head) noexcept {
    if (const int error = judge_closed_stream(head)) return error;
    switch (head.type) {
        case NGHTTP2_HEADERS:
            block_bytes_ = continuations_ = 0;
            if ((head.flags & NGHTTP2_FLAG_END_HEADERS) == 0) block_since_ = ring().now();
            control_.earn();
            return 0;
        case NGHTTP2_CONTINUATION:
            if (++continuations_ > most_continuations) {
                fail(NGHTTP2_ENHANCE_YOUR_CALM);
                return NGHTTP2_ERR_CALLBACK_FAILURE;
            }
            return 0;
        case NGHTTP2_DATA:  // an empty one: see on_frame()
            if (head.length > 0 && (head.flags & NGHTTP2_FLAG_PADDED) == 0) control_.earn();
            return 0;
        case NGHTTP2_RST_STREAM:
            return spend(resets_);
        case NGHTTP2_WINDOW_UPDATE:
            if (window_updates_ > 0) {
                --window_updates_;
                return 0;
            }
            return spend(control_);
        case NGHTTP2_PRIORITY:
            // RFC 9113 section 6.3; nghttp2 looks at no PRIORITY once they are said to be unused.
            if (head.stream_id == 0) {
                fail(NGHTTP2_PROTOCOL_ERROR);
                return NGHTTP2_ERR_CALLBACK_FAILURE;
            }
            return spend(control_);
        default:
            return spend(control_);
    }
}

int ServerSession::on_begin_headers(const nghttp2_frame& frame) noexcept {
    if (frame.headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    const std::int32_t id = frame.hd.stream_id;
    if (id > last_id_ + 2) skipped_[next_skipped_++ % skipped_.size()] = {last_id_ + 1, id - 1};
    last_id_ = id;
    // One that the client has reset still counts while its exchange lets go, but not against the
    // client that knows of its own reset. What GOAWAY has called untouched stays so.
    if (open_count_ >= most_streams || stream_count() >= 2 * most_streams ||
        draining_ == Draining::told) {
        if (const int error = spend(resets_)) return error;
        reset(id, NGHTTP2_REFUSED_STREAM);
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    auto* const stream =
        new (io::FramePool::allocate(sizeof(ServerStream))) ServerStream(*this, id, limits_.head);
    streams_.push_back(*stream);
    stream_came();
    ++open_count_;
    had_request_ = true;
    nghttp2_session_set_stream_user_data(native(), id, &stream->core());
    return 0;
}

int ServerSession::on_header(const nghttp2_frame& frame, std::string_view name,
                             std::string_view value) noexcept {
    block_bytes_ += static_cast<std::uint32_t>(name.size() + value.size()) + 32;
    if (block_bytes_ > most_block_bytes) {
        fail(NGHTTP2_ENHANCE_YOUR_CALM);
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    Stream* const core = stream_of(frame.hd.stream_id);
    if (core == nullptr) return 0;
    ServerStream& stream = ServerStream::of(*core);
    if (frame.headers.cat == NGHTTP2_HCAT_REQUEST) {
        stream.received_head().add(name, value);
    } else if (!core->received_trailer(name, value)) {
        reset(core->id(), NGHTTP2_ENHANCE_YOUR_CALM);
        stream.tell_watcher();
    }
    return 0;
}

int ServerSession::on_frame(const nghttp2_frame& frame) noexcept {
    switch (frame.hd.type) {
        case NGHTTP2_HEADERS:
        case NGHTTP2_DATA: {
            if (frame.hd.type == NGHTTP2_HEADERS) block_since_ = never;
            Stream* const core = stream_of(frame.hd.stream_id);
            if (core == nullptr) return 0;
            const bool ends = (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
            if (ends) core->received_end();
            if (frame.hd.type == NGHTTP2_HEADERS && frame.headers.cat == NGHTTP2_HCAT_REQUEST) {
                ServerStream& stream = ServerStream::of(*core);
                stream.head_received(ends);
                waiting_.push_back(&stream);
            }
            if (frame.hd.type == NGHTTP2_DATA && frame.hd.length == frame.data.padlen && !ends)
                return spend(control_);
            return 0;
        }
        case NGHTTP2_PING:
            if ((frame.hd.flags & NGHTTP2_FLAG_ACK) != 0 && draining_ == Draining::announced &&
                std::equal(drain_ping.begin(), drain_ping.end(), frame.ping.opaque_data))
                draining_ = Draining::heard;
            return 0;
        default:
            return 0;
    }
}

void ServerSession::on_frame_sent(const nghttp2_frame& frame) noexcept {
    if (frame.hd.type == NGHTTP2_DATA) {
        window_updates_ = std::min(window_updates_ + 2, FloodBudget::at_once);
        control_.earn();
    }
    if (frame.hd.type != NGHTTP2_RST_STREAM) return;
    note_reset(frame.hd.stream_id);
    switch (frame.rst_stream.error_code) {
        case NGHTTP2_NO_ERROR:
        case NGHTTP2_INTERNAL_ERROR:
        case NGHTTP2_CANCEL:          // not the client's doing
        case NGHTTP2_REFUSED_STREAM:  // counted where it was refused
            return;
        default:
            spend(resets_);
    }
}

void ServerSession::on_stream_closed(Stream& core, std::uint32_t) noexcept {
    --open_count_;
    ServerStream& stream = ServerStream::of(core);
    const auto waits = std::find(waiting_.begin(), waiting_.end(), &stream);
    if (stream.is_served()) {
        if (core.error() != 0) stream.tell_watcher();
    } else if (waits == waiting_.end()) {  // its head never came whole
        forget(stream);
    }
}

}  // namespace penstock::http::h2
