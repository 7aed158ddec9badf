#include "http/h2/server_stream.hpp"

#include <array>
#include <cerrno>
#include <string>

#include <openssl/evp.h>

#include "base/bytes.hpp"
#include "http/h2/server_session.hpp"

namespace penstock::http::h2 {

namespace {

/// Sec-WebSocket-Accept for a key: RFC 6455 section 4.2.2.
std::string websocket_accept(std::string_view key) {
    const std::string text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr) != 1)
        return {};
    std::array<unsigned char, 2 * EVP_MAX_MD_SIZE> encoded{};
    const int length = EVP_EncodeBlock(encoded.data(), digest.data(), static_cast<int>(size));
    return {reinterpret_cast<const char*>(encoded.data()), static_cast<std::size_t>(length)};
}

}  // namespace

ServerStream::ServerStream(ServerSession& session, std::int32_t id,
                           const h1::HeadLimits& limits) noexcept
    : StreamSide(session, id, this), session_(session), head_(session.ring().buffers(), limits) {}

bool ServerStream::peer_finished() const noexcept {
    return session_.peer_finished();
}

io::Task<ReadResult> ServerStream::read_request(RequestHead& head, const h1::HeadLimits&,
                                                TimePoint deadline) {
    const auto fault = head_.finish_request(head, is_head_all_);
    if (fault) {
        is_malformed_ = fault->is_malformed;
        if (is_malformed_) co_return ReadResult{.outcome = ReadOutcome::failed, .error = EPROTO};
        co_return ReadResult{.outcome = ReadOutcome::refused, .refusal = fault->refusal};
    }
    if (!is_head_all_ && head.framing.kind == BodyFraming::Kind::length &&
        head.framing.length == 0) {
        // Upstream this head is a whole request: it has to be one here first.
        core_.start_body({BodyFraming::Kind::chunked, 0});
        const BodyPiece end = co_await core_.read_body(deadline);
        if (!end.result.ok()) co_return end.result;
        is_malformed_ = !end.last;
        if (is_malformed_) co_return ReadResult{.outcome = ReadOutcome::failed, .error = EPROTO};
    }
    co_return ReadResult{};
}

/// RFC 8441 section 5.1: the client cannot check what answers the key that we have made.
bool ServerStream::accepts_switch(const ResponseHead& response) const noexcept {
    if (head_.websocket_key().empty()) return true;
    for (const auto& entry : response.fields) {
        if (equals_lower(response.fields.name(entry), "sec-websocket-accept"))
            return response.fields.value(entry) == websocket_accept(head_.websocket_key());
    }
    return false;
}

io::Task<int> ServerStream::send(const Outgoing& out, Duration stall_limit) {
    if (const int error = core_.send_error(); error != 0) co_return error;
    if (!out.head.empty()) {
        const int error = submit_head(out);
        if (error != 0) co_return error;
    }
    if (!final_head_sent_) {  // an interim response
        session_.fill();
        co_return 0;
    }
    const int error = co_await core_.send_body(out, stall_limit);
    co_return error;
}

int ServerStream::submit_head(const Outgoing& out) {
    // "HTTP/1.1 200 ..."
    std::string_view status = out.head.substr(9, 3);
    const bool is_interim = status.front() == '1' && status != "101";
    is_tunnel_ = status == "101";
    if (is_tunnel_) status = "200";
    static thread_local std::vector<nghttp2_nv> fields;
    fields.clear();
    fields.push_back(field_of(":status", status));
    append_fields(fields, out.head.substr(out.head.find("\r\n") + 2));
    if (is_tunnel_) {
        std::erase_if(fields, [](const nghttp2_nv& field) {
            return equals_lower({reinterpret_cast<const char*>(field.name), field.namelen},
                                "sec-websocket-accept");
        });
    }
    int result = 0;
    if (is_interim) {
        result = nghttp2_submit_headers(session_.native(), NGHTTP2_FLAG_NONE, core_.id(), nullptr,
                                        fields.data(), fields.size(), nullptr);
    } else {
        final_head_sent_ = true;
        const nghttp2_data_provider body = Session::body_provider();
        result = nghttp2_submit_response(session_.native(), core_.id(), fields.data(),
                                         fields.size(), out.is_head_alone() ? nullptr : &body);
    }
    if (result == 0) return 0;
    return result == NGHTTP2_ERR_NOMEM ? ENOMEM : EPROTO;
}

std::uint32_t ServerStream::reset_code() const noexcept {
    if (is_malformed_) return NGHTTP2_PROTOCOL_ERROR;
    if (core_.sending_ended())
        return NGHTTP2_NO_ERROR;  // RFC 9113 section 8.1: the rest is not wanted
    if (is_tunnel_) return NGHTTP2_CANCEL;
    return NGHTTP2_INTERNAL_ERROR;
}

}  // namespace penstock::http::h2
