// Request heads as the proxy reads them: scanned, parsed, judged; what passes is what its bytes say
// and survives being sent on.
#include "heads.hpp"
#include "http/framing.hpp"

namespace {

using namespace penstock;
using namespace penstock::fuzz;
using namespace penstock::http;

bool is_refusal_of_requests(Status status) noexcept {
    switch (status) {
        case Status::bad_request:
        case Status::uri_too_long:
        case Status::request_header_fields_too_large:
        case Status::not_implemented:
        case Status::http_version_not_supported:
            return true;
        default:
            return false;
    }
}

void check_accepted(const RequestHead& head) {
    check_fields(head.bytes, head.fields);
    check_framing(head.fields, head.framing);
    PENSTOCK_ASSERT(head.framing.kind != BodyFraming::Kind::until_close);
    PENSTOCK_ASSERT(is_token(head.method_text));
    PENSTOCK_ASSERT(head.minor_version <= 1);
    PENSTOCK_ASSERT(lines_of(head.bytes)[0] == std::string(head.method_text) + " " +
                                                   std::string(head.target) + " HTTP/1." +
                                                   (head.minor_version == 1 ? "1" : "0"));
    PENSTOCK_ASSERT(!head.target.empty() && head.target.find(' ') == std::string_view::npos);
    PENSTOCK_ASSERT(head.minor_version == 1 || head.framing.kind != BodyFraming::Kind::chunked);
    unsigned hosts = 0;
    for (const auto& entry : head.fields) hosts += entry.id == FieldId::host ? 1 : 0;
    PENSTOCK_ASSERT(hosts == 1);
    PENSTOCK_ASSERT(!head.host().empty());
    PENSTOCK_ASSERT(to_lower(head.host()) == head.host());
    for (const char c : head.host()) PENSTOCK_ASSERT(c > ' ' && c < 0x7f && c != '/' && c != '@');
}

/// Sent on and read again by the next hop, it is the same request.
void check_rewritten(const RequestHead& head, io::BufferPool& pool) {
    h1::HeadBuffer out(pool);
    out.append(head.method_text);
    out.append(" ");
    out.append(head.target);
    out.append(" HTTP/1.1\r\n");
    write_fields(out, head.fields, head.bytes, head.framing);
    PENSTOCK_ASSERT(find_head(out.bytes()).size() == out.bytes().size());
    h1::Parser parser(h1::Parser::Role::requests);
    RequestHead again;
    PENSTOCK_ASSERT(!parser.parse_request(out.bytes(), {}, again));
    PENSTOCK_ASSERT(again.method_text == head.method_text);
    PENSTOCK_ASSERT(again.method == head.method);
    PENSTOCK_ASSERT(again.target == head.target);
    PENSTOCK_ASSERT(again.path == head.path);
    PENSTOCK_ASSERT(again.authority == head.authority);
    PENSTOCK_ASSERT(again.host() == head.host());
    PENSTOCK_ASSERT(again.framing.kind == head.framing.kind);
    PENSTOCK_ASSERT(again.framing.length == head.framing.length);
    PENSTOCK_ASSERT(kept_fields(again.fields) == kept_fields(head.fields));
    check_reads_chunks(parser, again.framing);
}

/// Tighter limits only ever refuse more.
void check_limits(std::string_view bytes, bool accepted) {
    const h1::HeadLimits tight{.headers = 3, .uri = 24};
    h1::Parser parser(h1::Parser::Role::requests);
    RequestHead head;
    const auto refusal = parser.parse_request(bytes, tight, head);
    PENSTOCK_ASSERT(accepted || refusal);
    if (refusal) return;
    PENSTOCK_ASSERT(head.fields.size() <= tight.headers);
    PENSTOCK_ASSERT(head.target.size() <= tight.uri);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static io::BufferPool pool;
    const std::string_view bytes = find_head(text_of(data, size));
    if (bytes.empty()) return 0;
    h1::Parser parser(h1::Parser::Role::requests);
    RequestHead head;
    const auto refusal = parser.parse_request(bytes, {}, head);
    if (refusal) {
        PENSTOCK_ASSERT(is_refusal_of_requests(refusal->status));
        PENSTOCK_ASSERT(!refusal->reason.empty());
    } else {
        check_accepted(head);
        check_reads_chunks(parser, head.framing);
        check_rewritten(head, pool);
    }
    check_limits(bytes, !refusal);

    // The same parser reads the connection's next request alike.
    RequestHead next;
    const auto refusal_again = parser.parse_request(bytes, {}, next);
    PENSTOCK_ASSERT(refusal.has_value() == refusal_again.has_value());
    PENSTOCK_ASSERT(!refusal || refusal->status == refusal_again->status);
    return 0;
}
