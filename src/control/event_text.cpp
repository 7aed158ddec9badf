#include "control/event_text.hpp"

#include <charconv>
#include <chrono>
#include <type_traits>

#include <fmt/format.h>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "model/json_writer.hpp"

namespace penstock::control {

namespace {

using model::JsonObject;

/// When a client that has lost its stream comes back, in milliseconds.
constexpr unsigned come_back_ms = 1'000;

void write_text(JsonObject& object, std::string_view name, std::string_view value) {
    model::write_string(object.key(name), value);
}

void write_number(JsonObject& object, std::string_view name, std::uint64_t value) {
    object.key(name) += fmt::format("{}", value);
}

void write_time(JsonObject& object, std::string_view name,
                std::chrono::system_clock::time_point time) {
    const auto since = std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch());
    write_text(object, name, rfc3339(static_cast<std::uint64_t>(since.count())));
}

void write_members(JsonObject& object, const RouteEvent& event) {
    write_text(object, "vHost", event.v_host);
    write_text(object, "id", event.id);
}

void write_members(JsonObject& object, const CertificateEvent& event) {
    write_text(object, "domain", event.domain);
    write_text(object, "keyKind", event.key_kind);
    write_text(object, "fingerprint", event.fingerprint);
    write_time(object, "notAfter", event.not_after);
}

void write_members(JsonObject& object, const BackendEvent& event) {
    write_text(object, "vHost", event.v_host);
    write_text(object, "id", event.id);
    write_text(object, "authority", event.authority);
    write_text(object, "address", event.address);
}

/// In milliseconds; what did not occur is left out.
void write_latency(JsonObject& object, std::string_view name, std::optional<Duration> taken) {
    if (!taken) return;
    const double ms = std::chrono::duration<double, std::milli>(*taken).count();
    object.key(name) += fmt::format("{:.3f}", ms);
}

/// `id:` is left out where `position` is empty: the client's last one stands.
std::string block(std::string_view name, std::string_view position, std::string_view json) {
    std::string text;
    if (!position.empty()) text += fmt::format("id: {}\n", position);
    text += fmt::format("event: {}\ndata: {}\n\n", name, json);
    return text;
}

}  // namespace

std::string to_string(const EventPosition& position) {
    return fmt::format("{:x}-{}", position.boot, position.sequence);
}

std::optional<EventPosition> parse_event_position(std::string_view text) {
    const std::size_t dash = text.find('-');
    if (dash == std::string_view::npos) return {};
    EventPosition position;
    const std::string_view boot = text.substr(0, dash);
    const auto [end, error] =
        std::from_chars(boot.data(), boot.data() + boot.size(), position.boot, 16);
    const auto sequence = parse_decimal(text.substr(dash + 1));
    if (error != std::errc() || end != boot.data() + boot.size() || !sequence) return {};
    position.sequence = *sequence;
    return position;
}

std::string event_block(std::uint64_t boot, const Event& event) {
    const EventMark& mark = mark_of(event);
    std::string json;
    {
        JsonObject object(json);
        write_number(object, "sequence", mark.sequence);
        write_time(object, "time", mark.time);
        std::visit([&](const auto& one) { write_members(object, one); }, event);
        if (const auto* dead = std::get_if<BackendDead>(&event))
            write_text(object, "reason", dead->reason);
    }
    return block(name_of(event), to_string({boot, mark.sequence}), json);
}

std::string sample_block(const snapshot::RequestSample& sample, std::uint64_t unix_ms) {
    std::string json;
    {
        JsonObject object(json);
        write_text(object, "time", rfc3339(unix_ms));
        if (!sample.v_host.view().empty()) write_text(object, "vHost", sample.v_host.view());
        if (!sample.backend.view().empty()) write_text(object, "backend", sample.backend.view());
        write_number(object, "status", sample.status);
        write_text(object, "outcome", name_of(sample.outcome));
        if (sample.error != snapshot::ErrorKind::none)
            write_text(object, "error",
                       snapshot::error_names[static_cast<std::size_t>(sample.error)]);
        write_number(object, "retries", sample.retries);
        object.key("tunnel") += sample.tunnelled ? "true" : "false";
        write_number(object, "bytesIn", sample.bytes_in);
        write_number(object, "bytesOut", sample.bytes_out);
        write_number(object, "standsFor", sample.stands_for);
        JsonObject latency(object.key("latency"));
        write_latency(latency, "queue", sample.queue);
        write_latency(latency, "connect", sample.connect);
        write_latency(latency, "firstByte", sample.first_byte);
        write_latency(latency, "total", sample.total);
    }
    return block("request.completed", {}, json);
}

std::string lost_block(std::uint64_t boot, const LostEvents& lost) {
    std::string json;
    {
        JsonObject object(json);
        write_text(object, "reason", lost.reason);
        write_number(object, "from", lost.from);
        write_number(object, "to", lost.to);
        if (!lost.last_seen.empty()) write_text(object, "lastEventId", lost.last_seen);
    }
    return block("events.lost", to_string({boot, lost.to}), json);
}

std::string opening_block(const EventPosition& position) {
    return fmt::format("retry: {}\nid: {}\n\n", come_back_ms, to_string(position));
}

}  // namespace penstock::control
