// penstockctl stats ...
#include <memory>
#include <string>

#include <fmt/format.h>
#include <unistd.h>

#include "ctl/backend_table.hpp"
#include "ctl/command_tree.hpp"
#include "ctl/words.hpp"
#include "ctl/writes.hpp"
#include "model/units.hpp"

namespace penstock::ctl {

namespace {

struct StatisticsArguments {
    std::string v_host;
    bool watch = false;
    std::string interval = "2s";
};

void add_requests(FactSheet& facts, JsonView of, std::uint64_t active_limit = 0,
                  std::uint64_t queue_limit = 0) {
    const JsonView requests = of["requests"];
    facts.add("rate",
              fmt::format("{} now, {} over 10 s, {} over 60 s", rate(of["rate"]["1s"].number()),
                          rate(of["rate"]["10s"].number()), rate(of["rate"]["60s"].number())));
    facts.add("requests", fmt::format("{} received, {} completed, {} rejected, {} aborted",
                                      requests["received"].text(), requests["completed"].text(),
                                      requests["rejected"].text(), requests["aborted"].text()));
    facts.add("active", against_limit(requests["active"].count(), active_limit));
    facts.add("queued", against_limit(requests["queued"].count(), queue_limit));
    facts.add("retries", of["retries"].text());
    std::string statuses;
    for (const auto& [name, count] : of["status"].members())
        statuses += fmt::format("{}{} {}", statuses.empty() ? "" : ", ", name, count.text());
    facts.add("status", statuses);
    std::string errors;
    for (const auto& [name, count] : of["errors"].members())
        errors += fmt::format("{}{} {}", errors.empty() ? "" : ", ", name, count.text());
    facts.add("errors", Cell(errors, Tone::warning));
    facts.add("bytes", fmt::format("{} in, {} out", bytes(of["bytes"]["in"].number()),
                                   bytes(of["bytes"]["out"].number())));
}

Table latency_table(JsonView latencies) {
    Table table({{"LATENCY (60 s)"},
                 {"COUNT", Align::right},
                 {"MEAN", Align::right},
                 {"P50", Align::right},
                 {"P90", Align::right},
                 {"P99", Align::right},
                 {"P99.9", Align::right},
                 {"MAX", Align::right}});
    for (const auto& [phase, numbers] : latencies.members()) {
        table.add({phase, numbers["count"].text(), latency(numbers, "mean"),
                   latency(numbers, "p50"), latency(numbers, "p90"), latency(numbers, "p99"),
                   latency(numbers, "p99.9"), latency(numbers, "max")});
    }
    return table;
}

Table route_table(JsonView routes) {
    Table table({{"VHOST"},
                 {"RATE", Align::right},
                 {"RECEIVED", Align::right},
                 {"ACTIVE", Align::right},
                 {"QUEUED", Align::right},
                 {"REJECTED", Align::right},
                 {"5XX", Align::right},
                 {"RETRIES", Align::right},
                 {"P50", Align::right},
                 {"P99", Align::right}});
    for (const JsonView route : routes.items()) {
        const JsonView requests = route["requests"];
        const JsonView total = route["latency"]["total"];
        const std::uint64_t failed = route["status"]["5xx"].count();
        table.add({route["vHost"].text(), rate(route["rate"]["10s"].number()),
                   requests["received"].text(), requests["active"].text(),
                   requests["queued"].text(), requests["rejected"].text(),
                   Cell(std::to_string(failed), failed > 0 ? Tone::warning : Tone::plain),
                   route["retries"].text(), latency(total, "p50"), latency(total, "p99")});
    }
    return table;
}

std::string text_of_everything(const Session& session, JsonView stats, std::string_view routes) {
    const bool colour = session.has_colour();
    FactSheet facts;
    facts.add("uptime", age(static_cast<std::uint64_t>(stats["uptime"].number())));
    add_requests(facts, stats);
    facts.add("unrouted", stats["requests"]["unrouted"].text());
    facts.add("connections",
              fmt::format("{} active, {} accepted", stats["connections"]["active"].text(),
                          stats["connections"]["accepted"].text()));
    facts.add("process", fmt::format("{} workers, {} resident, {:.1f} s of CPU",
                                     stats["process"]["workers"].text(),
                                     bytes(stats["process"]["residentBytes"].number()),
                                     stats["process"]["cpuSeconds"].number()));
    return facts.text(colour) + "\n" + latency_table(stats["latency"]).text(colour) +
           std::string(routes);
}

/// Everything, with a line for each route: those of one page, the rest is only counted.
std::string everything(Session& session) {
    const Document stats = session.get("/api/v1/stats?limit=1000");
    if (session.is_json()) return stats.answer.body + "\n";
    const JsonView root = stats.root();
    const auto shown = root["routes"].items().size();
    std::string routes;
    if (shown > 0) routes = "\n" + route_table(root["routes"]).text(session.has_colour());
    const std::string total(stats.answer.field("x-total-count"));
    if (std::to_string(shown) != total)
        routes +=
            fmt::format("({} of {} routes: penstockctl stats VHOST shows one)\n", shown, total);
    return text_of_everything(session, root, routes);
}

std::string of_route(Session& session, const std::string& v_host) {
    const Document stats = session.get("/api/v1/stats/" + encoded(v_host));
    if (session.is_json()) return stats.answer.body + "\n";
    const Document route = session.get("/api/v1/routes/" + encoded(v_host));
    const JsonView root = stats.root();
    FactSheet facts;
    facts.add("vHost", Cell(root["vHost"].text(), Tone::strong));
    add_requests(facts, root, root["admission"]["reqActiveLength"].count(),
                 root["admission"]["reqQueueLength"].count());
    return facts.text(session.has_colour()) + "\n" +
           latency_table(root["latency"]).text(session.has_colour()) + "\n" +
           backend_table(route.root(), root).text(session.has_colour());
}

using Draw = std::string (*)(Session&, const std::string& v_host);

/// Draws it again and again, until Ctrl-C; on a terminal in place, else one block below the other.
int watch(Session& session, const StatisticsArguments& given, Draw draw) {
    const auto interval = *model::parse_duration(given.interval);
    const bool in_place = !session.is_json() && ::isatty(STDOUT_FILENO) == 1;
    session.client().catch_interrupts();
    const auto end = [&] {
        if (in_place) session.print("\n");  // behind the ^C that the terminal has shown
        return 0;
    };
    for (bool first = true;; first = false) {
        std::string block;
        try {
            block = draw(session, given.v_host);
        } catch (const Refusal&) {
            if (session.client().is_interrupted()) return end();
            throw;
        }
        if (in_place)
            block.insert(0, "\x1b[H\x1b[2J");  // to the top, and clear what was there
        else if (!first && !session.is_json())
            block.insert(0, "\n");
        session.print(block);
        if (!session.flush() || !session.client().sleep(interval)) return end();
    }
}

int show_statistics(Session& session, const StatisticsArguments& given) {
    const auto draw = [](Session& in, const std::string& v_host) {
        return v_host.empty() ? everything(in) : of_route(in, v_host);
    };
    if (given.watch) return watch(session, given, draw);
    session.print(draw(session, given.v_host));
    return 0;
}

}  // namespace

void add_statistics(CommandTree& tree) {
    const auto given = arguments<StatisticsArguments>();
    CLI::App& stats = tree.command(
        tree.root(), "stats", "Requests, latency and health: of everything, or of a route",
        [given](Session& session) { return show_statistics(session, *given); });
    add_positional(stats, "VHOST", given->v_host, "The route's host")->required(false);
    stats.add_flag("--watch", given->watch, "Again and again, until Ctrl-C");
    add_option(stats, "--interval", "TIME", given->interval, "How often, with --watch")
        ->check(check_duration)
        ->default_str("2s");
}

}  // namespace penstock::ctl
