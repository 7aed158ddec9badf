#include "http/framing.hpp"

#include <cstdint>

#include "base/bytes.hpp"

namespace penstock::http {

namespace {

constexpr std::uint64_t most_content_length = INT64_MAX;

struct Lengths {
    bool has_length = false;
    std::uint64_t length = 0;
    bool has_codings = false;
    bool chunked_last = false;
    bool other_codings = false;
    bool malformed = false;
};

void read_codings(std::string_view value, Lengths& lengths) noexcept {
    for_each_element(value, [&](std::string_view coding) {
        if (lengths.chunked_last) lengths.malformed = true;  // chunked twice, or something after it
        lengths.chunked_last = equals_lower(coding, "chunked");
        if (!lengths.chunked_last) lengths.other_codings = true;
    });
}

Lengths read_lengths(const FieldList& fields) noexcept {
    Lengths lengths;
    for (const auto& entry : fields) {
        if (entry.id == FieldId::content_length) {
            const auto value = parse_decimal(fields.value(entry), most_content_length);
            if (!value || lengths.has_length) lengths.malformed = true;
            lengths.has_length = true;
            lengths.length = value.value_or(0);
        } else if (entry.id == FieldId::transfer_encoding) {
            lengths.has_codings = true;
            read_codings(fields.value(entry), lengths);
        }
    }
    if (lengths.has_length && lengths.has_codings) lengths.malformed = true;
    return lengths;
}

struct ConnectionOptions {
    bool close = false;
    bool keep_alive = false;
    bool upgrade = false;
};

void drop_nominated(FieldList& fields, std::string_view option) noexcept {
    for (auto& entry : fields) {
        if (is_protected_from_connection(entry.id)) continue;
        if (equals_ignoring_case(fields.name(entry), option)) entry.dropped = true;
    }
}

/// Marks what ends at this hop and says what Connection asks for.
ConnectionOptions end_hop(FieldList& fields, const BodyFraming& framing) noexcept {
    ConnectionOptions options;
    for (auto& entry : fields) {
        const bool trails_nothing = framing.kind != BodyFraming::Kind::chunked;
        if (is_hop_by_hop(entry.id) || (entry.id == FieldId::trailer && trails_nothing)) {
            entry.dropped = true;
        }
        if (entry.id != FieldId::connection) continue;
        for_each_element(fields.value(entry), [&](std::string_view option) {
            if (equals_lower(option, "close"))
                options.close = true;
            else if (equals_lower(option, "keep-alive"))
                options.keep_alive = true;
            else if (equals_lower(option, "upgrade"))
                options.upgrade = true;
            else
                drop_nominated(fields, option);
        });
    }
    return options;
}

bool persists(const ConnectionOptions& options, unsigned minor_version) noexcept {
    return !options.close && (minor_version >= 1 || options.keep_alive);
}

/// The only Upgrade field, where Connection names it.
std::string_view wanted_upgrade(const FieldList& fields,
                                const ConnectionOptions& options) noexcept {
    if (!options.upgrade) return {};
    const auto* entry = fields.find(FieldId::upgrade);
    return entry == nullptr ? std::string_view{} : fields.value(*entry);
}

std::optional<Refusal> judge_target(RequestHead& head) noexcept {
    const std::string_view target = head.target;
    // A fragment never belongs in a request: one hop would drop what another routes by.
    if (target.find('#') != std::string_view::npos)
        return Refusal{Status::bad_request, "fragment in the target"};
    if (target == "*") {
        if (head.method != Method::options)
            return Refusal{Status::bad_request, "only OPTIONS may ask for *"};
        head.path = target;
        return std::nullopt;
    }
    if (target.starts_with('/') ||
        head.method == Method::connect) {  // CONNECT: refused by whoever asked for the head
        head.path = target;
        return std::nullopt;
    }
    const std::size_t scheme_end = target.find("://");
    const std::string_view scheme =
        target.substr(0, scheme_end == std::string_view::npos ? 0 : scheme_end);
    if (!equals_lower(scheme, "http") && !equals_lower(scheme, "https")) {
        return Refusal{Status::bad_request, "malformed request target"};
    }
    const std::string_view rest = target.substr(scheme_end + 3);
    const std::size_t authority_end = rest.find_first_of("/?");
    head.authority = rest.substr(0, authority_end);
    head.path =
        authority_end == std::string_view::npos ? std::string_view{} : rest.substr(authority_end);
    return std::nullopt;
}

std::optional<Refusal> judge_host(RequestHead& head) noexcept {
    const FieldList::Entry* host = nullptr;
    for (const auto& entry : head.fields) {
        if (entry.id != FieldId::host) continue;
        if (host != nullptr) return Refusal{Status::bad_request, "more than one Host field"};
        host = &entry;
    }
    if (host == nullptr) return Refusal{Status::bad_request, "no Host field"};
    const std::string_view absolute = head.authority;
    // Host is checked although an absolute-form authority replaces it: RFC 9112 section 3.2.
    if (!parse_authority(head.fields.value(*host), head))
        return Refusal{Status::bad_request, "malformed Host field"};
    if (!absolute.empty()) {
        if (!parse_authority(absolute, head))
            return Refusal{Status::bad_request, "malformed authority"};
        head.authority = absolute;
    } else if (head.path.data() == head.target.data()) {
        head.authority = head.fields.value(*host);
    } else {
        return Refusal{Status::bad_request, "malformed authority"};
    }
    return std::nullopt;
}

std::optional<Refusal> judge_request_framing(RequestHead& head) noexcept {
    const Lengths lengths = read_lengths(head.fields);
    if (lengths.malformed) return Refusal{Status::bad_request, "ambiguous message length"};
    if (lengths.has_codings) {
        if (head.minor_version == 0)
            return Refusal{Status::bad_request, "Transfer-Encoding in HTTP/1.0"};
        if (!lengths.chunked_last)
            return Refusal{Status::bad_request, "Transfer-Encoding does not end in chunked"};
        if (lengths.other_codings)
            return Refusal{Status::not_implemented, "only the chunked coding is understood"};
        head.framing = {BodyFraming::Kind::chunked, 0};
    } else if (lengths.has_length) {
        head.framing = {BodyFraming::Kind::length, lengths.length};
    } else {
        head.framing = {};
    }
    return std::nullopt;
}

void read_expectations(RequestHead& head) noexcept {
    head.expects_continue = head.accepts_trailers = false;
    for (const auto& entry : head.fields) {
        if (entry.id == FieldId::expect) {
            head.expects_continue = head.minor_version >= 1 && head.framing.has_body() &&
                                    equals_lower(head.fields.value(entry), "100-continue");
        } else if (entry.id == FieldId::te) {
            for_each_element(head.fields.value(entry), [&](std::string_view coding) {
                if (equals_lower(coding, "trailers")) head.accepts_trailers = true;
            });
        }
    }
}

bool is_host_byte(char c) noexcept {
    // reg-name of RFC 3986 section 3.2.2 without percent-encoding, which no DNS name needs.
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

bool is_address_byte(char c) noexcept {
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':' || c == '.';
}

}  // namespace

bool parse_authority(std::string_view authority, RequestHead& head) noexcept {
    std::string_view host = authority;
    std::size_t port_at = std::string_view::npos;
    if (authority.starts_with('[')) {
        const std::size_t bracket = authority.find(']');
        if (bracket == std::string_view::npos || bracket == 1) return false;
        host = authority.substr(0, bracket + 1);
        for (const char c : host.substr(1, bracket - 1)) {
            if (!is_address_byte(c)) return false;
        }
        if (bracket + 1 < authority.size()) port_at = bracket + 1;
    } else {
        port_at = authority.find(':');
        host = authority.substr(0, port_at);
        for (const char c : host) {
            if (!is_host_byte(c)) return false;
        }
    }
    if (port_at != std::string_view::npos) {
        if (authority[port_at] != ':') return false;
        const std::string_view port = authority.substr(port_at + 1);
        if (!port.empty() && !parse_decimal(port, 65'535))
            return false;  // an empty port is the default one
    }
    if (host.ends_with('.')) host.remove_suffix(1);
    if (host.ends_with('.')) return false;  // one dot is the root's; who takes two off, another not
    if (host.empty() || host.size() > RequestHead::longest_host) return false;
    for (std::size_t i = 0; i < host.size(); ++i) head.host_[i] = ascii_lower(host[i]);
    head.host_size_ = static_cast<std::uint8_t>(host.size());
    return true;
}

std::optional<Refusal> judge_request(RequestHead& head) noexcept {
    head.authority = {};
    if (auto refusal = judge_target(head)) return refusal;
    if (auto refusal = judge_host(head)) return refusal;
    if (auto refusal = judge_request_framing(head)) return refusal;
    read_expectations(head);
    const ConnectionOptions options = end_hop(head.fields, head.framing);
    head.keep_alive = persists(options, head.minor_version);
    head.upgrade =
        head.minor_version >= 1 ? wanted_upgrade(head.fields, options) : std::string_view{};
    return std::nullopt;
}

std::optional<Refusal> judge_response(ResponseHead& head, Method method) noexcept {
    const Lengths lengths = read_lengths(head.fields);
    if (lengths.malformed || (lengths.has_codings && head.minor_version == 0)) {
        return Refusal{Status::bad_gateway, "ambiguous message length"};
    }
    if (lengths.other_codings || (lengths.has_codings && !lengths.chunked_last)) {
        return Refusal{Status::bad_gateway, "unknown transfer coding"};
    }
    if (method == Method::head || head.status < 200 || head.status == 204 || head.status == 304) {
        head.framing = {};
    } else if (lengths.has_codings) {
        head.framing = {BodyFraming::Kind::chunked, 0};
    } else if (lengths.has_length) {
        head.framing = {BodyFraming::Kind::length, lengths.length};
    } else {
        head.framing = {BodyFraming::Kind::until_close, 0};
    }
    const ConnectionOptions options = end_hop(head.fields, head.framing);
    head.keep_alive = persists(options, head.minor_version) &&
                      head.framing.kind != BodyFraming::Kind::until_close;
    head.upgrade = wanted_upgrade(head.fields, options);
    return std::nullopt;
}

}  // namespace penstock::http
