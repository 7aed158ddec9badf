#include "http/h1/parser.hpp"

#include <cstring>

#include "base/bytes.hpp"
#include "http/framing.hpp"

namespace penstock::http::h1 {

namespace {

bool is_token_byte(char c) noexcept {
    if (is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return true;
    return std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool is_token(std::string_view text) noexcept {
    for (const char c : text) {
        if (!is_token_byte(c)) return false;
    }
    return !text.empty();
}

Method method_of(std::string_view text) noexcept {
    if (text == "GET") return Method::get;
    if (text == "HEAD") return Method::head;
    if (text == "OPTIONS") return Method::options;
    if (text == "CONNECT") return Method::connect;
    if (text == "TRACE") return Method::trace;
    return Method::other;
}

}  // namespace

RequestLine split_request_line(std::string_view line) noexcept {
    RequestLine parts;
    const std::size_t first = line.find(' ');
    parts.method = line.substr(0, first);
    if (first == std::string_view::npos) return parts;
    const std::size_t last = line.rfind(' ');
    if (last == first) return parts;
    parts.target = line.substr(first + 1, last - first - 1);
    parts.version = line.substr(last + 1);
    return parts;
}

bool is_known_method(std::string_view text) noexcept {
#define PENSTOCK_SAME(number, name, string) text == #string ||
    return HTTP_METHOD_MAP(PENSTOCK_SAME) false;
#undef PENSTOCK_SAME
}

bool may_trail(FieldId id) noexcept {
    return !is_hop_by_hop(id) && id != FieldId::trailer && !is_protected_from_connection(id) &&
           id != FieldId::expect;
}

std::optional<Refusal> judge_request_line(std::string_view line, std::uint32_t most_uri) noexcept {
    const RequestLine parts = split_request_line(line);
    const bool is_version = parts.version.size() == 8 && parts.version.starts_with("HTTP/") &&
                            is_digit(parts.version[5]) && parts.version[6] == '.' &&
                            is_digit(parts.version[7]);
    if (!is_token(parts.method) || parts.target.empty() ||
        parts.target.find(' ') != std::string_view::npos || !is_version ||
        parts.version == "HTTP/0.9") {
        return Refusal{Status::bad_request, "malformed request line"};
    }
    if (parts.version != "HTTP/1.1" && parts.version != "HTTP/1.0") {
        return Refusal{Status::http_version_not_supported, "HTTP version not supported"};
    }
    if (parts.target.size() > most_uri)
        return Refusal{Status::uri_too_long, "request target too long"};
    return std::nullopt;
}

void read_request_line(std::string_view line, RequestHead& head) noexcept {
    const RequestLine parts = split_request_line(line);
    head.method_text = parts.method;
    head.target = parts.target;
    head.method = method_of(parts.method);
    head.major_version = 1;
    head.minor_version = static_cast<std::uint8_t>(parts.version.back() - '0');
    head.is_extended_connect = false;
}

struct Parser::Callbacks {
    static Parser& self(llhttp_t* parser) noexcept { return *static_cast<Parser*>(parser->data); }

    static int on_header_field(llhttp_t* parser, const char* at, std::size_t size) noexcept {
        Parser& p = self(parser);
        if (p.fields_ == nullptr) {
            p.trailer_name_.append(at, size);
            return p.count_overhead(size) ? 0 : -1;
        }
        p.name_ = {at, size};
        p.value_ = {};
        return 0;
    }

    static int on_header_value(llhttp_t* parser, const char* at, std::size_t size) noexcept {
        Parser& p = self(parser);
        if (p.fields_ == nullptr) {
            p.trailer_value_.append(at, size);
            return p.count_overhead(size) ? 0 : -1;
        }
        p.value_ = {at, size};
        return 0;
    }

    static int on_header_value_complete(llhttp_t* parser) noexcept {
        Parser& p = self(parser);
        if (p.fields_ == nullptr) return p.add_trailer() ? 0 : -1;
        if (p.value_.data() == nullptr) p.value_ = {p.name_.data() + p.name_.size(), 0};
        if (p.fields_->add(p.name_, trim_ows(p.value_))) return 0;
        p.list_full_ = true;
        return -1;
    }

    // llhttp lets DEL stand in quotes.
    static int on_chunk_extension(llhttp_t* parser, const char* at, std::size_t size) noexcept {
        const std::string_view bytes(at, size);
        const bool is_clean = bytes.find('\x7f') == std::string_view::npos;
        return is_clean && self(parser).count_overhead(size) ? 0 : -1;
    }

    static int on_chunk_header(llhttp_t* parser) noexcept {
        return parser->content_length <= std::uint64_t{1} << 63 ? 0 : -1;
    }

    static int on_body(llhttp_t* parser, const char* at, std::size_t size) noexcept {
        Parser& p = self(parser);
        if (p.write_at_ == nullptr)
            p.write_at_ = p.data_start_ = const_cast<char*>(at);
        else if (p.write_at_ != at)
            std::memmove(p.write_at_, at, size);
        p.write_at_ += size;
        return 0;
    }

    // In a head this is the end of a message without a body; in a body it must not run on into the
    // next message.
    static int on_message_complete(llhttp_t* parser) noexcept {
        return self(parser).fields_ == nullptr ? HPE_PAUSED : 0;
    }

    static const llhttp_settings_t& settings() noexcept {
        static const llhttp_settings_t shared = [] {
            llhttp_settings_t made;
            llhttp_settings_init(&made);
            made.on_header_field = &on_header_field;
            made.on_header_value = &on_header_value;
            made.on_header_value_complete = &on_header_value_complete;
            made.on_chunk_extension_name = &on_chunk_extension;
            made.on_chunk_extension_value = &on_chunk_extension;
            made.on_chunk_header = &on_chunk_header;
            made.on_body = &on_body;
            made.on_message_complete = &on_message_complete;
            return made;
        }();
        return shared;
    }
};

Parser::Parser(Role role) noexcept {
    llhttp_init(&llhttp_, role == Role::requests ? HTTP_REQUEST : HTTP_RESPONSE,
                &Callbacks::settings());
    llhttp_.data = this;
}

bool Parser::count_overhead(std::size_t bytes) noexcept {
    overhead_ += static_cast<std::uint32_t>(bytes);
    return overhead_ <= most_overhead_;
}

bool Parser::add_trailer() noexcept {
    const bool fits = count_overhead(4) && ++trailer_count_ <= most_trailers_;
    const FieldId id = field_id(trailer_name_);
    // llhttp takes some of these for this message's own framing and refuses others: none pass.
    if (id == FieldId::content_length || id == FieldId::transfer_encoding) return false;
    if (may_trail(id)) {
        const std::string_view value = trim_ows(trailer_value_);
        trailers_.append(trailer_name_).append(": ").append(value).append("\r\n");
    }
    trailer_name_.clear();
    trailer_value_.clear();
    return fits;
}

bool Parser::parse_fields(std::string_view bytes, FieldList& fields) noexcept {
    llhttp_reset(&llhttp_);
    fields.clear(bytes.data());
    fields_ = &fields;
    list_full_ = false;
    overhead_ = trailer_count_ = 0;
    trailers_.clear();
    const llhttp_errno_t error = llhttp_execute(&llhttp_, bytes.data(), bytes.size());
    fields_ = nullptr;
    return error == HPE_OK || error == HPE_PAUSED_UPGRADE;
}

/// Once a head has been judged, the only Transfer-Encoding left is one "chunked". llhttp, which is
/// to decode the chunks, has to see it too: behind "chunked," (an empty last element) it takes a
/// response's body as it comes.
bool Parser::agrees_on_chunks() const noexcept {
    return (llhttp_.flags & F_TRANSFER_ENCODING) == 0 || (llhttp_.flags & F_CHUNKED) != 0;
}

std::optional<Refusal> Parser::parse_request(std::string_view bytes, const HeadLimits& limits,
                                             RequestHead& head) noexcept {
    const std::string_view line = bytes.substr(0, bytes.find('\r'));
    if (auto refusal = judge_request_line(line, limits.uri)) return refusal;
    const bool parsed = parse_fields(bytes, head.fields);
    if (list_full_ || head.fields.size() > limits.headers) {
        return Refusal{Status::request_header_fields_too_large, "too many header fields"};
    }
    if (!parsed) {
        return is_known_method(split_request_line(line).method)
                   ? Refusal{Status::bad_request, "malformed request head"}
                   : Refusal{Status::not_implemented, "unknown method"};
    }
    head.bytes = bytes;
    read_request_line(line, head);
    if (auto refusal = judge_request(head)) return refusal;
    if (!agrees_on_chunks()) return Refusal{Status::bad_request, "ambiguous message length"};
    return std::nullopt;
}

std::optional<Refusal> Parser::parse_response(std::string_view bytes, Method method,
                                              ResponseHead& head) noexcept {
    const std::string_view line = bytes.substr(0, bytes.find('\r'));
    const bool is_status_line = line.size() >= 12 && line.starts_with("HTTP/1.") &&
                                (line[7] == '0' || line[7] == '1') && line[8] == ' ' &&
                                line[9] >= '1' && line[9] <= '9' && is_digit(line[10]) &&
                                is_digit(line[11]) && (line.size() == 12 || line[12] == ' ');
    if (!is_status_line) return Refusal{Status::bad_gateway, "malformed status line"};
    if (!parse_fields(bytes, head.fields))
        return Refusal{Status::bad_gateway, "malformed response head"};
    head.bytes = bytes;
    head.status = static_cast<std::uint16_t>((line[9] - '0') * 100 + (line[10] - '0') * 10 +
                                             (line[11] - '0'));
    head.reason = line.size() > 13 ? line.substr(13) : std::string_view{};
    head.major_version = 1;
    head.minor_version = static_cast<std::uint8_t>(line[7] - '0');
    if (auto refusal = judge_response(head, method)) return refusal;
    if (!agrees_on_chunks()) return Refusal{Status::bad_gateway, "ambiguous message length"};
    return std::nullopt;
}

Parser::Decoded Parser::decode_chunks(char* bytes, std::size_t size) noexcept {
    Decoded decoded;
    write_at_ = data_start_ = nullptr;
    const llhttp_errno_t error = llhttp_execute(&llhttp_, bytes, size);
    if (write_at_ != nullptr) {
        decoded.data = {data_start_, static_cast<std::size_t>(write_at_ - data_start_)};
    }
    decoded.consumed = size;
    if (error == HPE_PAUSED) {
        decoded.last = true;
        decoded.consumed = static_cast<std::size_t>(llhttp_get_error_pos(&llhttp_) - bytes);
    } else if (error != HPE_OK) {
        decoded.malformed = true;
    }
    return decoded;
}

}  // namespace penstock::http::h1
