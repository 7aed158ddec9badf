#include "http/h2/session.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>

#include "http/fields.hpp"
#include "http/h1/writer.hpp"
#include "io/ring.hpp"

namespace penstock::http::h2 {

namespace {

/// Frames put together ahead of the socket: enough for a large send, and what a peer that reads
/// nothing can make us hold.
constexpr std::size_t most_output = 64 * 1024;
constexpr std::size_t frame_head = 9;

/// Header lists that are sent may be as large as HTTP/1 backends' heads, with what is added.
constexpr std::size_t longest_sent_list = 128 * 1024;

/// NGHTTP2_ERR_TOO_MANY_CONTINUATIONS, which an nghttp2 before 1.61 may lack.
constexpr ssize_t too_many_continuations = -905;

bool is_flood(ssize_t error) noexcept {
    return error == NGHTTP2_ERR_FLOODED || error == too_many_continuations;
}

}  // namespace

nghttp2_nv field_of(std::string_view name, std::string_view value) noexcept {
    // nghttp2 copies both, and writes to neither.
    const auto bytes = [](std::string_view text) {
        return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
    };
    return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

void append_fields(std::vector<nghttp2_nv>& out, std::string_view lines) {
    for_each_line(lines, [&](std::string_view name, std::string_view value) {
        if (!is_hop_by_hop(field_id(name))) out.push_back(field_of(name, value));
    });
}

struct Session::Callbacks {
    static Session& self(void* user_data) noexcept { return *static_cast<Session*>(user_data); }

    static int begin_frame(nghttp2_session*, const nghttp2_frame_hd* head, void* data) {
        return self(data).on_begin_frame(*head);
    }
    static int begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* data) {
        return self(data).on_begin_headers(*frame);
    }
    static int header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                      std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                      std::uint8_t, void* data) {
        return self(data).on_header(*frame, {reinterpret_cast<const char*>(name), name_size},
                                    {reinterpret_cast<const char*>(value), value_size});
    }
    /// RFC 9113 section 8.2.1: a field with bytes that have no place in one makes its message
    /// malformed; by itself nghttp2 would only drop it.
    static int invalid_header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t*,
                              std::size_t, const std::uint8_t*, std::size_t, std::uint8_t, void*) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    static int frame_received(nghttp2_session*, const nghttp2_frame* frame, void* data) {
        return self(data).on_frame(*frame);
    }
    static int data_chunk(nghttp2_session* native, std::uint8_t, std::int32_t id,
                          const std::uint8_t* bytes, std::size_t size, void* data) {
        // The connection's window is for all: a stream that nobody reads must not hold it.
        nghttp2_session_consume_connection(native, size);
        if (Stream* const stream = self(data).stream_of(id))
            stream->received({reinterpret_cast<const char*>(bytes), size});
        return 0;
    }
    static int frame_sent(nghttp2_session*, const nghttp2_frame* frame, void* data) {
        const bool carries_end =
            frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS;
        if (carries_end && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
            if (Stream* const stream = self(data).stream_of(frame->hd.stream_id))
                stream->end_was_sent();
        }
        // nghttp2 itself ends a connection whose frames make no sense; all its streams end with it.
        if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR)
            self(data).fail(frame->goaway.error_code);
        self(data).on_frame_sent(*frame);
        return 0;
    }
    static int stream_closed(nghttp2_session*, std::int32_t id, std::uint32_t code, void* data) {
        if (Stream* const stream = self(data).stream_of(id)) {
            const bool clean =
                code == NGHTTP2_NO_ERROR && stream->input_complete() && stream->sending_ended();
            stream->closed(clean ? 0 : ECONNRESET);
            self(data).on_stream_closed(*stream, code);
        }
        return 0;
    }

    static ssize_t read_output(nghttp2_session* native, std::int32_t id, std::uint8_t*,
                               std::size_t most, std::uint32_t* flags, nghttp2_data_source*,
                               void* data) {
        const Stream* const stream = self(data).stream_of(id);
        if (stream == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        if (!stream->has_output()) return NGHTTP2_ERR_DEFERRED;
        const std::size_t size = stream->next_output(most).size();
        *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
        if (stream->output_ends_with(size)) {
            *flags |= NGHTTP2_DATA_FLAG_EOF;
            if (!stream->output_trailers().empty()) {
                std::vector<nghttp2_nv> fields;
                append_fields(fields, stream->output_trailers());
                if (!fields.empty()) {
                    *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
                    nghttp2_submit_trailer(native, id, fields.data(), fields.size());
                }
            }
        }
        return static_cast<ssize_t>(size);
    }
    static int send_data(nghttp2_session*, nghttp2_frame* frame, const std::uint8_t* head,
                         std::size_t size, nghttp2_data_source*, void* data) {
        Session& session = self(data);
        Stream* const stream = session.stream_of(frame->hd.stream_id);
        if (stream == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        if (session.pending_output() + size + frame_head > io::BufferPool::large_capacity)
            return NGHTTP2_ERR_WOULDBLOCK;
        session.append({reinterpret_cast<const char*>(head), frame_head});
        session.append(stream->next_output(size));
        stream->took(size);
        return 0;
    }
};

nghttp2_session_callbacks* Session::callbacks() {
    static nghttp2_session_callbacks* const shared = [] {
        nghttp2_session_callbacks* made = nullptr;
        if (nghttp2_session_callbacks_new(&made) != 0) std::abort();  // no memory
        nghttp2_session_callbacks_set_on_begin_frame_callback(made, &Callbacks::begin_frame);
        nghttp2_session_callbacks_set_on_begin_headers_callback(made, &Callbacks::begin_headers);
        nghttp2_session_callbacks_set_on_header_callback(made, &Callbacks::header);
        nghttp2_session_callbacks_set_on_invalid_header_callback(made, &Callbacks::invalid_header);
        nghttp2_session_callbacks_set_on_frame_recv_callback(made, &Callbacks::frame_received);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, &Callbacks::data_chunk);
        nghttp2_session_callbacks_set_on_frame_send_callback(made, &Callbacks::frame_sent);
        nghttp2_session_callbacks_set_on_stream_close_callback(made, &Callbacks::stream_closed);
        nghttp2_session_callbacks_set_send_data_callback(made, &Callbacks::send_data);
        return made;
    }();
    return shared;
}

nghttp2_option* Session::options() {
    static nghttp2_option* const shared = [] {
        nghttp2_option* made = nullptr;
        if (nghttp2_option_new(&made) != 0) std::abort();  // no memory
        nghttp2_option_set_no_auto_window_update(made, 1);
        nghttp2_option_set_no_closed_streams(made, 1);
        nghttp2_option_set_max_send_header_block_length(made, longest_sent_list);
        return made;
    }();
    return shared;
}

nghttp2_data_provider Session::body_provider() noexcept {
    return {.source = {.ptr = nullptr}, .read_callback = &Callbacks::read_output};
}

Session::~Session() {
    PENSTOCK_ASSERT(stream_count_ == 0);
    nghttp2_session_del(native_);
}

Stream* Session::stream_of(std::int32_t id) const noexcept {
    return static_cast<Stream*>(nghttp2_session_get_stream_user_data(native_, id));
}

// --- streams ---

void Session::stream_came() noexcept {
    if (stream_count_++ == 0) update_deadline();
}

void Session::stream_went() noexcept {
    if (--stream_count_ > 0) return;
    be_idle_from_now();
    all_gone_.set();
    all_gone_.reset();
    if (is_done())
        stream_.cancel_receive(ETIMEDOUT);
    else
        update_deadline();
}

io::Task<void> Session::outlive_streams() {
    if (has_failed()) finish_writing();
    if (stream_count_ > 0) co_await all_gone_.wait();
}

// --- out ---

void Session::consumed(std::int32_t stream, std::size_t bytes) noexcept {
    nghttp2_session_consume_stream(native_, stream, bytes);
    if (nghttp2_session_want_write(native_) != 0) writable_.set();
}

void Session::resume_sending(std::int32_t stream) noexcept {
    nghttp2_session_resume_data(native_, stream);  // fails where it was not waiting: as well
}

void Session::append(std::string_view bytes) {
    if (bytes.empty()) return;  // perhaps of no memory at all
    if (!output_) output_ = ring().buffers().small();
    // Never more than a large block holds: fill() stops before.
    if (ring().buffers().make_room(output_, bytes.size())) output_->append(bytes);
}

void Session::fill() noexcept {
    while (!lost_ && pending_output() < most_output) {
        const std::uint8_t* bytes = nullptr;
        const ssize_t size = nghttp2_session_mem_send(native_, &bytes);
        if (size < 0) {
            lose(size == NGHTTP2_ERR_NOMEM ? ENOMEM : EPROTO);
            break;
        }
        if (size == 0) break;
        append({reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size)});
    }
    carry_out_failure();
    if (output_) writable_.set();
}

io::Task<void> Session::write_loop() {
    for (;;) {
        fill();
        if (output_ && !lost_) {
            io::BlockRef sending = std::move(output_);
            iovec piece = h1::piece_of(sending->filled());
            const int error = co_await stream_.send(&piece, 1, stall_limit_);
            if (error != 0) lose(error);
            continue;
        }
        if (lost_) co_return;
        if (writing_ends_) {
            // RFC 9113 section 5.4.1: the end of the connection follows the GOAWAY.
            if (has_failed()) stream_.shutdown_send();
            co_return;
        }
        const bool woken = co_await writable_.wait();
        static_cast<void>(woken);
    }
}

void Session::finish_writing() noexcept {
    writing_ends_ = true;
    writable_.set();
}

// --- in ---

bool Session::feed(std::string_view bytes) noexcept {
    if (lost_ || failure_told_) return false;
    const ssize_t result = nghttp2_session_mem_recv(
        native_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    if (result < 0 && !has_failed()) {
        fail(is_flood(result) ? NGHTTP2_ENHANCE_YOUR_CALM : NGHTTP2_PROTOCOL_ERROR);
    }
    carry_out_failure();
    if (nghttp2_session_want_write(native_) != 0) writable_.set();
    return !failure_told_ && nghttp2_session_want_read(native_) != 0;
}

void Session::fail(std::uint32_t code) noexcept {
    if (!failure_) failure_ = code;
}

void Session::carry_out_failure() noexcept {
    if (!failure_ || std::exchange(failure_told_, true)) return;
    nghttp2_session_terminate_session(native_, *failure_);
    on_lost(EPROTO);
    stream_.cancel_receive(ETIMEDOUT);
    writable_.set();
}

void Session::lose(int error) noexcept {
    if (std::exchange(lost_, true)) return;
    stream_.interrupt(error);
    on_lost(error);
    writable_.set();
}

}  // namespace penstock::http::h2
