// Errors of the API as problem documents (RFC 9457): type, title, status, detail, and every bad
// field.
//
// Pure functions, any thread. The type is about:blank, the status says what kind of problem it is,
// and `errors` where it lies. A single failure with a code of its own has a type of its own; among
// several each carries its type itself.
#pragma once

#include <string_view>

#include "control/message.hpp"
#include "model/field_error.hpp"
#include "model/json_document.hpp"

namespace penstock::control {

ApiResponse problem(http::Status status, std::string_view detail,
                    const model::FieldErrors& errors = {});

/// 400: the body is not JSON.
ApiResponse problem(const model::SyntaxError& error);

/// 409 where all errors are conflicts, else 422.
ApiResponse problem(const model::FieldErrors& errors);

}  // namespace penstock::control
