#include "model/merge_patch.hpp"

#include <optional>

#include "model/json_writer.hpp"

namespace penstock::model {

namespace {

using simdjson::SUCCESS;
using simdjson::dom::element;
using simdjson::dom::object;

class Merger {
  public:
    explicit Merger(std::string& out) : out_(out) {}

    /// MergePatch(Target, Patch) of RFC 7396 section 2; no target is an empty object.
    void merge(std::optional<element> target, element patch) {
        object changes;
        if (patch.get(changes) != SUCCESS) {
            out_ += simdjson::to_string(patch);
            return;
        }
        object members;
        const bool had_members = target && target->get(members) == SUCCESS;
        out_ += '{';
        bool first = true;
        const auto name = [&](std::string_view key) {
            if (!first) out_ += ',';
            first = false;
            write_string(out_, key);
            out_ += ':';
        };
        if (had_members) {
            for (const auto [key, value] : members) {
                element change;
                const bool changed = changes.at_key(key).get(change) == SUCCESS;
                if (changed && change.is_null()) continue;
                name(key);
                if (changed)
                    merge(value, change);
                else
                    out_ += simdjson::to_string(value);
            }
        }
        for (const auto [key, change] : changes) {
            if (change.is_null() || (had_members && members.at_key(key).error() == SUCCESS))
                continue;
            name(key);
            merge(std::nullopt, change);
        }
        out_ += '}';
    }

  private:
    std::string& out_;
};

}  // namespace

std::string merge_patch(element target, element patch) {
    std::string merged;
    Merger(merged).merge(target, patch);
    return merged;
}

}  // namespace penstock::model
