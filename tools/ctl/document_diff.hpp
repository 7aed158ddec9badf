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

/// Ids that are no surprise: others were made up by a dry run, and will be others when it is done.
struct KnownIds {
    std::set<std::string, std::less<>> given;    // by the document
    std::set<std::string, std::less<>> present;  // already

    /// `before` may be absent.
    KnownIds(JsonView document, JsonView before);
    bool contains(std::string_view id) const {
        return given.find(id) != given.end() || present.find(id) != present.end();
    }
};

/// Absent views: the object is not there before, or after. Null and empty fields of what is added
/// are left out, the run-time state of backends, and that an id that nobody has given is made anew.
ObjectDiff diff_objects(std::string what, JsonView before, JsonView after, const KnownIds& known);

/// Two documents of /config, object by object; those that are the same are not among the results.
std::vector<ObjectDiff> diff_configs(JsonView before, JsonView after, const KnownIds& known);

/// Paths of what is in `given` and not in `shown`: what the API keeps and does not show, so that
/// nobody can tell here whether it differs. Fields that are null in `given` do not count.
std::vector<std::string> unshown_fields(JsonView given, JsonView shown);

/// Lines, each with its end.
std::string diff_text(const ObjectDiff& diff, bool colour);

}  // namespace penstock::ctl
