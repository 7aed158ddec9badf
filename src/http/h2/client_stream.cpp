#include "http/h2/client_stream.hpp"

#include <cerrno>
#include <utility>
#include <vector>

#include "base/bytes.hpp"
#include "http/h2/client_session.hpp"

namespace penstock::http::h2 {

namespace {

/// Of a backend's head: as in HTTP/1.
constexpr h1::HeadLimits head_limits{.header_bytes = 64 * 1024, .headers = FieldList::capacity};
/// Interim responses that come faster than they are passed on.
constexpr std::size_t most_heads = 16;

/// The fields of a head that HTTP/1.1 would send. RFC 9113 section 8.3.1: :authority, in front of
/// the others, stands for Host; section 8.2.2: TE may say "trailers".
void append_request_fields(std::vector<nghttp2_nv>& out, std::string_view lines) {
    const std::size_t authority_at = out.size();
    out.push_back(field_of(":authority", {}));
    for_each_line(lines, [&](std::string_view name, std::string_view value) {
        const FieldId id = field_id(name);
        if (id == FieldId::host)
            out[authority_at] = field_of(":authority", value);
        else if (!is_hop_by_hop(id) || (id == FieldId::te && equals_lower(value, "trailers")))
            out.push_back(field_of(name, value));
    });
    if (out[authority_at].valuelen == 0)
        out.erase(out.begin() + static_cast<std::ptrdiff_t>(authority_at));
}

}  // namespace

ClientStream::ClientStream(ClientSession& session) noexcept
    : StreamSide(session, 0, this), session_(session) {
    session_.attach(*this);
}

ClientStream::~ClientStream() {
    leave();
}

void ClientStream::leave() noexcept {
    if (std::exchange(has_left_, true)) return;
    session_.detach(*this);
    core_.closed(core_.input_complete() ? 0 : ECANCELED);
}

// --- the request ---

io::Task<int> ClientStream::send(const Outgoing& out, Duration stall_limit) {
    if (const int error = core_.send_error(); error != 0) co_return error;
    if (!out.head.empty()) {
        const int error = submit_head(out);
        if (error != 0) co_return error;
    }
    const int error = co_await core_.send_body(out, stall_limit);
    co_return error;
}

int ClientStream::submit_head(const Outgoing& out) {
    const std::size_t line_size = out.head.find("\r\n");
    const h1::RequestLine line = h1::split_request_line(out.head.substr(0, line_size));
    static thread_local std::vector<nghttp2_nv> fields;
    fields.clear();
    fields.push_back(field_of(":method", line.method));
    fields.push_back(field_of(":scheme", session_.connection().is_secured() ? "https" : "http"));
    fields.push_back(field_of(":path", line.target));
    append_request_fields(fields, out.head.substr(line_size + 2));
    const nghttp2_data_provider body = Session::body_provider();
    const std::int32_t id =
        nghttp2_submit_request(session_.native(), nullptr, fields.data(), fields.size(),
                               out.is_head_alone() ? nullptr : &body, &core_);
    if (id < 0) return id == NGHTTP2_ERR_NOMEM ? ENOMEM : ECONNRESET;
    core_.set_id(id);
    return 0;
}

// --- the response ---

void ClientStream::begin_head() {
    if (final_head_came_ || core_.error() != 0) return;  // trailers; heads that nobody will read
    heads_.push_back(std::make_unique<Head>(
        Head{.received = ReceivedHead(session_.ring().buffers(), head_limits)}));
}

bool ClientStream::add_field(std::string_view name, std::string_view value) {
    if (final_head_came_) return core_.received_trailer(name, value);
    if (!heads_.empty() && core_.error() == 0) heads_.back()->received.add(name, value);
    return true;
}

void ClientStream::end_head() noexcept {
    if (final_head_came_ || heads_.empty() || core_.error() != 0) return;
    Head& head = *heads_.back();
    head.is_whole = true;
    final_head_came_ = head.received.status() >= 200;
    core_.wake_reader();
    // Not closed(): to nghttp2 the stream is open, until it is reset when its owner lets go.
    if (heads_.size() > most_heads) core_.interrupt(EPROTO);
}

io::Task<ReadResult> ClientStream::read_response(ResponseHead& head, Method method,
                                                 const TimePoint& deadline) {
    for (;;) {
        if (!heads_.empty() && heads_.front()->is_whole) {
            current_ = std::move(heads_.front());
            heads_.pop_front();
            const auto refusal = current_->received.finish_response(head, method);
            if (refusal) co_return ReadResult{.outcome = ReadOutcome::refused, .refusal = *refusal};
            co_return ReadResult{};
        }
        if (is_malformed_) {
            const Refusal refusal{Status::bad_gateway, "malformed response"};
            co_return ReadResult{.outcome = ReadOutcome::refused, .refusal = refusal};
        }
        if (unprocessed_) co_return ReadResult{.outcome = ReadOutcome::unprocessed};
        if (core_.error() != 0)
            co_return ReadResult{.outcome = ReadOutcome::failed, .error = core_.error()};
        if (core_.is_closed()) co_return ReadResult{.outcome = ReadOutcome::closed};
        const bool in_time = co_await core_.wait_input(deadline);
        if (!in_time) co_return ReadResult{.outcome = ReadOutcome::timed_out, .error = ETIMEDOUT};
    }
}

}  // namespace penstock::http::h2
