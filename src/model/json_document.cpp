#include "model/json_document.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "model/json_syntax.hpp"

namespace penstock::model {

namespace {

using simdjson::dom::element;

void find_duplicates(element value, const std::string& pointer, FieldErrors& errors) {
    simdjson::dom::array array;
    simdjson::dom::object object;
    if (value.get(array) == simdjson::SUCCESS) {
        std::size_t index = 0;
        for (const element item : array)
            find_duplicates(item, child_pointer(pointer, index++), errors);
    } else if (value.get(object) == simdjson::SUCCESS) {
        std::vector<std::string_view> keys;
        for (const auto [key, member] : object) {
            keys.push_back(key);
            find_duplicates(member, child_pointer(pointer, key), errors);
        }
        std::sort(keys.begin(), keys.end());
        auto at = keys.begin();
        while ((at = std::adjacent_find(at, keys.end())) != keys.end()) {
            errors.push_back({child_pointer(pointer, *at), "this key stands here more than once"});
            at = std::upper_bound(at, keys.end(), *at);
        }
    }
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
    find_duplicates(root_, "", errors);
    return errors;
}

}  // namespace penstock::model
