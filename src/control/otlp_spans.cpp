#include "control/otlp_spans.hpp"

#include <algorithm>
#include <chrono>
#include <initializer_list>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "base/bytes.hpp"
#include "http/masked_query.hpp"
#include "model/json_document.hpp"
#include "model/json_writer.hpp"

namespace penstock::control {

namespace {

using model::JsonList;
using model::JsonObject;
using snapshot::DetailText;
using snapshot::RequestDetails;

/// Of the protocol's enumerations.
constexpr int span_kind_server = 2;
constexpr int status_error = 2;

/// {"key":…,"value":{"stringValue":…}}, and so on.
class Attributes {
  public:
    explicit Attributes(std::string& out) : list_(out) {}

    /// Left out where it is empty.
    void text(std::string_view key, std::string_view value) {
        if (value.empty()) return;
        JsonObject attribute(list_.next());
        model::write_string(attribute.key("key"), key);
        JsonObject holder(attribute.key("value"));
        model::write_string(holder.key("stringValue"), value);
    }
    /// 64-bit numbers are strings in protobuf's JSON.
    void number(std::string_view key, std::uint64_t value) {
        JsonObject attribute(list_.next());
        model::write_string(attribute.key("key"), key);
        JsonObject holder(attribute.key("value"));
        fmt::format_to(std::back_inserter(holder.key("intValue")), "\"{}\"", value);
    }

  private:
    JsonList list_;
};

void write_id(std::string& out, std::initializer_list<std::uint64_t> parts) {
    out += '"';
    for (const std::uint64_t part : parts) fmt::format_to(std::back_inserter(out), "{:016x}", part);
    out += '"';
}

std::string_view version_of(const RequestDetails& request) noexcept {
    if (request.numbers.major_version == 2) return "2";
    return request.numbers.record.minor_version == 0 ? "1.0" : "1.1";
}

std::string_view name_of(snapshot::ErrorKind error) noexcept {
    return snapshot::error_names[static_cast<std::size_t>(error)];
}

/// The conventions' error.type; empty: no error of ours, of a backend's, or of the client's, that
/// left.
std::string error_of(const snapshot::RequestRecord& record) {
    const bool has_kind = record.error != snapshot::ErrorKind::none;
    if (record.outcome == snapshot::Outcome::aborted)
        return std::string(has_kind ? name_of(record.error) : "client_left");
    if (record.status < 500) return {};
    return has_kind ? std::string(name_of(record.error)) : std::to_string(record.status);
}

void write_attributes(std::string& out, const RequestDetails& request, std::string_view error) {
    const snapshot::RequestRecord& record = request.numbers.record;
    Attributes attributes(out);
    const std::string_view target = request[DetailText::target];
    const std::size_t query = std::min(target.find('?'), target.size());
    attributes.text("http.request.method", request[DetailText::method]);
    attributes.text("url.scheme", request[DetailText::tls].empty() ? "http" : "https");
    attributes.text("url.path", target.substr(0, query));
    if (query < target.size()) {
        std::string visible;
        http::for_each_visible(target.substr(query),
                               [&visible](std::string_view piece) { visible += piece; });
        attributes.text("url.query", std::string_view(visible).substr(1));
    }
    if (record.status != 0) attributes.number("http.response.status_code", record.status);
    attributes.text("http.route", request[DetailText::v_host]);
    attributes.text("server.address", request[DetailText::host]);
    attributes.text("client.address", request[DetailText::client]);
    attributes.text("network.protocol.name", "http");
    attributes.text("network.protocol.version", version_of(request));
    const std::string_view tls = request[DetailText::tls];  // "TLSv1.3"
    attributes.text("tls.protocol.version", tls.substr(std::min<std::size_t>(4, tls.size())));
    attributes.text("user_agent.original", request[DetailText::user_agent]);
    attributes.number("http.request.body.size", record.bytes_in);
    attributes.number("http.response.body.size", record.bytes_out);
    attributes.text("penstock.request_id", request[DetailText::request_id]);
    attributes.text("penstock.backend", request[DetailText::backend]);
    if (record.retries > 0) attributes.number("penstock.retries", record.retries);
    attributes.text("error.type", error);
}

}  // namespace

OtlpSpans::OtlpSpans(std::string_view node) {
    text_ = R"({"resourceSpans":[{"resource":{"attributes":)";
    {
        Attributes attributes(text_);
        attributes.text("service.name", "penstock");
        attributes.text("service.instance.id", node);
    }
    text_ += R"(},"scopeSpans":[{"scope":{"name":"penstock"},"spans":[)";
}

void OtlpSpans::add(const RequestDetails& request) {
    const snapshot::RequestNumbers& numbers = request.numbers;
    if (count_++ > 0) text_ += ',';
    const std::string error = error_of(numbers.record);
    const auto started = static_cast<std::uint64_t>(numbers.started_unix_ns);
    const auto lasted =
        static_cast<std::uint64_t>(std::chrono::nanoseconds(numbers.record.total()).count());
    JsonObject span(text_);
    write_id(span.key("traceId"), {numbers.trace.trace_high, numbers.trace.trace_low});
    write_id(span.key("spanId"), {numbers.span});
    if (numbers.trace.span != 0) write_id(span.key("parentSpanId"), {numbers.trace.span});
    const std::string_view method = request[DetailText::method];
    model::write_string(span.key("name"), method.empty() ? "HTTP" : method);
    fmt::format_to(std::back_inserter(span.key("kind")), "{}", span_kind_server);
    fmt::format_to(std::back_inserter(span.key("startTimeUnixNano")), "\"{}\"", started);
    fmt::format_to(std::back_inserter(span.key("endTimeUnixNano")), "\"{}\"", started + lasted);
    write_attributes(span.key("attributes"), request, error);
    JsonObject status(span.key("status"));
    if (!error.empty()) fmt::format_to(std::back_inserter(status.key("code")), "{}", status_error);
}

const std::string& OtlpSpans::finish() {
    if (!std::exchange(is_finished_, true)) text_ += "]}]}]}";
    return text_;
}

RejectedSpans rejected_spans(std::string_view answer) {
    RejectedSpans rejected;
    const auto document = model::JsonDocument::parse(answer);
    if (!document) return rejected;
    const auto partial = document->root().at_key("partialSuccess");
    const auto number = partial.at_key("rejectedSpans");
    // 64-bit numbers are strings in the JSON of protocol buffers; readers are to take both.
    std::string_view text;
    if (number.get(text) == simdjson::SUCCESS)
        rejected.count = parse_decimal(text).value_or(0);
    else if (number.get(rejected.count) != simdjson::SUCCESS)
        return rejected;
    if (partial.at_key("errorMessage").get(text) == simdjson::SUCCESS) rejected.reason = text;
    return rejected;
}

}  // namespace penstock::control
