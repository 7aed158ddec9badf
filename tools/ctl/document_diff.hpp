// What a change would do to an object of the configuration, field by field.
//
// Members of arrays are told apart by what names them (vHost, id, domain, name), not by their
// place: a backend that is added in front changes nothing of the others. Pure functions, any
// thread.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "ctl/json_view.hpp"

namespace penstock::ctl {

/// One field, by its path: "backends[node-1].weight". No `before`: it is added; no `after`: it
/// goes.
struct FieldChange {
    std::string path;
    std::optional<std::string> before;  // as JSON, shortened where it is long
    std::optional<std::string> after;

    bool operator==(const FieldChange&) const = default;
};

struct ObjectDiff {
    enum class Kind : unsigned char { unchanged, added, changed, removed };

    Kind kind = Kind::unchanged;
    std::string what;  // "route a.test"
    std::vector<FieldChange> fields;
};

/// Ids that are no surprise: those that are there, and those that were given. Others were made up
/// by a dry run, and will be others when it is done.
using KnownIds = std::set<std::string, std::less<>>;
void add_ids(KnownIds& known, JsonView value);

/// Absent views: the object is not there before, or after. Null and empty fields of what is added
/// are left out, and the run-time state of backends.
ObjectDiff diff_objects(std::string what, JsonView before, JsonView after, const KnownIds& known);

/// Two documents of /config, object by object; those that are the same are not among the results.
std::vector<ObjectDiff> diff_configs(JsonView before, JsonView after, const KnownIds& known);

/// Paths of what is in `given` and not in `shown`: what the API keeps and does not show, so that
/// nobody can tell here whether it differs. Fields that are null in `given` do not count.
std::vector<std::string> unshown_fields(JsonView given, JsonView shown);

/// Lines, each with its end.
std::string diff_text(const ObjectDiff& diff, bool colour);

}  // namespace penstock::ctl
