// Chunked bodies, decoded in place and in pieces, beside a decoder that does one line after the
// other over the whole text (RFC 9112 section 7.1).
#include <charconv>
#include <memory>
#include <string>
#include <vector>

#include "heads.hpp"

namespace {

using namespace penstock;
using namespace penstock::fuzz;
using namespace penstock::http;

struct Decoding {
    std::string data;
    std::string trailers;
    std::size_t consumed = 0;
    bool last = false;
    bool malformed = false;
};

/// The plain decoder's word. Where it is `lenient`, chunk extensions were read that RFC 9112 does
/// not allow but that cannot be mistaken either: such may pass or be refused.
struct Expected : Decoding {
    bool lenient = false;
    std::vector<Field> trailer_fields;
};

/// (";" name ["=" (token / quoted-string)])*, without white space around.
bool is_strict_extension(std::string_view text) {
    while (!text.empty()) {
        if (text.front() != ';') return false;
        text.remove_prefix(1);
        const std::size_t name = text.find_first_of(";=");
        if (!is_token(text.substr(0, name))) return false;
        text = name == std::string_view::npos ? std::string_view() : text.substr(name);
        if (!text.starts_with('=')) continue;
        text.remove_prefix(1);
        if (!text.starts_with('"')) {
            const std::size_t value = text.find(';');
            if (!is_token(text.substr(0, value))) return false;
            text = value == std::string_view::npos ? std::string_view() : text.substr(value);
            continue;
        }
        std::size_t at = 1;
        while (at < text.size() && text[at] != '"') at += text[at] == '\\' ? 2 : 1;
        if (at >= text.size()) return false;
        text.remove_prefix(at + 1);
    }
    return true;
}

class PlainDecoder {
  public:
    explicit PlainDecoder(std::string_view wire) : wire_(wire) {}

    Expected decode() {
        while (chunk()) {
        }
        expected_.consumed = at_;
        return expected_;
    }

  private:
    enum class Line { whole, missing, malformed };

    /// The text up to the next CRLF, without control bytes but HTAB.
    Line line(std::string_view& out) {
        for (std::size_t i = at_; i < wire_.size(); ++i) {
            const char c = wire_[i];
            if (c == '\r') {
                if (i + 1 == wire_.size()) return Line::missing;
                if (wire_[i + 1] != '\n') return Line::malformed;
                out = wire_.substr(at_, i - at_);
                at_ = i + 2;
                return Line::whole;
            }
            if (is_control(c) && c != '\t') return Line::malformed;
        }
        return Line::missing;
    }

    /// True where another chunk may follow.
    bool chunk() {
        std::string_view text;
        if (!take_line(text)) return false;
        std::uint64_t size = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size, 16);
        const auto digits = static_cast<std::size_t>(end - text.data());
        const std::string_view extension = text.substr(digits);
        if (text.empty() || text.front() == '-' || error != std::errc{} ||
            size > std::uint64_t{1} << 63 || (!extension.empty() && extension.front() != ';')) {
            return refuse();
        }
        if (!is_strict_extension(extension)) expected_.lenient = true;
        if (size == 0) return trailers();
        const std::string_view data = wire_.substr(at_, size);
        expected_.data += data;
        at_ += data.size();
        if (data.size() < size) return false;
        for (const char c : {'\r', '\n'}) {
            if (at_ == wire_.size()) return false;
            if (wire_[at_++] != c) return refuse();
        }
        return true;
    }

    bool trailers() {
        for (;;) {
            std::string_view text;
            if (!take_line(text)) return false;
            if (text.empty()) break;
            const std::size_t colon = text.find(':');
            if (colon == std::string_view::npos || !is_token(text.substr(0, colon)))
                return refuse();
            const std::string name = to_lower(text.substr(0, colon));
            if (name == "content-length" || name == "transfer-encoding") {
                // llhttp takes a field for whole once the next line begins, and does not fold it.
                return at_ < wire_.size() ? refuse() : false;
            }
            expected_.trailer_fields.emplace_back(text.substr(0, colon),
                                                  trim_ows(text.substr(colon + 1)));
        }
        expected_.last = true;
        return false;
    }

    bool take_line(std::string_view& text) {
        switch (line(text)) {
            case Line::whole:
                return true;
            case Line::missing:
                return false;
            case Line::malformed:
                break;
        }
        return refuse();
    }

    bool refuse() {
        expected_.malformed = true;
        return false;
    }

    std::string_view wire_;
    std::size_t at_ = 0;
    Expected expected_;
};

constexpr std::string_view request =
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
constexpr std::string_view upgrade_request =
    "POST / HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\nConnection: upgrade\r\n"
    "Transfer-Encoding: chunked\r\n\r\n";
constexpr std::string_view response = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
constexpr std::string_view last_response =
    "HTTP/1.1 500 No\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";

struct Limits {
    std::uint32_t bytes;
    std::uint32_t trailers;
};

/// In pieces as the round has them, each in memory of its own size.
Decoding decode(std::string_view head, std::string_view wire, unsigned round, Limits limits) {
    const bool is_response = head.starts_with("HTTP/");
    h1::Parser parser(is_response ? h1::Parser::Role::responses : h1::Parser::Role::requests);
    parser.limit_chunk_overhead(limits.bytes, limits.trailers);
    if (is_response) {
        ResponseHead parsed;
        PENSTOCK_ASSERT(!parser.parse_response(head, Method::get, parsed));
    } else {
        RequestHead parsed;
        PENSTOCK_ASSERT(!parser.parse_request(head, {}, parsed));
    }
    Cuts cuts(wire, round);
    Decoding all;
    while (all.consumed < wire.size() && !all.last && !all.malformed) {
        const std::size_t size = cuts.next(wire.size() - all.consumed);
        const auto piece = std::make_unique<char[]>(size);
        std::copy_n(wire.data() + all.consumed, size, piece.get());
        const auto decoded = parser.decode_chunks(piece.get(), size);
        PENSTOCK_ASSERT(decoded.data.empty() ||
                        (decoded.data.data() >= piece.get() &&
                         decoded.data.data() + decoded.data.size() <= piece.get() + size));
        PENSTOCK_ASSERT(decoded.consumed <= size);
        PENSTOCK_ASSERT(decoded.consumed == size || decoded.last || decoded.malformed);
        PENSTOCK_ASSERT(!decoded.last || !decoded.malformed);
        all.data += decoded.data;
        all.consumed += decoded.consumed;
        all.last = decoded.last;
        all.malformed = decoded.malformed;
    }
    all.trailers = parser.trailers();
    return all;
}

/// Trailers are a selection of those sent, in their order: none that frames, routes or
/// authenticates, and all that mean nothing to an intermediary.
void check_trailers(const Expected& expected, std::string_view trailers) {
    constexpr std::string_view never[] = {
        "transfer-encoding", "content-length", "host",   "connection",    "te",
        "trailer",           "upgrade",        "expect", "authorization", "cookie",
    };
    for (const auto& [name, value] : expected.trailer_fields) {
        const std::string line = name + ": " + value + "\r\n";
        const bool passed = trailers.starts_with(line);
        const bool forbidden =
            std::find(std::begin(never), std::end(never), to_lower(name)) != std::end(never);
        PENSTOCK_ASSERT(!(passed && forbidden));
        PENSTOCK_ASSERT(passed || field_id(name) != FieldId::other);
        if (passed) trailers.remove_prefix(line.size());
    }
    PENSTOCK_ASSERT(trailers.empty());
}

void check(const Expected& expected, const Decoding& got) {
    if (expected.malformed) PENSTOCK_ASSERT(got.malformed);
    if (expected.last) PENSTOCK_ASSERT(got.last || (expected.lenient && got.malformed));
    if (!expected.last) PENSTOCK_ASSERT(!got.last);
    // What a refused body had before the fault is passed on; never anything else.
    PENSTOCK_ASSERT(std::string_view(expected.data).starts_with(got.data));
    if (got.malformed) return;
    PENSTOCK_ASSERT(got.data == expected.data);
    if (!got.last) return;
    PENSTOCK_ASSERT(got.consumed == expected.consumed);
    check_trailers(expected, got.trailers);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view wire = text_of(data, size);
    const Expected expected = PlainDecoder(wire).decode();
    constexpr Limits none{UINT32_MAX, UINT32_MAX};
    for (const std::string_view head : {request, upgrade_request, response, last_response}) {
        const Decoding whole = decode(head, wire, 1, none);
        for (unsigned round = 0; round < Cuts::rounds; ++round) {
            const Decoding cut = decode(head, wire, round, none);
            check(expected, cut);
            PENSTOCK_ASSERT(cut.malformed == whole.malformed);
            PENSTOCK_ASSERT(cut.last == whole.last);
        }
    }
    // Tighter limits only ever refuse more.
    const Decoding limited = decode(request, wire, 2, {64, 2});
    if (!limited.malformed) check(expected, limited);
    if (limited.last) PENSTOCK_ASSERT(expected.trailer_fields.size() <= 2);
    return 0;
}
