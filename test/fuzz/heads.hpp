// What holds for any head that passes, request or response: checked against the simplest reading of
// its bytes.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.hpp"
#include "http/h1/head_scanner.hpp"
#include "http/h1/parser.hpp"
#include "http/h1/writer.hpp"
#include "target.hpp"

namespace penstock::fuzz {

using http::h1::HeadScanner;

struct Scanned {
    HeadScanner::Outcome outcome = HeadScanner::Outcome::incomplete;
    std::size_t size = 0;  // of a complete head
};

inline Scanned scan(std::string_view bytes, unsigned round) noexcept {
    HeadScanner scanner;
    Cuts cuts(bytes, round);
    Scanned scanned{scanner.scan({}), 0};
    for (std::size_t there = 0;
         there < bytes.size() && scanned.outcome == HeadScanner::Outcome::incomplete;) {
        there += cuts.next(bytes.size() - there);
        scanned.outcome = scanner.scan(bytes.substr(0, there));
    }
    if (scanned.outcome == HeadScanner::Outcome::complete) scanned.size = scanner.head_size();
    return scanned;
}

/// The head that `bytes` begin with, the same however they are cut; empty where there is none.
inline std::string_view find_head(std::string_view bytes) noexcept {
    const Scanned whole = scan(bytes, 1);
    for (unsigned round = 0; round < Cuts::rounds; ++round) {
        const Scanned cut = scan(bytes, round);
        PENSTOCK_ASSERT(cut.outcome == whole.outcome);
        PENSTOCK_ASSERT(cut.size == whole.size);
    }
    PENSTOCK_ASSERT(whole.size <= bytes.size());
    return bytes.substr(0, whole.size);
}

inline bool is_control(char c) noexcept {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

inline bool is_token(std::string_view text) noexcept {
    constexpr std::string_view others = "!#$%&'*+-.^_`|~";
    return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
        const char lower = ascii_lower(c);
        return is_digit(c) || (lower >= 'a' && lower <= 'z') || others.find(c) != others.npos;
    });
}

using Field = std::pair<std::string, std::string>;

/// A head's lines, cut at each CRLF, without the empty one.
inline std::vector<std::string_view> lines_of(std::string_view head) {
    std::vector<std::string_view> lines;
    while (!head.empty()) {
        const std::size_t end = head.find("\r\n");
        PENSTOCK_ASSERT(end != std::string_view::npos);
        lines.push_back(head.substr(0, end));
        head.remove_prefix(end + 2);
    }
    PENSTOCK_ASSERT(!lines.empty() && lines.back().empty());
    lines.pop_back();
    return lines;
}

/// Every field is a line of the head: a token, a colon, text without control bytes.
inline void check_fields(std::string_view head, const http::FieldList& fields) {
    const auto lines = lines_of(head);
    for (const char c : lines.at(0)) PENSTOCK_ASSERT(!is_control(c));
    PENSTOCK_ASSERT(fields.size() == lines.size() - 1);
    for (unsigned i = 0; i < fields.size(); ++i) {
        const std::string_view line = lines[i + 1];
        const std::string_view name = fields.name(fields[i]);
        const std::string_view value = fields.value(fields[i]);
        const std::size_t colon = line.find(':');
        PENSTOCK_ASSERT(colon != std::string_view::npos);
        PENSTOCK_ASSERT(is_token(name));
        PENSTOCK_ASSERT(name == line.substr(0, colon));
        PENSTOCK_ASSERT(value == trim_ows(line.substr(colon + 1)));
        for (const char c : value) PENSTOCK_ASSERT(!is_control(c) || c == '\t');
    }
}

/// One way to find the body's end and no other.
inline void check_framing(const http::FieldList& fields, const http::BodyFraming& framing) {
    using Kind = http::BodyFraming::Kind;
    unsigned lengths = 0;
    unsigned codings = 0;
    for (const auto& entry : fields) {
        const std::string name = to_lower(fields.name(entry));
        if (name == "content-length") ++lengths;
        if (name == "transfer-encoding") ++codings;
        const bool framing_field = name == "transfer-encoding" || name == "connection";
        PENSTOCK_ASSERT(!framing_field || entry.dropped);
    }
    PENSTOCK_ASSERT(lengths <= 1);
    PENSTOCK_ASSERT(lengths == 0 || codings == 0);
    PENSTOCK_ASSERT(framing.kind != Kind::chunked || codings > 0);
    PENSTOCK_ASSERT(framing.kind != Kind::length || lengths == 1);
}

inline std::vector<Field> kept_fields(const http::FieldList& fields) {
    std::vector<Field> kept;
    for (const auto& entry : fields) {
        if (!entry.dropped) kept.emplace_back(fields.name(entry), fields.value(entry));
    }
    return kept;
}

/// The rest of a head as we send it on: fields that pass, and our own framing.
inline void write_fields(http::h1::HeadBuffer& out, const http::FieldList& fields,
                         std::string_view head, const http::BodyFraming& framing) {
    http::h1::write_kept_fields(out, fields, head.data() + head.size());
    if (framing.kind == http::BodyFraming::Kind::chunked)
        out.append_field("Transfer-Encoding", "chunked");
    out.append("\r\n");
    PENSTOCK_ASSERT(!out.overflowed());
}

/// A head that is framed by chunks has set the parser to read them.
inline void check_reads_chunks(http::h1::Parser& parser, const http::BodyFraming& framing) {
    if (framing.kind != http::BodyFraming::Kind::chunked) return;
    std::string body = "3\r\nabc\r\n0\r\n\r\nGET";
    const auto decoded = parser.decode_chunks(body.data(), body.size());
    PENSTOCK_ASSERT(!decoded.malformed);
    PENSTOCK_ASSERT(decoded.last);
    PENSTOCK_ASSERT(decoded.data == "abc");
    PENSTOCK_ASSERT(decoded.consumed == body.size() - 3);
}

}  // namespace penstock::fuzz
