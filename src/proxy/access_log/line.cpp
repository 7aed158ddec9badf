#include "proxy/access_log/line.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "base/clock.hpp"
#include "base/json_text.hpp"
#include "http/masked_query.hpp"

namespace penstock::proxy {

namespace {

using snapshot::DetailText;
using snapshot::RequestDetails;

struct Known {
    std::string_view name;
    LogLineField field;
    bool is_default = true;
    std::optional<DetailText> text{};  // whose value it is
};

constexpr std::array known_fields{
    Known{"time", LogLineField::time},
    Known{"requestId", LogLineField::request_id, true, DetailText::request_id},
    Known{"connectionId", LogLineField::connection_id},
    Known{"client", LogLineField::client, true, DetailText::client},
    Known{"vHost", LogLineField::v_host, true, DetailText::v_host},
    Known{"host", LogLineField::host, true, DetailText::host},
    Known{"method", LogLineField::method, true, DetailText::method},
    Known{"path", LogLineField::path, true, DetailText::target},
    Known{"status", LogLineField::status},
    Known{"outcome", LogLineField::outcome},
    Known{"bytesIn", LogLineField::bytes_in},
    Known{"bytesOut", LogLineField::bytes_out},
    Known{"queue", LogLineField::queue},
    Known{"connect", LogLineField::connect},
    Known{"firstByte", LogLineField::first_byte},
    Known{"total", LogLineField::total},
    Known{"backend", LogLineField::backend, true, DetailText::backend},
    Known{"retries", LogLineField::retries},
    Known{"tls", LogLineField::tls, true, DetailText::tls},
    Known{"cipher", LogLineField::cipher, false, DetailText::cipher},
    Known{"protocol", LogLineField::protocol},
    Known{"error", LogLineField::error},
    Known{"traceId", LogLineField::trace_id},
    Known{"spanId", LogLineField::span_id, false},
    Known{"userAgent", LogLineField::user_agent, false, DetailText::user_agent},
    Known{"referer", LogLineField::referer, false, DetailText::referer},
};

const Known& known(LogLineField field) noexcept {
    return known_fields[static_cast<std::size_t>(field)];
}

void append_number(std::string& out, std::uint64_t value) {
    std::array<char, 20> digits;
    const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), value);
    out.append(digits.data(), end);
}

/// Milliseconds, to the microsecond.
void append_duration(std::string& out, Duration duration) {
    const auto us = static_cast<std::uint64_t>(std::max<std::int64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(duration).count(), 0));
    append_number(out, us / 1'000);
    const auto rest = static_cast<unsigned>(us % 1'000);
    const char fraction[] = {'.', static_cast<char>('0' + rest / 100),
                             static_cast<char>('0' + rest / 10 % 10),
                             static_cast<char>('0' + rest % 10)};
    out.append(fraction, sizeof(fraction));
}

/// Quoted and escaped. What was longer than its bound ends with an ellipsis.
void append_text(std::string& out, DetailText text, std::string_view value) {
    const std::size_t bound = snapshot::detail_bounds[static_cast<std::size_t>(text)];
    const bool is_cut = value.size() > bound;
    value = value.substr(0, bound);
    out += '"';
    if (text == DetailText::target || text == DetailText::referer) {
        http::for_each_visible(value,
                               [&out](std::string_view piece) { append_json_escaped(out, piece); });
    } else {
        append_json_escaped(out, value);
    }
    if (is_cut) out += "\xe2\x80\xa6";
    out += '"';
}

void append_quoted(std::string& out, std::string_view literal) {
    out += '"';
    out += literal;
    out += '"';
}

std::string_view protocol_of(const RequestDetails& details) noexcept {
    if (details.numbers.major_version == 2) return "HTTP/2";
    return details.numbers.record.minor_version == 0 ? "HTTP/1.0" : "HTTP/1.1";
}

void append_uuid(std::string& out, const Uuid& uuid) {
    std::array<char, Uuid::text_size> text;
    write_uuid(text.data(), uuid);
    append_quoted(out, {text.data(), text.size()});
}

void append_trace_id(std::string& out, const http::TraceContext& trace) {
    std::array<char, 32> text;
    http::write_hex(text.data(), trace.trace_high);
    http::write_hex(text.data() + 16, trace.trace_low);
    append_quoted(out, {text.data(), text.size()});
}

void append_span_id(std::string& out, std::uint64_t span) {
    std::array<char, 16> text;
    http::write_hex(text.data(), span);
    append_quoted(out, {text.data(), text.size()});
}

bool append_if(std::string& out, const std::optional<Duration>& duration) {
    if (duration) append_duration(out, *duration);
    return duration.has_value();
}

}  // namespace

Result<LogLineField> parse_log_line_field(std::string_view name) {
    std::string names;
    for (const Known& one : known_fields) {
        if (one.name == name) return one.field;
        if (!names.empty()) names += ", ";
        names += one.name;
    }
    return Failure{Error{"there is no such field; there are " + names}};
}

LogLineFields default_log_line_fields() {
    LogLineFields fields;
    for (const Known& one : known_fields) {
        if (one.is_default) fields.push_back(one.field);
    }
    return fields;
}

snapshot::DetailSet texts_of(const LogLineFields& fields) noexcept {
    snapshot::DetailSet texts = 0;
    for (const LogLineField field : fields) {
        if (known(field).text) texts |= snapshot::bit_of(*known(field).text);
    }
    return texts;
}

LineFormat::LineFormat(LogFormat format, const LogLineFields& fields) : format_(format) {
    for (const LogLineField field : fields) {
        std::string key(known(field).name);
        if (format == LogFormat::json)
            key = '"' + key + "\":";
        else
            key = field == LogLineField::time ? "" : key + '=';
        members_.push_back({.field = field, .key = std::move(key)});
    }
}

void LineFormat::append(std::string& out, const RequestDetails& details) {
    const bool is_json = format_ == LogFormat::json;
    if (is_json) out += '{';
    bool any = false;
    for (const Member& member : members_) {
        const std::size_t begin = out.size();
        if (any) out += is_json ? ',' : ' ';
        out += member.key;
        if (append_value(out, member.field, details))
            any = true;
        else
            out.resize(begin);
    }
    out += is_json ? "}\n" : "\n";
}

/// False where it has none.
bool LineFormat::append_value(std::string& out, LogLineField field, const RequestDetails& details) {
    const snapshot::RequestNumbers& numbers = details.numbers;
    const snapshot::RequestRecord& record = numbers.record;
    if (const auto text = known(field).text) {
        const std::string_view value = details[*text];
        if (!value.empty()) append_text(out, *text, value);
        return !value.empty();
    }
    switch (field) {
        case LogLineField::time:
            append_time(out, numbers.started_unix_ns);
            return true;
        case LogLineField::connection_id:
            append_uuid(out, numbers.connection);
            return true;
        case LogLineField::status:
            append_number(out, record.status);
            return record.status != 0;
        case LogLineField::outcome:
            append_quoted(out, name_of(record.outcome));
            return true;
        case LogLineField::bytes_in:
            append_number(out, record.bytes_in);
            return true;
        case LogLineField::bytes_out:
            append_number(out, record.bytes_out);
            return true;
        case LogLineField::queue:
            return append_if(out, record.queue);
        case LogLineField::connect:
            return append_if(out, record.connect);
        case LogLineField::first_byte:
            return append_if(out, record.first_byte);
        case LogLineField::total:
            append_duration(out, record.total());
            return true;
        case LogLineField::retries:
            append_number(out, record.retries);
            return true;
        case LogLineField::protocol:
            append_quoted(out, protocol_of(details));
            return true;
        case LogLineField::error:
            append_quoted(out, snapshot::error_names[static_cast<std::size_t>(record.error)]);
            return record.error != snapshot::ErrorKind::none;
        case LogLineField::trace_id:
            append_trace_id(out, numbers.trace);
            return numbers.has_trace();
        case LogLineField::span_id:
            append_span_id(out, numbers.span);
            return numbers.span != 0;
        default:
            return false;  // the texts, which are written above
    }
}

void LineFormat::append_time(std::string& out, std::int64_t unix_ns) {
    const std::int64_t second = unix_ns / 1'000'000'000;
    if (second != second_) {
        second_ = second;
        to_second_ = rfc3339(static_cast<std::uint64_t>(second) * 1'000).substr(0, 20);
    }
    const auto ms = static_cast<unsigned>(unix_ns / 1'000'000 % 1'000);
    const char rest[] = {static_cast<char>('0' + ms / 100), static_cast<char>('0' + ms / 10 % 10),
                         static_cast<char>('0' + ms % 10), 'Z'};
    const bool is_quoted = format_ == LogFormat::json;
    if (is_quoted) out += '"';
    out += to_second_;
    out.append(rest, sizeof(rest));
    if (is_quoted) out += '"';
}

}  // namespace penstock::proxy
