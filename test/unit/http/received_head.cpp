// HTTP/2 header lists as the heads that HTTP/1.1 would have sent.
#include "http/h2/received_head.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <catch2/catch_test_macros.hpp>

using namespace penstock;
using namespace penstock::http;
using namespace penstock::http::h2;

namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

constexpr unsigned malformed = 1;

/// A list, put together; what it makes is valid as long as this.
struct Received {
    explicit Received(const h1::HeadLimits& given = {}) : limits(given) {}

    /// 0: taken; `malformed`; or the status that it is refused with.
    unsigned request(const Fields& fields, bool ended = true) {
        add(fields);
        const auto fault = received->finish_request(head, ended);
        if (!fault) return 0;
        CHECK_FALSE(fault->refusal.reason.empty());
        return fault->is_malformed ? malformed : code(fault->refusal.status);
    }
    unsigned response(const Fields& fields, Method method = Method::get) {
        add(fields);
        const auto refusal = received->finish_response(answer, method);
        return refusal ? code(refusal->status) : 0;
    }
    std::string text() const { return std::string(head.bytes); }

    io::BufferPool pool;
    h1::HeadLimits limits;
    std::optional<ReceivedHead> received;
    RequestHead head;
    ResponseHead answer;

  private:
    void add(const Fields& fields) {
        received.emplace(pool, limits);
        for (const auto& [name, value] : fields) received->add(name, value);
    }
};

Fields get(const Fields& more = {}, const std::string& path = "/",
           const std::string& method = "GET") {
    Fields fields{
        {":method", method}, {":scheme", "http"}, {":authority", "a.example"}, {":path", path}};
    fields.insert(fields.end(), more.begin(), more.end());
    return fields;
}

Fields connect(const std::string& protocol, const Fields& more = {}) {
    Fields fields = get({{":protocol", protocol}}, "/chat", "CONNECT");
    fields.insert(fields.end(), more.begin(), more.end());
    return fields;
}

std::string kept(const FieldList& fields) {
    std::string all;
    for (const auto& entry : fields) {
        if (entry.dropped) continue;
        all += std::string(fields.name(entry)) + "=" + std::string(fields.value(entry)) + " ";
    }
    return all;
}

}  // namespace

TEST_CASE("pseudo-fields become the request line and Host") {
    Received one;
    REQUIRE(one.request(get({{"accept", "*/*"}}, "/a?b=c")) == 0);
    CHECK(one.text() == "GET /a?b=c HTTP/1.1\r\nhost: a.example\r\naccept: */*\r\n\r\n");
    CHECK(one.head.method == Method::get);
    CHECK(one.head.target == "/a?b=c");
    CHECK(one.head.path == "/a?b=c");
    CHECK(one.head.host() == "a.example");
    CHECK(one.head.major_version == 2);
    CHECK_FALSE(one.head.framing.has_body());
    CHECK(kept(one.head.fields) == "host=a.example accept=*/* ");

    Received bare;
    REQUIRE(bare.request(get()) == 0);
    CHECK(bare.text() == "GET / HTTP/1.1\r\nhost: a.example\r\n\r\n");

    Received all;
    REQUIRE(all.request(get({}, "*", "OPTIONS")) == 0);
    CHECK(all.head.path == "*");
}

TEST_CASE("Host and :authority say the same, or one of them alone") {
    Received both;
    REQUIRE(both.request(get({{"host", "A.example"}, {"x", "y"}})) == 0);
    CHECK(kept(both.head.fields) == "host=a.example x=y ");

    Received other;
    CHECK(other.request(get({{"host", "b.example"}})) == malformed);

    Fields without = get({{"host", "b.example:81"}});
    without.erase(without.begin() + 2);
    Received host;
    REQUIRE(host.request(without) == 0);
    CHECK(host.head.host() == "b.example");
    CHECK(kept(host.head.fields) == "host=b.example:81 ");

    without.pop_back();
    CHECK(Received().request(without) == malformed);
    for (const char* authority : {"", "u@a", "a:99999", "a b", "a,b", "[::1", "a..", "a/b"}) {
        INFO(authority);
        Fields fields = get();
        fields[2].second = authority;
        CHECK(Received().request(fields) == malformed);
    }
}

TEST_CASE("a cookie's crumbs are one field again") {
    Received three;
    REQUIRE(three.request(
                get({{"cookie", "a=b"}, {"x", "y"}, {"cookie", "c=d"}, {"cookie", "e"}})) == 0);
    CHECK(kept(three.head.fields) == "host=a.example x=y cookie=a=b; c=d; e ");
    CHECK(three.text().ends_with("\r\n\r\n"));
    CHECK(three.text().find("\r\n\r\n") == three.text().size() - 4);

    Received one;
    REQUIRE(one.request(get({{"cookie", "a=b; c=d"}})) == 0);
    CHECK(kept(one.head.fields) == "host=a.example cookie=a=b; c=d ");
}

TEST_CASE("as many crumbs as there may be fields are joined, and one more is 431") {
    Fields crumbs;
    for (int i = 0; i < 100; ++i) crumbs.emplace_back("cookie", "c" + std::to_string(i));
    Received most;
    // Host counts as a field where it has become one.
    crumbs.pop_back();
    REQUIRE(most.request(get(crumbs)) == 0);
    CHECK(kept(most.head.fields).starts_with("host=a.example cookie=c0; c1; c2"));
    CHECK(kept(most.head.fields).ends_with("c97; c98 "));
    crumbs.emplace_back("cookie", "c99");
    CHECK(Received().request(get(crumbs)) == 431);
}

TEST_CASE("past a limit a list is refused, never cut") {
    const h1::HeadLimits tight{.header_bytes = 1'000, .headers = 5, .uri = 20};
    const Fields fitting{{"a", "1"}, {"b", "2"}, {"c", "3"}, {"d", "4"}};
    CHECK(Received(tight).request(get(fitting)) == 0);
    Fields many = fitting;
    many.emplace_back("e", "5");
    CHECK(Received(tight).request(get(many)) == 431);
    CHECK(Received(tight).request(get({}, "/" + std::string(19, 'p'))) == 0);
    CHECK(Received(tight).request(get({}, "/" + std::string(20, 'p'))) == 414);

    // What is counted are names, values and 32 bytes a field (RFC 9113 section 6.5.2).
    std::size_t size = 0;
    for (const auto& [name, value] : get()) size += name.size() + value.size() + 32;
    const std::string most(1'000 - size - 32 - 1, 'v');
    CHECK(Received(tight).request(get({{"x", most}})) == 0);
    CHECK(Received(tight).request(get({{"x", most + "v"}})) == 431);
    CHECK(Received().request(get({{"x", std::string(40'000, 'v')}})) == 431);
    CHECK(Received().request(get({{"x", std::string(20'000, 'v')}})) == 0);
}

TEST_CASE("methods that are not known are 501") {
    CHECK(Received().request(get({}, "/", "M-SEARCH")) == 0);
    CHECK(Received().request(get({}, "/", "FROBNICATE")) == 501);
    CHECK(Received().request(get({}, "/", "get")) == 501);
    Received connect_to;
    REQUIRE(connect_to.request({{":method", "CONNECT"}, {":authority", "a.example:443"}}) == 0);
    CHECK(connect_to.head.method == Method::connect);  // whoever asked for the head answers 405
    CHECK_FALSE(connect_to.head.is_extended_connect);
}

TEST_CASE("malformed lists are told from refused ones") {
    for (const char* path : {"", "x", "*", "http://a/", "/a b", "/a\x7f", "/caf\xc3\xa9", "/#x"}) {
        INFO(path);
        CHECK(Received().request(get({}, path)) == malformed);
    }
    for (const char* scheme : {"", "ftp", "httpx"}) {
        INFO(scheme);
        Fields fields = get();
        fields[1].second = scheme;
        CHECK(Received().request(fields) == malformed);
    }
    for (const char* length : {"", "-1", "+1", "1 1", "9223372036854775808", "0x1"}) {
        INFO(length);
        CHECK(Received().request(get({{"content-length", length}}), false) == malformed);
    }
    CHECK(Received().request(get({{"content-length", "1"}, {"content-length", "1"}}), false) ==
          malformed);
}

TEST_CASE("how a request's body ends is told by its length or by frames") {
    Received ended;
    REQUIRE(ended.request(get({}, "/", "POST"), true) == 0);
    CHECK(ended.head.framing.kind == BodyFraming::Kind::none);
    Received open;
    REQUIRE(open.request(get({}, "/", "POST"), false) == 0);
    CHECK(open.head.framing.kind == BodyFraming::Kind::chunked);
    Received length;
    REQUIRE(length.request(get({{"content-length", "7"}}, "/", "POST"), false) == 0);
    CHECK(length.head.framing.kind == BodyFraming::Kind::length);
    CHECK(length.head.framing.length == 7);
}

TEST_CASE("an extended CONNECT is the upgrade that HTTP/1.1 knows") {
    Received socket;
    REQUIRE(socket.request(connect("websocket", {{"sec-websocket-version", "13"}}), false) == 0);
    CHECK(socket.head.is_extended_connect);
    CHECK(socket.head.method == Method::get);
    CHECK(socket.head.path == "/chat");
    CHECK(socket.head.upgrade == "websocket");
    CHECK_FALSE(socket.head.framing.has_body());
    const std::string key(socket.received->websocket_key());
    CHECK(key.size() == 24);
    CHECK(key.ends_with("=="));
    CHECK(socket.text().find("\r\nsec-websocket-key: " + key + "\r\n") != std::string::npos);
    Received next;
    REQUIRE(next.request(connect("websocket"), false) == 0);
    CHECK(next.received->websocket_key() != key);

    Received other;
    REQUIRE(other.request(connect("chat/2"), false) == 0);
    CHECK(other.head.upgrade == "chat/2");
    CHECK(other.received->websocket_key().empty());
    CHECK(Received().request(connect("websocket", {{"content-length", "3"}}), false) == malformed);
}

TEST_CASE("response lists become response heads") {
    Received ok;
    REQUIRE(ok.response({{":status", "200"}, {"content-length", "3"}, {"x", "y"}}) == 0);
    CHECK(ok.answer.status == 200);
    CHECK(ok.answer.bytes == "content-length: 3\r\nx: y\r\n\r\n");
    CHECK(kept(ok.answer.fields) == "content-length=3 x=y ");
    CHECK(ok.answer.framing.kind == BodyFraming::Kind::length);
    CHECK(ok.answer.framing.length == 3);

    Received open;
    REQUIRE(open.response({{":status", "200"}}) == 0);
    CHECK(open.answer.framing.kind == BodyFraming::Kind::chunked);
    Received head;
    REQUIRE(head.response({{":status", "200"}, {"content-length", "9"}}, Method::head) == 0);
    CHECK_FALSE(head.answer.framing.has_body());
    for (const char* status : {"103", "204", "304"}) {
        Received none;
        REQUIRE(none.response({{":status", status}, {"etag", "x"}}) == 0);
        CHECK_FALSE(none.answer.framing.has_body());
        CHECK(none.answer.is_interim() == (none.answer.status == 103));
    }
}

TEST_CASE("responses that say too much or two things are 502") {
    for (const char* status : {"000", "001", "099"}) {
        INFO(status);
        CHECK(Received().response({{":status", status}, {"x", "y"}}) == 502);
    }
    CHECK(Received().response({{":status", "200"}, {"content-length", "x"}}) == 502);
    CHECK(Received().response(
              {{":status", "200"}, {"content-length", "1"}, {"content-length", "2"}}) == 502);
    Fields many{{":status", "200"}};
    for (unsigned i = 0; i < FieldList::capacity; ++i) many.emplace_back("x", "y");
    const h1::HeadLimits wide{.header_bytes = 64 * 1024, .headers = FieldList::capacity};
    CHECK(Received(wide).response(many) == 0);
    many.emplace_back("x", "y");
    CHECK(Received(wide).response(many) == 502);
    CHECK(Received(wide).response({{":status", "200"}, {"x", std::string(65'000, 'v')}}) == 0);
    CHECK(Received(wide).response({{":status", "200"}, {"x", std::string(66'000, 'v')}}) == 502);
}
