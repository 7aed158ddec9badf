// Spans in OTLP's JSON: what a collector reads of a request.
#include "control/otlp_spans.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace penstock;
using control::OtlpSpans;
using snapshot::DetailText;
using snapshot::RequestDetails;

namespace {

using namespace std::chrono_literals;

RequestDetails request() {
    RequestDetails details;
    details.numbers.record = {
        .status = 200, .started = TimePoint(1s), .now = TimePoint(1s + 1500ns), .bytes_out = 5};
    details.numbers.started_unix_ns = 784'111'777'000'000'001;
    details.numbers.trace = {
        .trace_high = 0x0af7651916cd43dd, .trace_low = 1, .span = 0xb, .is_sampled = true};
    details.numbers.span = 0xc0ffee;
    details[DetailText::request_id] = "r";
    details[DetailText::client] = "192.0.2.1";
    details[DetailText::v_host] = "*.example";
    details[DetailText::host] = "a.example";
    details[DetailText::method] = "GET";
    details[DetailText::target] = "/a\"b?x=1&key=k";
    details[DetailText::backend] = "127.0.0.1:9001";
    return details;
}

std::string exported(const RequestDetails& details) {
    OtlpSpans spans("node-1");
    spans.add(details);
    return spans.finish();
}

bool has(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a span says what was asked, where it went and how it ended", "[control]") {
    CHECK(exported(request()) ==
          R"({"resourceSpans":[{"resource":{"attributes":[)"
          R"({"key":"service.name","value":{"stringValue":"penstock"}},)"
          R"({"key":"service.instance.id","value":{"stringValue":"node-1"}}]},)"
          R"("scopeSpans":[{"scope":{"name":"penstock"},"spans":[)"
          R"({"traceId":"0af7651916cd43dd0000000000000001","spanId":"0000000000c0ffee",)"
          R"("parentSpanId":"000000000000000b","name":"GET","kind":2,)"
          R"("startTimeUnixNano":"784111777000000001","endTimeUnixNano":"784111777000001501",)"
          R"("attributes":[)"
          R"({"key":"http.request.method","value":{"stringValue":"GET"}},)"
          R"({"key":"url.scheme","value":{"stringValue":"http"}},)"
          R"({"key":"url.path","value":{"stringValue":"/a\"b"}},)"
          R"({"key":"url.query","value":{"stringValue":"x=1&key=***"}},)"
          R"({"key":"http.response.status_code","value":{"intValue":"200"}},)"
          R"({"key":"http.route","value":{"stringValue":"*.example"}},)"
          R"({"key":"server.address","value":{"stringValue":"a.example"}},)"
          R"({"key":"client.address","value":{"stringValue":"192.0.2.1"}},)"
          R"({"key":"network.protocol.name","value":{"stringValue":"http"}},)"
          R"({"key":"network.protocol.version","value":{"stringValue":"1.1"}},)"
          R"({"key":"http.request.body.size","value":{"intValue":"0"}},)"
          R"({"key":"http.response.body.size","value":{"intValue":"5"}},)"
          R"({"key":"penstock.request_id","value":{"stringValue":"r"}},)"
          R"({"key":"penstock.backend","value":{"stringValue":"127.0.0.1:9001"}}],)"
          R"("status":{}}]}]}]})");
}

TEST_CASE("a span without a parent, of another protocol, that failed", "[control]") {
    RequestDetails details = request();
    details.numbers.trace.span = 0;
    details.numbers.major_version = 2;
    details.numbers.record.status = 502;
    details.numbers.record.retries = 2;
    details.numbers.record.error = snapshot::ErrorKind::connection_refused;
    details[DetailText::tls] = "TLSv1.3";
    const std::string text = exported(details);
    CHECK_FALSE(has(text, "parentSpanId"));
    CHECK(has(text, R"("network.protocol.version","value":{"stringValue":"2"})"));
    CHECK(has(text, R"("tls.protocol.version","value":{"stringValue":"1.3"})"));
    CHECK(has(text, R"("url.scheme","value":{"stringValue":"https"})"));
    CHECK(has(text, R"("penstock.retries","value":{"intValue":"2"})"));
    CHECK(has(text, R"("error.type","value":{"stringValue":"connection_refused"})"));
    CHECK(has(text, R"("status":{"code":2})"));
}

TEST_CASE("whose error it was", "[control]") {
    RequestDetails details = request();
    details.numbers.record.outcome = snapshot::Outcome::aborted;
    CHECK(has(exported(details), R"("error.type","value":{"stringValue":"client_left"})"));
    details.numbers.record = {.error = snapshot::ErrorKind::http_request_error, .status = 400};
    CHECK_FALSE(has(exported(details), "error.type"));  // the client's own, as the conventions say
    details.numbers.record = {.status = 503};
    CHECK(has(exported(details), R"("error.type","value":{"stringValue":"503"})"));
    CHECK(has(exported(RequestDetails{}), R"("name":"HTTP")"));
}

TEST_CASE("many spans are one document", "[control]") {
    OtlpSpans spans("n");
    for (int i = 0; i < 3; ++i) spans.add(request());
    CHECK(spans.count() == 3);
    const std::string text = spans.finish();
    CHECK(text == spans.finish());
    std::size_t found = 0;
    for (std::size_t at = text.find("traceId"); at != std::string::npos;
         at = text.find("traceId", at + 1))
        ++found;
    CHECK(found == 3);
    CHECK(has(text, "},{\"traceId\""));
}

TEST_CASE("what a collector did not keep is read from its answer", "[control]") {
    const auto count = [](std::string_view answer) {
        return control::rejected_spans(answer).count;
    };
    CHECK(count(R"({"partialSuccess":{"rejectedSpans":"12"}})") == 12);
    CHECK(count(R"({"partialSuccess":{"rejectedSpans":3}})") == 3);
    CHECK(count("{}") == 0);
    CHECK(count("") == 0);
    CHECK(count("[1]") == 0);
    CHECK(count(R"({"partialSuccess":null})") == 0);
    CHECK(count(R"({"partialSuccess":{"rejectedSpans":-1}})") == 0);
    CHECK(count(R"({"partialSuccess":{"rejectedSpans":"many"}})") == 0);
    CHECK(control::rejected_spans(
              R"({"partialSuccess":{"rejectedSpans":"1","errorMessage":"too old"}})")
              .reason == "too old");
}
