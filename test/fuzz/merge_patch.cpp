// Merge patches beside the pseudo-code of RFC 7396 section 2 over the plainest of trees. An input
// is two JSON texts, the target up to the first line end, then the patch.
#include "model/merge_patch.hpp"

#include <map>
#include <string>
#include <variant>
#include <vector>

#include "model/json_document.hpp"
#include "target.hpp"

namespace {

using namespace penstock;
using namespace penstock::fuzz;
using model::JsonDocument;
using simdjson::dom::element;

/// An object's members, or any other value as text.
struct Tree {
    using Members = std::map<std::string, Tree>;
    std::variant<std::string, Members> value;

    bool operator==(const Tree& other) const { return value == other.value; }
    bool is_object() const { return value.index() == 1; }
    bool is_null() const { return value == decltype(value)("null"); }
    Members& members() { return std::get<Members>(value); }
    const Members& members() const { return std::get<Members>(value); }
};

Tree tree_of(element value) {
    simdjson::dom::object object;
    if (value.get(object) != simdjson::SUCCESS) return {simdjson::to_string(value)};
    Tree tree{Tree::Members{}};
    for (const auto [key, member] : object)
        tree.members().emplace(std::string(key), tree_of(member));
    return tree;
}

Tree merged(Tree target, const Tree& patch) {
    if (!patch.is_object()) return patch;
    if (!target.is_object()) target = {Tree::Members{}};
    for (const auto& [name, value] : patch.members()) {
        if (value.is_null())
            target.members().erase(name);
        else
            target.members()[name] = merged(target.members()[name], value);
    }
    return target;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = text_of(data, size);
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return 0;
    const auto target = JsonDocument::parse(text.substr(0, end));
    const auto patch = JsonDocument::parse(text.substr(end + 1));
    if (!target || !patch) return 0;
    if (!target->duplicate_keys().empty() || !patch->duplicate_keys().empty()) return 0;

    const std::string once = model::merge_patch(target->root(), patch->root());
    const auto result = JsonDocument::parse(once);
    PENSTOCK_ASSERT(result.has_value());
    PENSTOCK_ASSERT(result->duplicate_keys().empty());
    PENSTOCK_ASSERT(tree_of(result->root()) ==
                    merged(tree_of(target->root()), tree_of(patch->root())));
    // A patch that has been applied has nothing left to change.
    const auto again = JsonDocument::parse(model::merge_patch(result->root(), patch->root()));
    PENSTOCK_ASSERT(again.has_value());
    PENSTOCK_ASSERT(tree_of(again->root()) == tree_of(result->root()));
    return 0;
}
