// penstockctl events
#include <algorithm>
#include <memory>
#include <string>

#include <fmt/format.h>

#include "ctl/command_tree.hpp"
#include "ctl/event_stream.hpp"
#include "ctl/words.hpp"
#include "ctl/writes.hpp"
#include "model/json_writer.hpp"

namespace penstock::ctl {

namespace {

/// A silent stream has a comment every 15 s: what says less than that is dead.
constexpr Duration longest_silence = std::chrono::seconds(40);
/// Between two tries, where the API cannot be reached.
constexpr Duration longest_wait = std::chrono::seconds(10);
constexpr unsigned too_many_streams = 503;

struct EventArguments {
    bool requests = false;
};

Tone tone_of(std::string_view type) {
    if (type == "backend.dead" || type == "circuit.opened" || type == "events.lost")
        return Tone::bad;
    if (type == "backend.alive" || type == "circuit.closed") return Tone::good;
    return type == "circuit.half_opened" ? Tone::warning : Tone::plain;
}

/// "2026-11-27T08:00:00.000Z  backend.dead  vHost=app.example id=b1 ..."
std::string line_of(const ServerEvent& event, bool colour) {
    const auto document = model::JsonDocument::parse(event.data);
    if (!document) return printable(event.type + "  " + event.data) + '\n';
    const JsonView data(document->root());
    std::string line = fmt::format("{:<24}  ", printable(data["time"].text()));
    const std::string type = fmt::format("{:<19}", printable(event.type));
    line += colour ? paint(type, tone_of(event.type)) : type;
    for (const auto& [name, value] : data.members()) {
        if (name == "time" || name == "sequence") continue;
        const bool is_plain = !value.is_object() && !value.is_array() &&
                              value.text().find_first_of(" \"=") == std::string::npos;
        line += fmt::format(" {}={}", printable(name),
                            printable(is_plain ? value.text() : value.json()));
    }
    return line + '\n';
}

/// The event as one line of JSON, its data as the API has it.
std::string json_of(const ServerEvent& event) {
    std::string json;
    {
        model::JsonObject object(json);
        if (!event.id.empty()) model::write_string(object.key("id"), event.id);
        model::write_string(object.key("event"), event.type);
        if (model::JsonDocument::parse(event.data))
            object.key("data") += event.data;
        else
            model::write_string(object.key("data"), event.data);
    }
    return std::replace(json.begin(), json.end(), '\n', ' '), json + '\n';
}

/// Follows until it is interrupted; a connection that is lost is made anew, from the last event on.
int follow_events(Session& session, const EventArguments& given) {
    Client& client = session.client();
    client.catch_interrupts();
    client.expect_silence(longest_silence);
    EventStream stream([&session](const ServerEvent& event) {
        session.print(session.is_json() ? json_of(event) : line_of(event, session.has_colour()));
        session.flush();
    });
    Request request{.method = "GET",
                    .path = given.requests ? "/api/v1/events?requests=sampled" : "/api/v1/events",
                    .body = {},
                    .fields = {}};
    bool has_followed = false;
    for (Duration wait{};; wait = std::min(2 * wait, longest_wait)) {
        request.fields = {{"Accept", "text/event-stream"}};
        if (!stream.last_id().empty())
            request.fields.emplace_back("Last-Event-ID", stream.last_id());
        bool has_begun = false;
        const auto answer = client.follow(request, [&](std::string_view piece) {
            has_begun = true;
            return stream.take(piece);
        });
        stream.restart();
        if (client.is_interrupted()) return 0;
        if (answer && answer->is_success() &&
            !answer->field("content-type").starts_with("text/event-stream"))
            throw Refusal{{"the answer is no stream of events"}};
        const bool is_refused = answer && !answer->is_success();
        has_followed = has_followed || has_begun || (answer && !is_refused);
        if (is_refused && (answer->status != too_many_streams || !has_followed))
            throw refusal_of(*answer);
        // Whoever cannot be reached at all is not waited for: the address may be wrong.
        if (!has_followed) throw Refusal{{answer.error().message}};
        if (has_begun) wait = {};
        wait = std::max<Duration>(wait, stream.retry());
        if (!answer && !has_begun)
            session.note(
                fmt::format("{}; next try in {} s", answer.error().message,
                            std::chrono::duration_cast<std::chrono::seconds>(wait).count()));
        if (!client.sleep(wait)) return 0;
    }
}

}  // namespace

void add_events(CommandTree& tree) {
    const auto given = arguments<EventArguments>();
    CLI::App& events = tree.command(
        tree.root(), "events", "What happens to routes, backends and certificates, as it happens",
        [given](Session& session) { return follow_events(session, *given); });
    events.add_flag("--requests", given->requests, "A sample of the requests too");
}

}  // namespace penstock::ctl
