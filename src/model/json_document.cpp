#include "model/json_document.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "model/json_syntax.hpp"

namespace penstock::model {

namespace {

using simdjson::dom::element;

/// Of a pointer, in bytes: past it the error points at what stands around.
constexpr std::size_t longest_pointer = 4'096;

/// Where a value stands: each step on the stack of find_duplicates(), and none of it copied.
class Way {
  public:
    Way() = default;  // the root
    Way(const Way& around, std::string_view key) noexcept : around_(&around), key_(key) {}
    Way(const Way& around, std::size_t index) noexcept : around_(&around), index_(index) {}

    std::string pointer() const {
        std::string text;
        write(text);
        return text;
    }

  private:
    /// False where what is further in is left out.
    bool write(std::string& text) const {
        if (around_ == nullptr) return true;
        const std::size_t more = key_ ? key_->size() : 0;
        if (!around_->write(text) || text.size() + more > longest_pointer) return false;
        text = key_ ? child_pointer(text, *key_) : child_pointer(text, index_);
        return true;
    }

    const Way* around_ = nullptr;
    std::optional<std::string_view> key_;  // empty: an item
    std::size_t index_ = 0;
};

/// Calls `found(way)` for each key that an object holds twice, until it says false; false then.
template <class Found>
bool find_duplicates(element value, const Way& way, const Found& found) {
    simdjson::dom::array array;
    simdjson::dom::object object;
    if (value.get(array) == simdjson::SUCCESS) {
        std::size_t index = 0;
        for (const element item : array) {
            if (!find_duplicates(item, Way(way, index++), found)) return false;
        }
    } else if (value.get(object) == simdjson::SUCCESS) {
        std::vector<std::string_view> keys;
        for (const auto [key, member] : object) {
            keys.push_back(key);
            if (!find_duplicates(member, Way(way, key), found)) return false;
        }
        std::sort(keys.begin(), keys.end());
        auto at = keys.begin();
        while ((at = std::adjacent_find(at, keys.end())) != keys.end()) {
            if (!found(Way(way, *at))) return false;
            at = std::upper_bound(at, keys.end(), *at);
        }
    }
    return true;
}

}  // namespace

std::string SyntaxError::text() const {
    return line == 0 ? message : fmt::format("line {}, column {}: {}", line, column, message);
}

Result<JsonDocument, SyntaxError> JsonDocument::parse(std::string_view text) {
    if (text.empty()) return Failure{find_syntax_error(text)};  // simdjson would copy from null
    // RFC 8259 section 8.1: not part of JSON text. Newer simdjson skips it, older refuses it.
    if (text.starts_with("\xef\xbb\xbf")) return Failure{find_syntax_error(text)};
    JsonDocument document;
    if (document.parser_->allocate(std::max<std::size_t>(text.size(), 64), deepest_json) !=
        simdjson::SUCCESS) {
        return Failure{SyntaxError{"too large to parse", 0, 0}};
    }
    const auto error = document.parser_->parse(text.data(), text.size()).get(document.root_);
    if (error == simdjson::SUCCESS) return document;
    return Failure{find_syntax_error(text)};
}

FieldErrors JsonDocument::duplicate_keys() const {
    FieldErrors errors;
    find_duplicates(root_, Way(), [&errors](const Way& way) {
        errors.push_back({way.pointer(), "this key stands here more than once"});
        return errors.size() < most_errors;
    });
    return errors;
}

bool JsonDocument::has_duplicate_keys() const {
    return !find_duplicates(root_, Way(), [](const Way&) { return false; });
}

}  // namespace penstock::model
