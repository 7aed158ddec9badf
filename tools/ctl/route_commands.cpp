// penstockctl routes ...
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "ctl/apply.hpp"
#include "ctl/backend_address.hpp"
#include "ctl/backend_table.hpp"
#include "ctl/command_tree.hpp"
#include "ctl/field_values.hpp"
#include "ctl/words.hpp"
#include "ctl/writes.hpp"

namespace penstock::ctl {

namespace {

constexpr const char* routes_path = "/api/v1/routes";

struct RouteArguments {
    std::string v_host;
    std::vector<std::string> backends;
    std::vector<std::string> fields;
    bool dry_run = false;
};

// --- list ---

/// The live numbers of each route, by vHost; its documents own what it points to.
struct LiveNumbers {
    std::vector<Document> pages;
    std::map<std::string, JsonView, std::less<>> of;
};

LiveNumbers live_numbers(Session& session) {
    LiveNumbers live;
    for (std::string after = "?limit=1000"; !after.empty();) {
        live.pages.push_back(session.get("/api/v1/stats" + after));
        const auto routes = live.pages.back().root()["routes"].items();
        for (const JsonView route : routes) live.of.emplace(route["vHost"].text(), route);
        after = routes.size() < 1'000
                    ? ""
                    : "?limit=1000&after=" + encoded(routes.back()["vHost"].text());
    }
    return live;
}

int list_routes(Session& session) {
    const Document routes = session.get_list(routes_path, "vHost");
    if (session.is_json()) {
        session.print_json(routes.answer.body);
        return 0;
    }
    const LiveNumbers live = live_numbers(session);
    Table table({{"VHOST"},
                 {"STRATEGY"},
                 {"BACKENDS"},
                 {"ACTIVE", Align::right},
                 {"QUEUED", Align::right},
                 {"RATE", Align::right},
                 {"AUTH"},
                 {"ALIASES"}});
    for (const JsonView route : routes.root().items()) {
        const std::string v_host = route["vHost"].text();
        const auto found = live.of.find(v_host);
        const JsonView numbers = found == live.of.end() ? JsonView() : found->second;
        const JsonView requests = numbers["requests"];
        table.add({v_host, route["strategy"].text(), health_cell(route["backends"]),
                   against_limit(requests["active"].count(), route["reqActiveLength"].count()),
                   against_limit(requests["queued"].count(), route["reqQueueLength"].count()),
                   rate(numbers["rate"]["10s"].number()), route["authProvider"].text(),
                   joined(route["aliases"])});
    }
    if (table.empty())
        session.note("there are no routes");
    else
        session.print(table);
    return 0;
}

// --- get ---

/// What differs from route to route; -o json has the rest.
void print_route(Session& session, JsonView route) {
    FactSheet facts;
    facts.add("vHost", Cell(route["vHost"].text(), Tone::strong));
    facts.add("id", route["id"].text());
    facts.add("aliases", joined(route["aliases"]));
    facts.add("strategy", route["strategy"].text());
    facts.add("auth provider", route["authProvider"].text());
    facts.add("https only", route["autoHttps"].is_true() ? "yes" : "no");
    facts.add("certificate", route["ssl"].exists() ? "its own" : "");
    if (const auto limit = route["reqActiveLength"].count(); limit > 0)
        facts.add("requests at once", std::to_string(limit));
    if (const auto limit = route["reqQueueLength"].count(); limit > 0)
        facts.add("requests waiting",
                  fmt::format("{}, {} at most", limit, route["queueTimeout"].text()));
    facts.add("retries", route["retries"].text());
    facts.add("connect timeout", route["connectTimeout"].text());
    facts.add("response timeout", route["responseTimeout"].text());
    facts.add("timeout", route["timeout"].text());
    if (const auto limit = route["maxBodyBytes"].count(); limit > 0)
        facts.add("largest body", bytes(static_cast<double>(limit)));
    for (const char* name : {"headers", "responseHeaders"}) {
        for (const auto& [field, value] : route[name].members())
            facts.add(name,
                      fmt::format("{}: {}", field, value.exists() ? value.text() : "(removed)"));
    }
    session.print(facts);
}

int get_route(Session& session, const RouteArguments& given) {
    const Document route = session.get(fmt::format("{}/{}", routes_path, encoded(given.v_host)));
    if (session.is_json()) {
        session.print_json(route.answer.body);
        return 0;
    }
    print_route(session, route.root());
    session.print("\n");
    const Document live = session.get("/api/v1/stats/" + encoded(given.v_host));
    session.print(backend_table(route.root(), live.root()));
    return 0;
}

// --- add, rm ---

int add_route(Session& session, const RouteArguments& given) {
    FieldValues route;
    route.set_text("vHost", given.v_host);
    std::string backends;
    for (const std::string& address : given.backends) {
        FieldValues backend;
        require(set_address(backend, address));
        backends += (backends.empty() ? "" : ",") + backend.json();
    }
    route.set_json("backends", "[" + backends + "]");
    for (const std::string& field : given.fields) require(route.set(field));
    const Answer answer = session.ask(write("POST", routes_path, given.dry_run, route.json()));
    session.report(answer, done(fmt::format("route {} added", given.v_host), given.dry_run));
    return 0;
}

int remove_routes(Session& session, const RouteArguments& given) {
    for (const std::string& v_host : given.backends) {
        const std::string path = fmt::format("{}/{}", routes_path, encoded(v_host));
        const Answer answer = session.ask(write("DELETE", path, given.dry_run));
        session.report(answer, done(fmt::format("route {} removed", v_host), given.dry_run));
    }
    return 0;
}

int apply_routes(Session& session, const ApplyArguments& given) {
    const model::JsonDocument document = read_document(given.file);
    return carry_out(session,
                     plan_all(session, given, JsonView(document.root()),
                              {.what = "route", .path = routes_path, .key = "vHost"}),
                     given);
}

}  // namespace

void add_routes(CommandTree& tree) {
    CLI::App& routes = tree.group("routes", "Which host goes to which backends");
    tree.command(routes, "list", "Every route, with its backends' health and its requests",
                 list_routes);

    const auto got = arguments<RouteArguments>();
    CLI::App& get = tree.command(routes, "get", "One route and its backends",
                                 [got](Session& session) { return get_route(session, *got); });
    add_positional(get, "VHOST", got->v_host, "Its host");

    const auto added = arguments<RouteArguments>();
    CLI::App& add = tree.command(routes, "add", "Add a route",
                                 [added](Session& session) { return add_route(session, *added); });
    add_positional(add, "VHOST", added->v_host,
                   "Its host: a name, *.SUFFIX, or * for what else comes");
    add.add_option("BACKEND", added->backends, "HOST:PORT of each backend")
        ->check(check_address)
        ->required()
        ->type_name("");
    add_set(add, added->fields);
    add_dry_run(add, added->dry_run);

    const auto applied = arguments<ApplyArguments>();
    CLI::App& apply =
        tree.command(routes, "apply", "Make routes as a document has them: one, or an array",
                     [applied](Session& session) { return apply_routes(session, *applied); });
    add_apply_options(apply, *applied);

    const auto removed = arguments<RouteArguments>();
    CLI::App& remove =
        tree.command(routes, "rm", "Remove routes: the next request for them gets 404",
                     [removed](Session& session) { return remove_routes(session, *removed); });
    remove.add_option("VHOST", removed->backends, "Their hosts")->required()->type_name("");
    add_dry_run(remove, removed->dry_run);
}

}  // namespace penstock::ctl
