// Chunked bodies: every cut of the input gives the same data, and nothing sloppy passes.
#include <string>
#include <string_view>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "http/h1/parser.hpp"
#include "http/h1/writer.hpp"

using namespace penstock;
using namespace penstock::http;
using namespace penstock::http::h1;

namespace {

struct Decoding {
    std::string data;
    std::string trailers;
    std::size_t consumed = 0;
    bool last = false;
    bool malformed = false;
};

/// Feeds `wire` in pieces of `step` bytes.
Decoding decode(std::string_view wire, std::size_t step) {
    Parser parser(Parser::Role::requests);
    parser.limit_chunk_overhead(256, 4);
    RequestHead head;
    const std::string bytes = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    REQUIRE_FALSE(parser.parse_request(bytes, {}, head));
    Decoding all;
    while (all.consumed < wire.size() && !all.last && !all.malformed) {
        std::string piece(wire.substr(all.consumed, step));
        const auto decoded = parser.decode_chunks(piece.data(), piece.size());
        all.data += decoded.data;
        all.consumed += decoded.consumed;
        all.last = decoded.last;
        all.malformed = decoded.malformed;
    }
    all.trailers = parser.trailers();
    return all;
}

}  // namespace

TEST_CASE("chunks come out whole wherever they are cut") {
    const std::string wire =
        "5\r\nhello\r\n1;a=b;c=\"d\"\r\n \r\n00000A\r\n0123456789\r\n0\r\nX-Sum: 9 \r\n\r\nGET "
        "/next";
    const std::size_t body = wire.size() - 9;
    for (std::size_t step = 1; step <= wire.size(); ++step) {
        const Decoding got = decode(wire, step);
        INFO("step " << step);
        CHECK(got.data == "hello 0123456789");
        CHECK(got.last);
        CHECK_FALSE(got.malformed);
        CHECK(got.consumed == body);
        CHECK(got.trailers == "X-Sum: 9\r\n");
    }
}

TEST_CASE("sloppy chunks are malformed") {
    for (const std::string wire :
         {"\r\n",
          "g\r\n",
          "+5\r\nhello\r\n",
          "-1\r\n",
          "0x5\r\nhello\r\n",
          " 5\r\nhello\r\n",
          "5 \r\nhello\r\n",
          "5\nhello\r\n",
          "5\r\nhelloX\r\n",
          "5\r\nhello\n0\r\n\r\n",
          "8000000000000001\r\n",
          "10000000000000000\r\n",
          "5\r\nhello\r0\r\n\r\n",
          "0\r\nA : b\r\n\r\n",
          "0\r\nA: b\n\r\n",
          "0\r\n\n",
          "5;\x01\r\nhello\r\n",
          "5;a=\"\x7f\"\r\nhello\r\n",
          "0\r\nA: \x01\r\n\r\n",
          "0\r\nA: b\r\n c\r\n\r\n",
          "0\r\nContent-Length: 0\r\n\r\n",
          "0\r\nTransfer-Encoding: chunked\r\n\r\n",
          "0\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n"}) {
        for (const std::size_t step : {std::size_t{1}, wire.size()}) {
            INFO(wire << " in steps of " << step);
            const Decoding got = decode(wire, step);
            CHECK(got.malformed);
            CHECK_FALSE(got.last);
        }
    }
}

TEST_CASE("extensions and trailers are bounded") {
    CHECK(decode("5;a=" + std::string(300, 'x') + "\r\nhello\r\n0\r\n\r\n", 1000).malformed);
    CHECK(decode("0\r\nA: " + std::string(300, 'x') + "\r\n\r\n", 1000).malformed);
    CHECK_FALSE(decode("0\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\n\r\n", 1000).malformed);
    CHECK(decode("0\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\n\r\n", 1000).malformed);
    std::string many;
    for (int i = 0; i < 200; ++i) many += "1;ab\r\nx\r\n";
    CHECK(decode(many + "0\r\n\r\n", 10'000).malformed);
}

TEST_CASE("fields that frame, route or authenticate do not pass as trailers") {
    const Decoding got =
        decode("0\r\nContent-Type: x\r\nHost: evil\r\nConnection: close\r\nX-A: b\r\n\r\n", 7);
    CHECK(got.last);
    CHECK(got.trailers == "Content-Type: x\r\nX-A: b\r\n");
}

TEST_CASE("a chunk's size line is written in hexadecimal") {
    ChunkFrame frame;
    iovec pieces[3];
    const std::string data(0x1a2b, 'x');
    REQUIRE(frame.frame(data, pieces) == 3);
    CHECK(std::string_view(static_cast<char*>(pieces[0].iov_base), pieces[0].iov_len) ==
          "1a2b\r\n");
    CHECK(pieces[1].iov_len == data.size());
    CHECK(std::string_view(static_cast<char*>(pieces[2].iov_base), pieces[2].iov_len) == "\r\n");
}
