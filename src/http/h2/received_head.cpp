#include "http/h2/received_head.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <utility>

#include <openssl/evp.h>
#include <openssl/rand.h>

#include "base/bytes.hpp"
#include "http/framing.hpp"

namespace penstock::http::h2 {

namespace {

/// What a field counts for beside its bytes (RFC 9113 section 6.5.2).
constexpr std::uint32_t field_overhead = 32;

HeadFault malformed() noexcept {
    return {.is_malformed = true, .refusal = {Status::bad_request, "malformed request"}};
}

HeadFault refused(Status status, std::string_view reason) noexcept {
    return {.refusal = {status, reason}};
}

bool is_target_byte(char c) noexcept {
    return c > ' ' && c < 0x7f;
}

/// RFC 6455 section 4.1: 16 random bytes in base64.
std::string make_websocket_key() {
    std::array<unsigned char, 16> random{};
    RAND_bytes(random.data(), random.size());
    std::array<unsigned char, 25> text{};
    EVP_EncodeBlock(text.data(), random.data(), random.size());
    return {reinterpret_cast<const char*>(text.data()), 24};
}

}  // namespace

void ReceivedHead::append(std::string_view bytes) {
    if (too_large_ || bytes.empty()) return;
    if (!text_) text_ = pool_.small();
    if (text_->free_size() < bytes.size() && !pool_.make_room(text_, bytes.size()))
        too_large_ = true;
    else
        text_->append(bytes);
}

void ReceivedHead::append_field(std::string_view name, std::string_view value) {
    append(name);
    append(": ");
    append(value);
    append("\r\n");
}

void ReceivedHead::add(std::string_view name, std::string_view value) {
    list_bytes_ += static_cast<std::uint32_t>(name.size() + value.size()) + field_overhead;
    if (list_bytes_ > limits_.header_bytes) too_large_ = true;
    if (name.starts_with(':')) {
        add_pseudo(name, value);
        return;
    }
    if (++list_fields_ > limits_.headers) too_large_ = true;
    if (too_large_) return;
    if (!in_fields_) start_request_fields();
    if (has_authority_ && name == "host") {  // said already
        if (!equals_ignoring_case(value, authority_)) host_differs_ = true;
        return;
    }
    append_field(name, value);
}

void ReceivedHead::add_pseudo(std::string_view name, std::string_view value) {
    if (name == ":method") {
        method_ = value;
    } else if (name == ":scheme") {
        scheme_ = value;
    } else if (name == ":path") {
        path_ = value.substr(0, std::size_t{limits_.uri} + 1);
    } else if (name == ":protocol") {
        protocol_ = value;
    } else if (name == ":authority") {
        has_authority_ = true;
        authority_ = value.substr(0, limits_.header_bytes);
    } else if (name == ":status") {
        std::from_chars(value.data(), value.data() + value.size(), status_);
    }
}

/// The request line, and Host where :authority stands for it.
void ReceivedHead::start_request_fields() {
    in_fields_ = true;
    if (status_ != 0) return;
    append(protocol_.empty() ? std::string_view(method_) : "GET");
    append(" ");
    append(method_ == "CONNECT" && protocol_.empty() ? authority_ : path_);
    append(" HTTP/1.1\r\n");
    first_line_size_ = text_ ? text_->end - text_->begin : 0;
    if (has_authority_) append_field("host", authority_);
}

/// RFC 9113 section 8.3.1, as far as nghttp2 does not check it.
std::optional<HeadFault> ReceivedHead::judge_pseudo_fields() const noexcept {
    const bool is_plain_connect = method_ == "CONNECT" && protocol_.empty();
    if (host_differs_) return malformed();
    if (is_plain_connect) return std::nullopt;
    if (!equals_lower(scheme_, "http") && !equals_lower(scheme_, "https")) return malformed();
    if (path_.size() > limits_.uri) return refused(Status::uri_too_long, "request target too long");
    if (path_ == "*" ? method_ != "OPTIONS" : !path_.starts_with('/')) return malformed();
    if (!std::all_of(path_.begin(), path_.end(), is_target_byte)) return malformed();
    if (protocol_.empty() && !h1::is_known_method(method_))
        return refused(Status::not_implemented, "unknown method");
    return std::nullopt;
}

/// RFC 8441 section 5: as the upgrade that HTTP/1.1 knows.
void ReceivedHead::append_upgrade() {
    append("connection: upgrade\r\n");
    append_field("upgrade", protocol_);
    if (equals_lower(protocol_, "websocket")) {
        websocket_key_ = make_websocket_key();
        append_field("sec-websocket-key", websocket_key_);
    }
}

std::optional<HeadFault> ReceivedHead::finish_request(RequestHead& head, bool ended) {
    if (auto fault = judge_pseudo_fields()) return fault;
    if (!in_fields_) start_request_fields();
    if (!protocol_.empty()) append_upgrade();
    if (!too_large_) append("\r\n");
    if (!too_large_ && !join_crumbs(head.fields)) too_large_ = true;
    if (too_large_)
        return refused(Status::request_header_fields_too_large, "request head too large");
    const std::string_view bytes = text_->filled();
    const std::string_view line = bytes.substr(0, first_line_size_ - 2);
    if (const auto refusal = h1::judge_request_line(line, limits_.uri))
        return HeadFault{refusal->status == Status::bad_request, *refusal};
    head.bytes = bytes;
    h1::read_request_line(line, head);
    head.major_version = 2;
    head.is_extended_connect = !protocol_.empty();
    if (const auto refusal = judge_request(head))
        return HeadFault{refusal->status == Status::bad_request, *refusal};
    if (head.is_extended_connect)
        return head.framing.has_body() ? std::optional(malformed()) : std::nullopt;
    if (!ended && head.framing.kind == BodyFraming::Kind::none)
        head.framing = {BodyFraming::Kind::chunked, 0};
    return std::nullopt;
}

std::optional<Refusal> ReceivedHead::finish_response(ResponseHead& head, Method method) {
    // nghttp2 takes any three digits.
    if (status_ < 100) return Refusal{Status::bad_gateway, "malformed status"};
    append("\r\n");
    if (too_large_ || !index_fields(head.fields, FieldList::capacity))
        return Refusal{Status::bad_gateway, "response head too large"};
    head.bytes = text_->filled();
    head.reason = {};
    head.status = status_;
    head.minor_version = 1;
    head.major_version = 2;
    if (const auto refusal = judge_response(head, method)) return refusal;
    // Of no length told: HTTP/1 clients get chunks, of nothing where END_STREAM has come already.
    if (head.framing.kind == BodyFraming::Kind::until_close)
        head.framing = {BodyFraming::Kind::chunked, 0};
    return std::nullopt;
}

/// The lines behind the first, as fields. False where there are too many.
bool ReceivedHead::index_fields(FieldList& fields, unsigned most) {
    const std::string_view bytes = text_->filled();
    fields.clear(bytes.data());
    std::size_t at = first_line_size_;
    while (bytes.substr(at, 2) != "\r\n") {
        const std::size_t colon = bytes.find(':', at);
        const std::size_t end = bytes.find('\r', colon);
        const std::string_view value = bytes.substr(colon + 2, end - colon - 2);
        if (!fields.add(bytes.substr(at, colon - at), value)) return false;
        at = end + 2;
    }
    return fields.size() <= most;
}

/// Cookie in one line (RFC 9113 section 8.2.3): HTTP/1.1 knows no other form.
bool ReceivedHead::join_crumbs(FieldList& fields) {
    if (!index_fields(fields, limits_.headers)) return false;
    unsigned crumbs = 0;
    for (const auto& entry : fields) crumbs += entry.id == FieldId::cookie ? 1 : 0;
    if (crumbs < 2) return true;
    std::string joined;
    for (const auto& entry : fields) {
        if (entry.id != FieldId::cookie) continue;
        if (!joined.empty()) joined += "; ";
        joined += fields.value(entry);
    }
    text_->end -= 2;  // the empty line moves back
    append_field("cookie", joined);
    append("\r\n");
    if (too_large_ || !index_fields(fields, FieldList::capacity)) return false;
    for (auto& entry : fields) {
        if (entry.id != FieldId::cookie || crumbs == 0) continue;
        entry.dropped = true;
        --crumbs;
    }
    return true;
}

}  // namespace penstock::http::h2
