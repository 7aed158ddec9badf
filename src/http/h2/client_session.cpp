#include "http/h2/client_session.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>

#include "io/both.hpp"

namespace penstock::http::h2 {

ClientSession::ClientSession(net::Stream& stream, const ClientLimits& limits)
    : Session(stream, limits.stall_limit),
      idle_limit_(limits.idle_limit),
      most_streams_(limits.expected_streams) {
    nghttp2_session* native = nullptr;
    if (nghttp2_session_client_new2(&native, callbacks(), static_cast<Session*>(this), options()) !=
        0)
        std::abort();  // no memory
    adopt(native);
    const std::array<nghttp2_settings_entry, 2> settings{{
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, 64 * 1024},
    }};
    nghttp2_submit_settings(native, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
    nghttp2_session_set_local_window_size(native, NGHTTP2_FLAG_NONE, 0, connection_window);
}

io::Task<void> ClientSession::run() {
    io::Task<void> writing = write_loop();
    io::Task<void> reading = read_loop();
    co_await io::both(reading, writing);
}

io::Task<void> ClientSession::read_loop() {
    bool goes_on = !is_lost();
    while (goes_on) {
        io::Received received = co_await connection().receive(deadline());
        if (received.error == ETIMEDOUT) {
            // Of a lost socket this is the error that it was lost with.
            goes_on = !has_failed() && !is_lost() && !is_done() && ring().now() < deadline();
        } else if (received.error != 0) {
            lose(received.error);
            goes_on = false;
        } else if (received.is_end()) {
            note_peer_finished();
            on_lost(ECONNRESET);
            goes_on = false;
        } else {
            goes_on = feed(received.block->filled()) && !is_done();
        }
    }
    is_retired_ = true;
    co_await outlive_streams();
    if (!is_lost() && !has_failed()) nghttp2_session_terminate_session(native(), NGHTTP2_NO_ERROR);
    finish_writing();
}

TimePoint ClientSession::deadline() const noexcept {
    return stream_count() > 0 ? never : idle_since() + idle_limit_;
}

bool ClientSession::is_done() const noexcept {
    return is_idle() && (is_retired_ || nghttp2_session_want_read(native()) == 0);
}

bool ClientSession::takes_streams() const noexcept {
    if (is_retired_ || is_lost() || has_failed() || peer_finished()) return false;
    if (nghttp2_session_check_request_allowed(native()) == 0) return false;
    return stream_count() < most_streams_;
}

void ClientSession::retire() noexcept {
    is_retired_ = true;
    if (is_idle()) connection().cancel_receive(ETIMEDOUT);
}

void ClientSession::attach(ClientStream& stream) noexcept {
    streams_.push_back(stream);
    stream_came();
}

/// A stream whose both halves have not ended is reset: the backend is to stop its work.
void ClientSession::detach(ClientStream& stream) noexcept {
    const Stream& core = stream.core();
    // A stream that failed with its connection is closed to us, and nghttp2 may still know it.
    if (core.id() > 0) nghttp2_session_set_stream_user_data(native(), core.id(), nullptr);
    if (core.id() > 0 && !core.is_closed() && !is_lost()) {
        if (!core.input_complete() || !core.sending_ended())
            nghttp2_submit_rst_stream(native(), NGHTTP2_FLAG_NONE, core.id(), NGHTTP2_CANCEL);
        fill();
    }
    stream.unlink();
    stream_went();
}

// --- what nghttp2 tells ---

int ClientSession::on_begin_headers(const nghttp2_frame& frame) noexcept {
    if (Stream* const core = stream_of(frame.hd.stream_id)) ClientStream::of(*core).begin_head();
    return 0;
}

int ClientSession::on_header(const nghttp2_frame& frame, std::string_view name,
                             std::string_view value) noexcept {
    Stream* const core = stream_of(frame.hd.stream_id);
    if (core == nullptr || ClientStream::of(*core).add_field(name, value)) return 0;
    nghttp2_submit_rst_stream(native(), NGHTTP2_FLAG_NONE, core->id(), NGHTTP2_ENHANCE_YOUR_CALM);
    return 0;
}

int ClientSession::on_frame(const nghttp2_frame& frame) noexcept {
    if (frame.hd.type == NGHTTP2_SETTINGS && (frame.hd.flags & NGHTTP2_FLAG_ACK) == 0) {
        most_streams_ =
            nghttp2_session_get_remote_settings(native(), NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
    }
    if (frame.hd.type != NGHTTP2_HEADERS && frame.hd.type != NGHTTP2_DATA) return 0;
    Stream* const core = stream_of(frame.hd.stream_id);
    if (core == nullptr) return 0;
    is_proven_ = true;
    const bool ends = (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (ends) core->received_end();
    if (frame.hd.type == NGHTTP2_HEADERS) ClientStream::of(*core).end_head();
    return 0;
}

void ClientSession::on_stream_closed(Stream& core, std::uint32_t code) noexcept {
    if (code != NGHTTP2_REFUSED_STREAM) return;
    ClientStream::of(core).note_unprocessed();
    // It takes fewer than it says, or has not said yet.
    if (most_streams_ > 1 && nghttp2_session_check_request_allowed(native()) != 0)
        most_streams_ = std::max(1U, std::min(most_streams_, stream_count() - 1));
}

/// nghttp2 resets what breaks the rules; what leaves is reset once nobody knows it any more.
void ClientSession::on_frame_sent(const nghttp2_frame& frame) noexcept {
    if (frame.hd.type != NGHTTP2_RST_STREAM) return;
    if (Stream* const core = stream_of(frame.hd.stream_id))
        ClientStream::of(*core).note_malformed();
}

void ClientSession::on_lost(int error) noexcept {
    streams_.for_each([error](ClientStream& stream) {
        stream.note_connection_lost();
        stream.core().closed(error);
    });
}

}  // namespace penstock::http::h2
