#include "model/json_location.hpp"

#include <algorithm>
#include <optional>

namespace penstock::model {

namespace {

namespace ondemand = simdjson::ondemand;

std::optional<std::size_t> offset_in(const simdjson::padded_string& text,
                                     ondemand::document& document, std::string_view pointer) {
    std::string_view token;
    if (pointer.empty()) {
        if (document.raw_json_token().get(token) != simdjson::SUCCESS) return std::nullopt;
    } else {
        ondemand::value value;
        if (document.at_pointer(pointer).get(value) != simdjson::SUCCESS) return std::nullopt;
        token = value.raw_json_token();
    }
    return static_cast<std::size_t>(token.data() - text.data());
}

}  // namespace

TextPlace place_at(std::string_view text, std::size_t offset) noexcept {
    const std::string_view before = text.substr(0, offset);
    const auto newlines = static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n'));
    const std::size_t last_newline = before.rfind('\n');
    const std::size_t column =
        last_newline == std::string_view::npos ? before.size() : before.size() - last_newline - 1;
    return {newlines + 1, column + 1};
}

JsonLocations::JsonLocations(std::string_view text) : text_(text) {}

TextPlace JsonLocations::of(std::string_view pointer) {
    return place_at({text_.data(), text_.size()}, offset_of(pointer));
}

std::size_t JsonLocations::offset_of(std::string_view pointer) {
    for (;;) {
        // A look-up leaves the document used up: each begins anew.
        ondemand::document document;
        if (parser_.iterate(text_).get(document) != simdjson::SUCCESS) return 0;
        if (const auto offset = offset_in(text_, document, pointer)) return *offset;
        if (pointer.empty()) return 0;
        pointer = pointer.substr(0, pointer.rfind('/'));
    }
}

}  // namespace penstock::model
