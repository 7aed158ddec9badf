// Response heads as the proxy reads them from backends, as answers to each kind of request.
#include "heads.hpp"
#include "http/framing.hpp"

namespace {

using namespace penstock;
using namespace penstock::fuzz;
using namespace penstock::http;
using Kind = BodyFraming::Kind;

void check_accepted(const ResponseHead& head, Method method) {
    check_fields(head.bytes, head.fields);
    check_framing(head.fields, head.framing);
    PENSTOCK_ASSERT(head.status >= 100 && head.status <= 999);
    PENSTOCK_ASSERT(head.minor_version <= 1);
    const bool bodiless =
        method == Method::head || head.status < 200 || head.status == 204 || head.status == 304;
    PENSTOCK_ASSERT(bodiless == (head.framing.kind == Kind::none));
    PENSTOCK_ASSERT(head.framing.kind != Kind::chunked || head.minor_version == 1);
    PENSTOCK_ASSERT(head.framing.kind != Kind::until_close || !head.keep_alive);
    const std::string line(lines_of(head.bytes)[0]);
    const std::string start =
        "HTTP/1." + std::to_string(head.minor_version) + " " + std::to_string(head.status);
    PENSTOCK_ASSERT(line == start + " " + std::string(head.reason) ||
                    (line == start && head.reason.empty()));
}

/// Sent on and read again by the client, it is the same answer.
void check_rewritten(const ResponseHead& head, Method method, io::BufferPool& pool) {
    h1::HeadBuffer out(pool);
    h1::write_status_line(out, head.status, head.reason);
    write_fields(out, head.fields, head.bytes, head.framing);
    PENSTOCK_ASSERT(find_head(out.bytes()).size() == out.bytes().size());
    h1::Parser parser(h1::Parser::Role::responses);
    ResponseHead again;
    PENSTOCK_ASSERT(!parser.parse_response(out.bytes(), method, again));
    PENSTOCK_ASSERT(again.status == head.status);
    PENSTOCK_ASSERT(again.reason == head.reason);
    PENSTOCK_ASSERT(again.framing.kind == head.framing.kind);
    PENSTOCK_ASSERT(again.framing.length == head.framing.length);
    PENSTOCK_ASSERT(kept_fields(again.fields) == kept_fields(head.fields));
    check_reads_chunks(parser, again.framing);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static io::BufferPool pool;
    const std::string_view bytes = find_head(text_of(data, size));
    if (bytes.empty()) return 0;
    h1::Parser parser(h1::Parser::Role::responses);
    bool accepted_before = false;
    for (const Method method : {Method::get, Method::head, Method::other, Method::options}) {
        ResponseHead head;
        const auto refusal = parser.parse_response(bytes, method, head);
        if (method == Method::get) accepted_before = !refusal;
        // Whether a head is well-formed does not hang on the question, nor on what the parser read
        // before.
        PENSTOCK_ASSERT(accepted_before == !refusal);
        if (refusal) {
            PENSTOCK_ASSERT(refusal->status == Status::bad_gateway);
            PENSTOCK_ASSERT(!refusal->reason.empty());
            continue;
        }
        check_accepted(head, method);
        check_reads_chunks(parser, head.framing);
        check_rewritten(head, method, pool);
    }
    return 0;
}
