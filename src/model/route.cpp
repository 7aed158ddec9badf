#include "model/route.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "model/auth_provider.hpp"
#include "model/credentials.hpp"
#include "model/host_pattern.hpp"
#include "model/json_reader.hpp"
#include "model/json_writer.hpp"
#include "model/merge_patch.hpp"
#include "model/validate.hpp"

namespace penstock::model {

namespace {

using simdjson::SUCCESS;
using simdjson::dom::element;

template <class T, class Reader>
Drafted<T> patch(const std::string& current, std::string_view json, Reader read) {
    const auto changes = JsonDocument::parse(json);
    if (!changes) return Failure{changes.error()};
    if (FieldErrors twice = changes->duplicate_keys(); !twice.empty())
        return Draft<T>{T{}, std::move(twice)};
    const auto target = JsonDocument::parse(current);
    if (!target) return Failure{target.error()};
    return draft_of<T>(merge_patch(target->root(), changes->root()), read);
}

void refuse_other_sections(simdjson::dom::object sections, FieldErrors& errors) {
    for (const auto [name, value] : sections) {
        const std::string pointer = child_pointer("", name);
        if (name == "process" || name == "routes" || name == "authProviders" ||
            name == "certificates")
            continue;
        if (name == "version") {
            std::uint64_t version = 0;
            if (value.get(version) != SUCCESS || version != 1)
                errors.push_back({pointer, "must be 1"});
        } else {
            errors.push_back({pointer, "unknown field"});
        }
    }
}

/// A route of a document, or the whole of it.
void check_part(Draft<RouteConfig>& draft, std::string_view base, KnownCredentials& known) {
    add_new(draft.errors, validate(draft.value, base));
    add_new(draft.errors, check_credentials(draft.value, base, known));
}

/// The items of an array of the document; none where it is absent.
template <class T, class Reader>
std::vector<T> read_section(simdjson::dom::object sections, std::string_view name, Reader read,
                            FieldErrors& errors) {
    std::vector<T> found;
    element section;
    simdjson::dom::array items;
    if (sections.at_key(name).get(section) != SUCCESS) return found;
    const std::string pointer = child_pointer("", name);
    if (section.get(items) != SUCCESS) {
        errors.push_back({pointer, fmt::format("must be an array, not {}", kind_of(section))});
        return found;
    }
    for (const element item : items)
        found.push_back(read(item, child_pointer(pointer, found.size()), errors));
    return found;
}

ConfigDocument read_document(element root, const std::string&, FieldErrors& errors) {
    ConfigDocument document;
    simdjson::dom::object sections;
    if (root.get(sections) != SUCCESS) {
        errors.push_back({"", fmt::format("must be an object, not {}", kind_of(root))});
        return document;
    }
    refuse_other_sections(sections, errors);
    if (element process; sections.at_key("process").get(process) == SUCCESS)
        document.process = read_process(process, "/process", errors);
    document.routes = read_section<RouteConfig>(sections, "routes", read_route, errors);
    document.auth_providers =
        read_section<AuthProviderConfig>(sections, "authProviders", read_auth_provider, errors);
    document.certificates =
        read_section<CertificateConfig>(sections, "certificates", read_certificate, errors);
    return document;
}

}  // namespace

Drafted<RouteConfig> draft_route(std::string_view json) {
    return draft_of<RouteConfig>(json, read_route);
}

Drafted<Backend> draft_backend(std::string_view json) {
    return draft_of<Backend>(json, read_backend);
}

Drafted<CertificateConfig> draft_certificate(std::string_view json) {
    return draft_of<CertificateConfig>(json, read_certificate);
}

Drafted<RouteConfig> patch_route(const RouteConfig& current, std::string_view json) {
    std::string text;
    write_route(text, current);
    return patch<RouteConfig>(text, json, read_route);
}

Drafted<Backend> patch_backend(const Backend& current, std::string_view json) {
    std::string text;
    write_backend(text, current);
    return patch<Backend>(text, json, read_backend);
}

void inherit_secrets(RouteConfig& route, const RouteConfig& before) {
    if (route.ssl && route.ssl->key.empty() && before.ssl) route.ssl->key = before.ssl->key;
    for (Backend& backend : route.backends) {
        const auto is_same = [&](const Backend& other) {
            if (!backend.id.empty()) return other.id == backend.id;
            const auto host = canonical_hostname(backend.hostname);
            return host && *host == other.hostname && backend.port == other.port;
        };
        const auto same = std::find_if(before.backends.begin(), before.backends.end(), is_same);
        if (same != before.backends.end()) inherit_secrets(backend, *same);
    }
}

void check(Draft<RouteConfig>& draft) {
    KnownCredentials known;
    check_part(draft, "", known);
}

Drafted<ConfigDocument> draft_config(std::string_view json) {
    return draft_of<ConfigDocument>(json, read_document);
}

void check(Draft<ConfigDocument>& document) {
    KnownCredentials known;
    auto& routes = document.value.routes;
    for (std::size_t i = 0; i < routes.size(); ++i) {
        Draft<RouteConfig> draft{std::move(routes[i]), {}};
        check_part(draft, child_pointer("/routes", i), known);
        add_new(document.errors, std::move(draft.errors));
        routes[i] = std::move(draft.value);
    }
    add_new(document.errors, find_conflicts(routes));
    check_all(document.value.auth_providers, "/authProviders", document.errors);
    for (RouteConfig& route : routes) complete_ids(route);
}

Drafted<ConfigDocument> parse_config(std::string_view json) {
    auto document = draft_config(json);
    if (document) check(*document);
    return document;
}

}  // namespace penstock::model
