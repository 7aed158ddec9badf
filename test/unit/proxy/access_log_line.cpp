// Lines of the access log: their fields, their forms, and what no client can put into them.
#include <catch2/catch_test_macros.hpp>

#include "proxy/access_log/line.hpp"

using namespace penstock;
using proxy::LineFormat;
using proxy::LogLineField;
using proxy::LogLineFields;
using snapshot::DetailText;
using snapshot::RequestDetails;

namespace {

using namespace std::chrono_literals;

RequestDetails request() {
    RequestDetails details;
    details.numbers.record = {.status = 200,
                              .retries = 1,
                              .started = TimePoint(1s),
                              .now = TimePoint(1s + 12'345'678ns),
                              .bytes_in = 10,
                              .bytes_out = 2'048,
                              .connect = 250us,
                              .first_byte = 11ms};
    details.numbers.started_unix_ns = 784'111'777'042'999'999;
    details.numbers.connection = {0x0123456789ab7def, 0x8123456789abcdef};
    details[DetailText::request_id] = "r-1";
    details[DetailText::client] = "192.0.2.1";
    details[DetailText::v_host] = "*.a.example";
    details[DetailText::host] = "b.a.example";
    details[DetailText::method] = "GET";
    details[DetailText::target] = "/x?token=abc&y=1";
    details[DetailText::backend] = "127.0.0.1:9001";
    details[DetailText::user_agent] = "curl/8";
    return details;
}

std::string line(const RequestDetails& details, const LogLineFields& fields,
                 LogFormat format = LogFormat::json) {
    std::string out;
    LineFormat(format, fields).append(out, details);
    return out;
}

}  // namespace

TEST_CASE("a line of JSON has the default fields in their order, but for those without a value",
          "[proxy]") {
    CHECK(line(request(), proxy::default_log_line_fields()) ==
          R"({"time":"1994-11-06T08:49:37.042Z","requestId":"r-1",)"
          R"("connectionId":"01234567-89ab-7def-8123-456789abcdef","client":"192.0.2.1",)"
          R"("vHost":"*.a.example","host":"b.a.example","method":"GET",)"
          R"("path":"/x?token=***&y=1","status":200,"outcome":"completed","bytesIn":10,)"
          R"("bytesOut":2048,"connect":0.250,"firstByte":11.000,"total":12.345,)"
          R"("backend":"127.0.0.1:9001","retries":1,"protocol":"HTTP/1.1"})"
          "\n");
}

TEST_CASE("a line of text begins with its time", "[proxy]") {
    const LogLineFields fields{LogLineField::time, LogLineField::client, LogLineField::queue,
                               LogLineField::status, LogLineField::user_agent};
    CHECK(line(request(), fields, LogFormat::text) ==
          "1994-11-06T08:49:37.042Z client=\"192.0.2.1\" status=200 userAgent=\"curl/8\"\n");
}

TEST_CASE("a request that never became one has a line too", "[proxy]") {
    RequestDetails details;
    details.numbers.record = {.outcome = snapshot::Outcome::rejected,
                              .error = snapshot::ErrorKind::http_request_error,
                              .status = 400};
    CHECK(line(details, {LogLineField::path, LogLineField::status, LogLineField::outcome,
                         LogLineField::error, LogLineField::trace_id}) ==
          "{\"status\":400,\"outcome\":\"rejected\",\"error\":\"http_request_error\"}\n");
    CHECK(line(details, {LogLineField::path}) == "{}\n");
}

TEST_CASE("traces are named, and protocols", "[proxy]") {
    RequestDetails details = request();
    details.numbers.trace = {.trace_high = 0xab, .trace_low = 1, .span = 2, .is_sampled = true};
    details.numbers.span = 0xc;
    details.numbers.major_version = 2;
    CHECK(line(details, {LogLineField::trace_id, LogLineField::span_id, LogLineField::protocol}) ==
          "{\"traceId\":\"00000000000000ab0000000000000001\",\"spanId\":\"000000000000000c\","
          "\"protocol\":\"HTTP/2\"}\n");
}

TEST_CASE("what a client sends cannot end a line, nor its JSON", "[proxy]") {
    RequestDetails details = request();
    details[DetailText::target] = "/\"},{\"x\":\"\n\xff";
    details[DetailText::referer] = "https://x.example/?key=k";
    CHECK(line(details, {LogLineField::path, LogLineField::referer}) ==
          "{\"path\":\"/\\\"},{\\\"x\\\":\\\"\\n\xef\xbf\xbd\","
          "\"referer\":\"https://x.example/?key=***\"}\n");
}

TEST_CASE("what is longer than its bound is cut, and says so; no cut shows a secret", "[proxy]") {
    RequestDetails details = request();
    const std::string path = "/" + std::string(2'000, 'a');
    details[DetailText::target] = path;
    const std::string cut = "{\"path\":\"" + path.substr(0, 1'024) + "\xe2\x80\xa6\"}\n";
    CHECK(line(details, {LogLineField::path}) == cut);

    std::string encoded(snapshot::encoded_size(details, snapshot::all_details), '\0');
    snapshot::encode(details, snapshot::all_details, encoded.data());
    CHECK(line(snapshot::decode(encoded), {LogLineField::path}) == cut);

    const std::string secret = "/?secret=" + std::string(2'000, 's');
    details[DetailText::target] = secret;
    CHECK(line(details, {LogLineField::path}) == "{\"path\":\"/?secret=***\xe2\x80\xa6\"}\n");
}

TEST_CASE("the longest line fits what a writer keeps room for", "[proxy]") {
    RequestDetails details = request();
    const std::string worst(2'000, '\x01');
    for (auto& text : details.texts) text = worst;
    LogLineFields all;
    for (int i = 0; i <= static_cast<int>(LogLineField::referer); ++i)
        all.push_back(static_cast<LogLineField>(i));
    const std::size_t size = line(details, all).size();
    CHECK(size > 10'000);
    CHECK(size <= LineFormat::longest);
}

TEST_CASE("what is encoded comes back, and only the texts that were wanted", "[proxy]") {
    const RequestDetails details = request();
    const auto wanted = proxy::texts_of({LogLineField::status, LogLineField::path});
    CHECK(wanted == snapshot::bit_of(DetailText::target));
    std::string encoded(snapshot::encoded_size(details, wanted), '\0');
    snapshot::encode(details, wanted, encoded.data());
    const RequestDetails back = snapshot::decode(encoded);
    CHECK(back[DetailText::target] == details[DetailText::target]);
    CHECK(back[DetailText::client].empty());
    CHECK(back.numbers.record.bytes_out == 2'048);
    CHECK(back.numbers.record.route == nullptr);
    CHECK(back.numbers.connection.low == details.numbers.connection.low);
}

TEST_CASE("a field that there is not names those that there are", "[proxy]") {
    REQUIRE_FALSE(proxy::parse_log_line_field("colour"));
    CHECK(proxy::parse_log_line_field("colour").error().message.find("userAgent") !=
          std::string::npos);
    CHECK(*proxy::parse_log_line_field("firstByte") == LogLineField::first_byte);
}
