// Finds where a text stops being JSON (RFC 8259): simdjson says that it does, a person wants to
// know the line.
//
// Pure function, any thread. Runs on refused documents only, in one pass and without recursion.
#pragma once

#include <string_view>

#include "model/json_document.hpp"

namespace penstock::model {

/// The first error of `text`, which a parser has refused; one without a place where this scan finds
/// none.
SyntaxError find_syntax_error(std::string_view text);

}  // namespace penstock::model
