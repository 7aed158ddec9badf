// penstockctl backends ...
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "ctl/backend_address.hpp"
#include "ctl/backend_table.hpp"
#include "ctl/command_tree.hpp"
#include "ctl/field_values.hpp"
#include "ctl/words.hpp"
#include "ctl/writes.hpp"

namespace penstock::ctl {

namespace {

struct BackendArguments {
    std::string v_host;
    std::string backend;
    std::string id;
    std::string weight;
    std::vector<std::string> fields;
    bool dry_run = false;
};

std::string backends_path(const BackendArguments& given) {
    return fmt::format("/api/v1/routes/{}/backends", encoded(given.v_host));
}

std::string backend_path(const BackendArguments& given) {
    return fmt::format("{}/{}", backends_path(given), encoded(given.backend));
}

/// The backends of a route, as JSON.
std::string backends_json(JsonView route) {
    return route["backends"].json();
}

/// Those of every route, and which are out of use.
int list_all(Session& session) {
    const Document routes = session.get_list("/api/v1/routes", "vHost");
    if (session.is_json()) {
        std::string json;
        for (const JsonView route : routes.root().items()) {
            for (const JsonView backend : route["backends"].items())
                json += (json.empty() ? "" : ",") + backend.json();
        }
        session.print_json("[" + json + "]");
        return 0;
    }
    Table table({{"VHOST"},
                 {"BACKEND"},
                 {"ADDRESS"},
                 {"WEIGHT", Align::right},
                 {"STATE"},
                 {"FAILURES", Align::right},
                 {"SINCE"}});
    for (const JsonView route : routes.root().items()) {
        for (const JsonView backend : route["backends"].items()) {
            table.add({route["vHost"].text(), backend["id"].text(), address_of(backend),
                       backend["weight"].text(), state_cell(backend["state"].text()),
                       backend["failureCount"].text(), backend["deadSince"].text()});
        }
    }
    if (table.empty())
        session.note("there are no backends");
    else
        session.print(table);
    return 0;
}

int list_backends(Session& session, const BackendArguments& given) {
    if (given.v_host.empty()) return list_all(session);
    const Document route = session.get("/api/v1/routes/" + encoded(given.v_host));
    if (session.is_json()) {
        session.print_json(backends_json(route.root()));
        return 0;
    }
    const Document stats = session.get("/api/v1/stats/" + encoded(given.v_host));
    session.print(backend_table(route.root(), stats.root()));
    return 0;
}

int add_backend(Session& session, const BackendArguments& given) {
    FieldValues backend;
    if (!given.id.empty()) backend.set_text("id", given.id);
    require(set_address(backend, given.backend));
    if (!given.weight.empty()) require(backend.set("weight=" + given.weight));
    for (const std::string& field : given.fields) require(backend.set(field));
    const Answer answer =
        session.ask(write("POST", backends_path(given), given.dry_run, backend.json()));
    const Document added = Session::read(answer);
    session.report(
        answer, done(fmt::format("backend {} added to {}", added.root()["id"].text(), given.v_host),
                     given.dry_run));
    return 0;
}

int remove_backend(Session& session, const BackendArguments& given) {
    const Answer answer = session.ask(write("DELETE", backend_path(given), given.dry_run));
    session.report(answer,
                   done(fmt::format("backend {} removed from {}", given.backend, given.v_host),
                        given.dry_run));
    return 0;
}

int drain_backend(Session& session, const BackendArguments& given) {
    const Answer answer = session.ask(write("POST", backend_path(given) + "/dead", given.dry_run));
    session.report(answer, done(fmt::format("backend {} of {} is in maintenance: no new requests",
                                            given.backend, given.v_host),
                                given.dry_run));
    return 0;
}

int undrain_backend(Session& session, const BackendArguments& given) {
    const Answer answer =
        session.ask(write("DELETE", backend_path(given) + "/dead", given.dry_run));
    session.report(answer,
                   done(fmt::format("backend {} of {} is back in use", given.backend, given.v_host),
                        given.dry_run));
    return 0;
}

/// A command for one backend of one route.
void add_one(CommandTree& tree, CLI::App& above, const char* name, const char* help,
             int (*run)(Session&, const BackendArguments&)) {
    const auto given = arguments<BackendArguments>();
    CLI::App& command = tree.command(
        above, name, help, [given, run](Session& session) { return run(session, *given); });
    add_positional(command, "VHOST", given->v_host, "The route's host");
    add_positional(command, "BACKEND", given->backend, "The backend's id");
    add_dry_run(command, given->dry_run);
}

}  // namespace

void add_backends(CommandTree& tree) {
    CLI::App& backends = tree.group("backends", "The servers behind a route");

    const auto listed = arguments<BackendArguments>();
    CLI::App& list =
        tree.command(backends, "list", "The backends of a route, or of all, and how they do",
                     [listed](Session& session) { return list_backends(session, *listed); });
    add_positional(list, "VHOST", listed->v_host, "The route's host")->required(false);

    const auto added = arguments<BackendArguments>();
    CLI::App& add =
        tree.command(backends, "add", "Add a backend to a route",
                     [added](Session& session) { return add_backend(session, *added); });
    add_positional(add, "VHOST", added->v_host, "The route's host");
    add_positional(add, "ADDRESS", added->backend, "HOST:PORT of the backend")
        ->check(check_address);
    add_option(add, "--id", "ID", added->id, "Its id (default: a UUID)");
    add_option(add, "--weight", "N", added->weight, "Its share of the requests, 0 to 1000");
    add_set(add, added->fields);
    add_dry_run(add, added->dry_run);

    add_one(tree, backends, "rm", "Remove a backend: requests in flight finish there",
            remove_backend);
    add_one(tree, backends, "drain", "Take a backend into maintenance: no new requests",
            drain_backend);
    add_one(tree, backends, "undrain", "Put a backend back into use", undrain_backend);
}

}  // namespace penstock::ctl
