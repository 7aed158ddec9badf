// What the model knows and this build cannot do yet: refused with a clear answer, never silently
// ignored.
//
// Pure function, any thread. Building a feature deletes its lines from the table in supported.cpp;
// when the table is empty, this file goes.
#pragma once

#include <string_view>

#include <penstock/config.hpp>

#include "model/field_error.hpp"

namespace penstock::model {

/// One error of kind `unsupported` for each field whose value asks for what is not built.
FieldErrors find_unsupported(const RouteConfig& route, std::string_view base = "");

}  // namespace penstock::model
