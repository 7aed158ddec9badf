// Draft: a configuration value on its way in: as far as it could be read, and what is wrong so far.
//
// Plain values, any thread.
#pragma once

#include <string_view>
#include <utility>

#include <penstock/result.hpp>

#include "model/field_error.hpp"
#include "model/json_document.hpp"

namespace penstock::model {

/// A value as far as it could be read, and what was wrong so far.
template <class T>
struct Draft {
    T value{};
    FieldErrors errors;
};

template <class T>
using Drafted = Result<Draft<T>, SyntaxError>;

/// What `read(element, pointer, errors)` makes of a document.
template <class T, class Reader>
Drafted<T> draft_of(std::string_view json, Reader read) {
    const auto document = JsonDocument::parse(json);
    if (!document) return Failure{document.error()};
    Draft<T> draft;
    FieldErrors errors;
    draft.value = read(document->root(), "", errors);
    draft.errors = document->duplicate_keys();
    add_new(draft.errors, std::move(errors));
    return draft;
}

}  // namespace penstock::model
