#include "model/jwks_text.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "model/json_document.hpp"
#include "model/json_writer.hpp"

namespace penstock::model {

namespace {

using simdjson::SUCCESS;
using simdjson::dom::element;
using simdjson::dom::object;

constexpr std::array<std::string_view, 8> secret_members{"k",  "d",  "p",  "q",
                                                         "dp", "dq", "qi", "oth"};

bool is_secret(std::string_view name) {
    return std::find(secret_members.begin(), secret_members.end(), name) != secret_members.end();
}

std::string_view text_at(object members, std::string_view name) {
    std::string_view text;
    return members.at_key(name).get(text) == SUCCESS ? text : std::string_view();
}

/// The set with each key written by `write_key(out, members)`; empty where it is no set.
template <class WriteKey>
std::optional<std::string> rewrite(std::string_view jwks, WriteKey write_key) {
    const auto document = JsonDocument::parse(jwks);
    object set;
    simdjson::dom::array keys;
    if (!document || document->root().get(set) != SUCCESS ||
        set.at_key("keys").get(keys) != SUCCESS)
        return std::nullopt;
    std::string out;
    {
        JsonObject written(out);
        for (const auto [name, value] : set) {
            std::string& into = written.key(name);
            if (name != "keys") {
                into += simdjson::minify(value);
                continue;
            }
            JsonList list(into);
            for (const element key : keys) {
                object members;
                if (key.get(members) == SUCCESS)
                    write_key(list.next(), members);
                else
                    list.next() += simdjson::minify(key);
            }
        }
    }
    return out;
}

/// The `k` of the set's symmetric key of that id; empty where several have it, or several have
/// none: nothing says which of them is meant.
std::string secret_of(std::string_view jwks, std::string_view kid) {
    const auto document = JsonDocument::parse(jwks);
    simdjson::dom::array keys;
    if (!document || document->root().at_key("keys").get(keys) != SUCCESS) return {};
    std::optional<std::string> found;
    for (const element key : keys) {
        object members;
        if (key.get(members) != SUCCESS || text_at(members, "kty") != "oct" ||
            text_at(members, "kid") != kid)
            continue;
        if (found) return {};
        found = text_at(members, "k");
    }
    return found.value_or("");
}

}  // namespace

std::string without_secrets(std::string_view jwks) {
    const auto shown = rewrite(jwks, [](std::string& out, object members) {
        JsonObject key(out);
        for (const auto [name, value] : members) {
            if (!is_secret(name)) key.key(name) += simdjson::minify(value);
        }
    });
    return shown.value_or("null");
}

std::string with_secrets_of(std::string_view jwks, std::string_view before) {
    const auto whole = rewrite(jwks, [before](std::string& out, object members) {
        JsonObject key(out);
        for (const auto [name, value] : members) key.key(name) += simdjson::minify(value);
        element secret;
        if (text_at(members, "kty") != "oct" || members.at_key("k").get(secret) == SUCCESS) return;
        const std::string kept = secret_of(before, text_at(members, "kid"));
        if (!kept.empty()) write_string(key.key("k"), kept);
    });
    return whole.value_or(std::string(jwks));
}

}  // namespace penstock::model
