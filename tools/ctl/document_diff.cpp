#include "ctl/document_diff.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "base/bytes.hpp"
#include "base/hash.hpp"
#include "ctl/terminal.hpp"

namespace penstock::ctl {

namespace {

using Kind = ObjectDiff::Kind;

/// A value longer than that is shown by its beginning, its size and a hash.
constexpr std::size_t longest_value = 100;
constexpr std::size_t shown_of_long_value = 48;

constexpr std::array<std::string_view, 4> names{"vHost", "id", "domain", "name"};
/// Of a backend: what it does, not what it is.
constexpr std::array<std::string_view, 4> run_time_state{"isDead", "deadSince", "failureCount",
                                                         "state"};
constexpr std::string_view id_to_come = "(made when it is applied)";

std::string shortened(std::string json) {
    if (json.size() <= longest_value) return json;
    std::size_t end = shown_of_long_value;  // not inside a character
    while (end > 0 && (static_cast<unsigned char>(json[end]) & 0xc0) == 0x80) --end;
    return fmt::format("{}... ({} bytes, hash {:08x})", json.substr(0, end), json.size(),
                       hash_bytes(json, 1) & 0xffffffffU);
}

bool is_list_of_objects(JsonView value) {
    if (!value.is_array()) return false;
    const auto items = value.items();
    return !items.empty() &&
           std::all_of(items.begin(), items.end(), [](JsonView item) { return item.is_object(); });
}

/// What names an item of a list; where nothing does, its place. A backend whose id the document
/// does not give is known by its address, before and after.
std::string name_of(JsonView item, std::size_t place, const KnownIds& known) {
    const std::string host = item["hostname"].text();
    if (!host.empty() && known.given.find(item["id"].text()) == known.given.end())
        return fmt::format("{}:{}", host, item["port"].text());
    for (const std::string_view name : names) {
        const std::string text = item[name].text();
        if (!text.empty() && (name != "id" || known.contains(text))) return text;
    }
    return std::to_string(place);
}

/// Every field by its path, in the document's order.
struct Flattened {
    std::vector<std::pair<std::string, std::string>> fields;
    const KnownIds& known;

    void add(const std::string& path, JsonView value) {
        if (value.is_object() && (path.empty() || !value.members().empty())) {
            for (const auto& [name, inner] : value.members()) {
                const bool is_state = path.starts_with("backends[") &&
                                      std::find(run_time_state.begin(), run_time_state.end(),
                                                name) != run_time_state.end();
                if (!is_state)
                    add(path.empty() ? std::string(name) : fmt::format("{}.{}", path, name), inner);
            }
        } else if (is_list_of_objects(value)) {
            const auto items = value.items();
            for (std::size_t i = 0; i < items.size(); ++i)
                add(fmt::format("{}[{}]", path, name_of(items[i], i, known)), items[i]);
        } else {
            const bool is_made_up = (path == "id" || path.ends_with(".id")) && value.exists() &&
                                    !known.contains(value.text());
            fields.emplace_back(path, is_made_up ? std::string(id_to_come) : value.json());
        }
    }
};

bool says_nothing(std::string_view json) {
    return json == "null" || json == "{}" || json == "[]" || json == "\"\"";
}

using ByPath = std::map<std::string_view, std::string_view>;

ByPath by_path(const Flattened& flattened) {
    ByPath fields;
    for (const auto& [path, json] : flattened.fields) fields.emplace(path, json);
    return fields;
}

/// Those of `from` that `in` does not have otherwise.
bool is_part_of_addition(const std::string& path, const ByPath& before) {
    // Inside an item that is wholly new there is nothing with its prefix.
    const std::size_t bracket = path.rfind(']');
    if (bracket == std::string::npos) return false;
    const std::string_view prefix(path.data(), bracket + 1);
    const auto at = before.lower_bound(prefix);
    return at == before.end() || !at->first.starts_with(prefix);
}

std::vector<FieldChange> changes(const Flattened& before, const Flattened& after, bool is_whole) {
    const ByPath old_fields = by_path(before);
    const ByPath new_fields = by_path(after);
    std::vector<FieldChange> found;
    for (const auto& [path, json] : before.fields) {
        if (new_fields.contains(path)) continue;
        const bool is_all_gone = is_whole || is_part_of_addition(path, new_fields);
        if (!is_all_gone || !says_nothing(json)) found.push_back({path, shortened(json), {}});
    }
    for (const auto& [path, json] : after.fields) {
        const auto known = old_fields.find(path);
        if (known == old_fields.end()) {
            const bool is_all_new = is_whole || is_part_of_addition(path, old_fields);
            if (!is_all_new || !says_nothing(json)) found.push_back({path, {}, shortened(json)});
        } else if (known->second != json && json != id_to_come) {
            found.push_back({path, shortened(std::string(known->second)), shortened(json)});
        }
    }
    return found;
}

/// The order of what both have; lists of the same members in another order differ.
void compare_order(const std::string& path, JsonView before, JsonView after, const KnownIds& known,
                   std::vector<FieldChange>& into) {
    if (!is_list_of_objects(before) || !is_list_of_objects(after)) return;
    const auto names_of = [&](JsonView list) {
        std::vector<std::string> found;
        const auto items = list.items();
        for (std::size_t i = 0; i < items.size(); ++i) found.push_back(name_of(items[i], i, known));
        return found;
    };
    auto old_names = names_of(before), new_names = names_of(after);
    const std::set<std::string> old_set(old_names.begin(), old_names.end());
    const std::set<std::string> new_set(new_names.begin(), new_names.end());
    std::erase_if(old_names, [&](const std::string& name) { return !new_set.contains(name); });
    std::erase_if(new_names, [&](const std::string& name) { return !old_set.contains(name); });
    if (old_names == new_names) return;
    const auto list = [](const std::vector<std::string>& all) {
        std::string text;
        for (const std::string& one : all) text += (text.empty() ? "" : ", ") + one;
        return shortened(text);
    };
    into.push_back({path + " in the order", list(old_names), list(new_names)});
}

using ByName = std::map<std::string, JsonView>;

ByName by_name(JsonView list, const KnownIds& known) {
    ByName all;
    const auto items = list.items();
    for (std::size_t i = 0; i < items.size(); ++i)
        all.emplace(name_of(items[i], i, known), items[i]);
    return all;
}

void diff_section(std::string_view what, JsonView before, JsonView after, const KnownIds& known,
                  std::vector<ObjectDiff>& into) {
    const ByName old_objects = by_name(before, known);
    const ByName new_objects = by_name(after, known);
    const auto take = [&](const std::string& name, JsonView from, JsonView to) {
        ObjectDiff diff = diff_objects(fmt::format("{} {}", what, name), from, to, known);
        if (diff.kind != Kind::unchanged) into.push_back(std::move(diff));
    };
    for (const auto& [name, object] : old_objects) {
        const auto found = new_objects.find(name);
        take(name, object, found == new_objects.end() ? JsonView() : found->second);
    }
    for (const auto& [name, object] : new_objects) {
        if (!old_objects.contains(name)) take(name, {}, object);
    }
}

void add_ids(std::set<std::string, std::less<>>& into, JsonView value) {
    if (const std::string id = value["id"].text(); !id.empty()) into.insert(id);
    for (const auto& [name, inner] : value.members()) add_ids(into, inner);
    for (const JsonView item : value.items()) add_ids(into, item);
}

JsonView item_like(JsonView wanted, JsonView list) {
    for (const std::string_view name : names) {
        const std::string text = to_lower(wanted[name].text());
        if (text.empty()) continue;
        for (const JsonView item : list.items()) {
            if (to_lower(item[name].text()) == text) return item;
        }
        return {};
    }
    return {};
}

void find_unshown(const std::string& path, JsonView given, JsonView shown, const KnownIds& known,
                  std::vector<std::string>& into) {
    for (const auto& [name, value] : given.members()) {
        if (!value.exists()) continue;
        const std::string below =
            path.empty() ? std::string(name) : fmt::format("{}.{}", path, name);
        const JsonView other = shown[name];
        if (!other.exists() && !says_nothing(value.json())) {
            into.push_back(below);
        } else if (value.is_object()) {
            find_unshown(below, value, other, known, into);
        } else if (is_list_of_objects(value)) {
            const auto items = value.items();
            const auto others = other.items();
            for (std::size_t i = 0; i < items.size(); ++i) {
                JsonView like = item_like(items[i], other);
                if (!like.exists() && others.size() == items.size()) like = others[i];
                find_unshown(fmt::format("{}[{}]", below, name_of(items[i], i, known)), items[i],
                             like, known, into);
            }
        }
    }
}

}  // namespace

KnownIds::KnownIds(JsonView document, JsonView before) {
    add_ids(given, document);
    add_ids(present, before);
}

ObjectDiff diff_objects(std::string what, JsonView before, JsonView after, const KnownIds& known) {
    ObjectDiff diff;
    diff.what = std::move(what);
    const bool was_there = before.exists(), will_be = after.exists();
    if (was_there && will_be && before.json() == after.json()) return diff;
    Flattened old_fields{.fields = {}, .known = known}, new_fields{.fields = {}, .known = known};
    if (was_there) old_fields.add("", before);
    if (will_be) new_fields.add("", after);
    diff.fields = changes(old_fields, new_fields, was_there != will_be);
    for (const auto& [name, value] : before.members())
        compare_order(std::string(name), value, after[name], known, diff.fields);
    if (was_there != will_be)
        diff.kind = was_there ? Kind::removed : Kind::added;
    else if (!diff.fields.empty())
        diff.kind = Kind::changed;
    return diff;
}

std::vector<ObjectDiff> diff_configs(JsonView before, JsonView after, const KnownIds& known) {
    std::vector<ObjectDiff> found;
    ObjectDiff process = diff_objects("process", before["process"], after["process"], known);
    if (process.kind != Kind::unchanged) found.push_back(std::move(process));
    diff_section("auth provider", before["authProviders"], after["authProviders"], known, found);
    diff_section("certificate", before["certificates"], after["certificates"], known, found);
    diff_section("route", before["routes"], after["routes"], known, found);
    return found;
}

std::vector<std::string> unshown_fields(JsonView given, JsonView shown) {
    std::vector<std::string> found;
    find_unshown("", given, shown, KnownIds(given, {}), found);
    return found;
}

std::string diff_text(const ObjectDiff& diff, bool colour) {
    const auto line = [colour](std::string_view text, Tone tone) {
        const std::string shown = printable(text);
        return (colour ? paint(shown, tone) : shown) + '\n';
    };
    std::string text;
    switch (diff.kind) {
        case Kind::unchanged:
            return {};
        case Kind::added:
            text = line("+ " + diff.what, Tone::good);
            break;
        case Kind::changed:
            text = line("~ " + diff.what, Tone::strong);
            break;
        case Kind::removed:
            return line("- " + diff.what, Tone::bad);
    }
    for (const FieldChange& change : diff.fields) {
        if (change.before)
            text += line(fmt::format("    - {}: {}", change.path, *change.before), Tone::bad);
        if (change.after)
            text += line(fmt::format("    + {}: {}", change.path, *change.after), Tone::good);
    }
    return text;
}

}  // namespace penstock::ctl
