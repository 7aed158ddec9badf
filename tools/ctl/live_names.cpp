#include "ctl/live_names.hpp"

#include <chrono>

#include <fmt/format.h>

#include "ctl/session.hpp"

namespace penstock::ctl {

namespace {

constexpr Duration patience = std::chrono::seconds(1);
/// More than anybody chooses from.
constexpr int most_names = 200;

/// The page of a list that begins with `typed`, in the order of its names: what comes behind the
/// names that are less.
std::string page_of(const char* path, std::string typed) {
    std::string query = fmt::format("{}?limit={}", path, most_names);
    if (typed.empty()) return query;
    // The greatest text of a host's characters that is less than all that begins with it.
    typed.back() = static_cast<char>(typed.back() - 1);
    return query + "&after=" + encoded(typed + "~");
}

struct ListKind {
    const char* kind;
    const char* path;
    const char* key;
    const char* help;  // the member that says more; null: none
};
constexpr ListKind list_kinds[] = {{"VHOST", "/api/v1/routes", "vHost", nullptr},
                                   {"DOMAIN", "/api/v1/certificates", "domain", nullptr},
                                   {"PROVIDER", "/api/v1/auth-providers", "id", "type"}};

std::vector<Candidate> names_in(JsonView list, const char* key, const char* help) {
    std::vector<Candidate> names;
    for (const JsonView item : list.items()) {
        names.push_back({item[key].text(), help == nullptr ? std::string() : item[help].text()});
    }
    return names;
}

std::vector<Candidate> ask(Session& session, const std::string& kind,
                           const std::vector<std::string>& before, const std::string& typed) {
    for (const ListKind& one : list_kinds) {
        if (kind == one.kind)
            return names_in(session.get(page_of(one.path, typed)).root(), one.key, one.help);
    }
    if (kind == "BACKEND" && !before.empty()) {
        const Document route = session.get("/api/v1/routes/" + encoded(before.front()));
        return names_in(route.root()["backends"], "id", "hostname");
    }
    if (kind == "REVISION")
        return names_in(session.get("/api/v1/config/revisions").root(), "revision", "what");
    return {};
}

}  // namespace

std::vector<Candidate> live_names(const ConnectionOptions& connection, const std::string& kind,
                                  const std::vector<std::string>& before,
                                  const std::string& typed) {
    Session session({.connection = connection, .is_json = false});
    try {
        session.client().limit_patience(patience);
        return ask(session, kind, before, typed);
    } catch (const Refusal&) {
        return {};
    }
}

}  // namespace penstock::ctl
