// penstockctl status, health, upgrade, version: the process as a whole.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "app/penstock_version.hpp"
#include "ctl/command_tree.hpp"
#include "ctl/words.hpp"
#include "ctl/writes.hpp"
#include "model/json_writer.hpp"

namespace penstock::ctl {

namespace {

constexpr int exit_not_ready = 1;
constexpr unsigned ok = 200;

Request get(std::string path) {
    return {.method = "GET", .path = std::move(path), .body = {}, .fields = {}};
}

int show_health(Session& session) {
    const Answer answer = session.try_to(get("/readyz"));
    const bool is_ready = answer.status == ok;
    session.report(answer, is_ready ? "ready" : "alive, and not ready: it starts or drains");
    return is_ready ? 0 : exit_not_ready;
}

// --- status ---

/// How many backends there are, and which take no requests.
void add_backend_facts(FactSheet& facts, JsonView routes) {
    std::size_t backends = 0, dead = 0, in_maintenance = 0;
    std::string first_dead;
    for (const JsonView route : routes.items()) {
        for (const JsonView backend : route["backends"].items()) {
            ++backends;
            const std::string state = backend["state"].text();
            in_maintenance += state == "maintenance" ? 1 : 0;
            if (state == "dead" && ++dead == 1)
                first_dead = fmt::format("{} of {}", backend["id"].text(), route["vHost"].text());
        }
    }
    facts.add("routes", std::to_string(routes.items().size()));
    facts.add("backends", fmt::format("{}, {} in maintenance", backends, in_maintenance));
    if (dead > 0) {
        facts.add("dead",
                  Cell(dead == 1 ? first_dead : fmt::format("{}, the first {}", dead, first_dead),
                       Tone::bad));
    }
}

/// Of those that are uploaded: the one that ends first.
void add_certificate_facts(FactSheet& facts, JsonView domains) {
    std::string first;
    std::int64_t fewest = INT64_MAX;
    for (const JsonView domain : domains.items()) {
        for (const JsonView certificate : domain["certificates"].items()) {
            const std::int64_t days = days_until(certificate["notAfter"].text());
            if (days >= fewest) continue;
            fewest = days;
            first = domain["domain"].text();
        }
    }
    const std::size_t count = domains.items().size();
    if (count == 0) return facts.add("certificates", "0");
    const Cell days = days_cell(fewest);
    facts.add("certificates",
              Cell(fmt::format("{}, {} ends first: {}", count, first,
                               fewest < 0 ? "expired" : fmt::format("{} days left", days.text)),
                   days.tone));
}

int show_status(Session& session) {
    const bool is_ready = session.try_to(get("/readyz")).status == ok;
    const Document stats = session.get("/api/v1/stats?limit=1");
    if (session.is_json()) {
        session.print(fmt::format("{{\"ready\":{},\"stats\":{}}}\n", is_ready, stats.answer.body));
        return is_ready ? 0 : exit_not_ready;
    }
    const Document routes = session.get_list("/api/v1/routes", "vHost");
    const Document certificates = session.get_list("/api/v1/certificates", "domain");
    const Document revisions = session.get("/api/v1/config/revisions");
    const JsonView root = stats.root();
    FactSheet facts;
    facts.add("api", session.client().url());
    facts.add("state", is_ready ? Cell("ready", Tone::good)
                                : Cell("not ready: it starts or drains", Tone::warning));
    facts.add("uptime", age(static_cast<std::uint64_t>(root["uptime"].number())));
    facts.add("process", fmt::format("{} workers, {} resident", root["process"]["workers"].text(),
                                     bytes(root["process"]["residentBytes"].number())));
    facts.add("requests",
              fmt::format("{}, {} active, {} queued", rate(root["rate"]["10s"].number()),
                          root["requests"]["active"].text(), root["requests"]["queued"].text()));
    facts.add("connections", root["connections"]["active"].text());
    add_backend_facts(facts, routes.root());
    add_certificate_facts(facts, certificates.root());
    if (const auto all = revisions.root().items(); !all.empty()) {
        facts.add("last change",
                  fmt::format("revision {}, {} by {}: {}", all.front()["revision"].text(),
                              all.front()["when"].text(), all.front()["by"].text(),
                              all.front()["what"].text()));
    }
    session.print(facts);
    return is_ready ? 0 : exit_not_ready;
}

/// The new process has to load its configuration first: that has its own time-out.
constexpr Duration upgrade_patience = std::chrono::minutes(2);

int upgrade(Session& session) {
    session.client().extend_patience(upgrade_patience);
    const Answer answer = session.ask(write("POST", "/api/v1/process/upgrade", false));
    const Document upgraded = Session::read(answer);
    session.report(answer,
                   fmt::format("process {} has taken over from {}, which ends its requests",
                               upgraded.root()["pid"].text(), upgraded.root()["replaces"].text()));
    return 0;
}

int show_version(Session& session) {
    if (session.is_json())
        session.print(fmt::format("{{\"version\":\"{}\",\"commit\":\"{}\"}}\n", PENSTOCK_VERSION,
                                  PENSTOCK_COMMIT));
    else
        session.print(fmt::format("penstockctl {} ({})\n", PENSTOCK_VERSION, PENSTOCK_COMMIT));
    return 0;
}

}  // namespace

void add_process(CommandTree& tree) {
    tree.command(tree.root(), "status",
                 "The process at a glance: exit 1 where it does not take traffic", show_status);
    tree.command(tree.root(), "health", "Whether it takes traffic: exit 0 or 1", show_health);
    tree.command(tree.root(), "upgrade",
                 "Have a new process take over, without a lost request: for a new binary", upgrade);
    tree.command(tree.root(), "version", "The version of this program", show_version);
}

}  // namespace penstock::ctl
