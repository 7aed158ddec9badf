#include "ctl/json_view.hpp"

namespace penstock::ctl {

JsonView JsonView::operator[](std::string_view key) const {
    simdjson::dom::element found;
    if (!is_object() || element_->at_key(key).get(found) != simdjson::SUCCESS) return {};
    return found;
}

std::vector<JsonView> JsonView::items() const {
    std::vector<JsonView> items;
    simdjson::dom::array array;
    if (!element_ || element_->get(array) != simdjson::SUCCESS) return items;
    for (const simdjson::dom::element item : array) items.emplace_back(item);
    return items;
}

std::vector<std::pair<std::string_view, JsonView>> JsonView::members() const {
    std::vector<std::pair<std::string_view, JsonView>> members;
    simdjson::dom::object object;
    if (!element_ || element_->get(object) != simdjson::SUCCESS) return members;
    for (const auto [key, value] : object) members.emplace_back(key, JsonView(value));
    return members;
}

bool JsonView::exists() const {
    return element_ && !element_->is_null();
}

bool JsonView::is_object() const {
    return element_ && element_->is_object();
}

bool JsonView::is_array() const {
    return element_ && element_->is_array();
}

bool JsonView::is_true() const {
    bool value = false;
    return element_ && element_->get(value) == simdjson::SUCCESS && value;
}

std::string JsonView::text() const {
    std::string_view characters;
    if (!exists() || is_object() || is_array()) return {};
    if (element_->get(characters) == simdjson::SUCCESS) return std::string(characters);
    return json();
}

double JsonView::number() const {
    double value = 0;
    if (!element_ || element_->get(value) != simdjson::SUCCESS) return 0;
    return value;
}

std::uint64_t JsonView::count() const {
    std::uint64_t value = 0;
    if (!element_ || element_->get(value) != simdjson::SUCCESS) return 0;
    return value;
}

std::string JsonView::json() const {
    return element_ ? simdjson::to_string(*element_) : std::string();
}

}  // namespace penstock::ctl
