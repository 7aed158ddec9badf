#include "model/field_error.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace penstock::model {

std::string child_pointer(std::string_view parent, std::string_view name) {
    std::string pointer(parent);
    pointer += '/';
    for (const char c : name) {
        if (c == '~')
            pointer += "~0";
        else if (c == '/')
            pointer += "~1";
        else
            pointer += c;
    }
    return pointer;
}

std::string child_pointer(std::string_view parent, std::size_t index) {
    return child_pointer(parent, std::to_string(index));
}

bool points_into(std::string_view pointer, std::string_view ancestor) noexcept {
    if (!pointer.starts_with(ancestor)) return false;
    return pointer.size() == ancestor.size() || pointer[ancestor.size()] == '/';
}

void add_new(FieldErrors& errors, FieldErrors more) {
    const auto known = static_cast<std::ptrdiff_t>(errors.size());
    for (FieldError& error : more) {
        if (errors.size() >= most_errors) return;
        const bool spoken_of =
            std::any_of(errors.begin(), errors.begin() + known, [&](const FieldError& e) {
                return points_into(error.pointer, e.pointer) ||
                       points_into(e.pointer, error.pointer);
            });
        if (!spoken_of) errors.push_back(std::move(error));
    }
}

}  // namespace penstock::model
