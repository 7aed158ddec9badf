// penstockctl auth ...
#include <memory>
#include <string>

#include <fmt/format.h>

#include "ctl/apply.hpp"
#include "ctl/command_tree.hpp"
#include "ctl/words.hpp"
#include "ctl/writes.hpp"

namespace penstock::ctl {

namespace {

constexpr const char* providers_path = "/api/v1/auth-providers";

struct ProviderArguments {
    std::string id;
    bool dry_run = false;
};

/// What tells providers of one type apart.
std::string details_of(JsonView provider) {
    const std::string type = provider["type"].text();
    if (type == "basic") {
        return fmt::format("{} users, realm {}", provider["users"].items().size(),
                           provider["realm"].text());
    }
    if (type == "bearer") return fmt::format("{} tokens", provider["tokens"].items().size());
    if (type == "jwt") {
        const std::string keys = provider["jwksUrl"].exists() ? provider["jwksUrl"].text()
                                                              : std::string("keys of its own");
        return provider["issuer"].exists() ? fmt::format("{}, {}", provider["issuer"].text(), keys)
                                           : keys;
    }
    return provider["url"].text();
}

int list_providers(Session& session) {
    const Document providers = session.get_list(providers_path, "id");
    if (session.is_json()) {
        session.print_json(providers.answer.body);
        return 0;
    }
    Table table({{"PROVIDER"}, {"TYPE"}, {"CREDENTIALS GO ON"}, {"DETAILS"}});
    for (const JsonView provider : providers.root().items()) {
        table.add({provider["id"].text(), provider["type"].text(),
                   provider["forwardCredentials"].is_true() ? "yes" : "no", details_of(provider)});
    }
    if (table.empty())
        session.note("there are no auth providers");
    else
        session.print(table);
    return 0;
}

int get_provider(Session& session, const ProviderArguments& given) {
    const Document provider = session.get(fmt::format("{}/{}", providers_path, encoded(given.id)));
    if (session.is_json()) {
        session.print_json(provider.answer.body);
        return 0;
    }
    FactSheet facts;
    for (const auto& [name, value] : provider.root().members()) {
        if (!value.exists()) continue;
        if (value.is_array() && !value.items().empty() && value.items().front().is_object())
            facts.add(name, Cell(joined_names(value)));
        else
            facts.add(name, Cell(value.is_array()    ? joined(value)
                                 : value.is_object() ? value.json()
                                                     : value.text()));
    }
    session.print(facts);
    return 0;
}

int remove_provider(Session& session, const ProviderArguments& given) {
    const std::string path = fmt::format("{}/{}", providers_path, encoded(given.id));
    const Answer answer = session.ask(write("DELETE", path, given.dry_run));
    session.report(answer, done(fmt::format("auth provider {} removed", given.id), given.dry_run));
    return 0;
}

int apply_providers(Session& session, const ApplyArguments& given) {
    const model::JsonDocument document = read_document(given.file);
    return carry_out(session,
                     plan_all(session, given, JsonView(document.root()),
                              {.what = "auth provider", .path = providers_path, .key = "id"}),
                     given);
}

}  // namespace

void add_auth(CommandTree& tree) {
    CLI::App& auth =
        tree.group("auth", "Auth providers: who may pass to the routes that name them");
    tree.command(auth, "list", "Every auth provider", list_providers);

    const auto got = arguments<ProviderArguments>();
    CLI::App& get = tree.command(auth, "get", "One auth provider, without its secrets",
                                 [got](Session& session) { return get_provider(session, *got); });
    add_positional(get, "PROVIDER", got->id, "Its id");

    const auto applied = arguments<ApplyArguments>();
    CLI::App& apply =
        tree.command(auth, "apply", "Make auth providers as a document has them: one, or an array",
                     [applied](Session& session) { return apply_providers(session, *applied); });
    add_apply_options(apply, *applied);

    const auto removed = arguments<ProviderArguments>();
    CLI::App& remove =
        tree.command(auth, "rm", "Remove an auth provider that no route names",
                     [removed](Session& session) { return remove_provider(session, *removed); });
    add_positional(remove, "PROVIDER", removed->id, "Its id");
    add_dry_run(remove, removed->dry_run);
}

}  // namespace penstock::ctl
