// A backend as one types it: "10.0.0.1:3000", "[::1]:3000", "name.internal:80".
//
// Pure functions, any thread.
#pragma once

#include <string>
#include <string_view>

#include <penstock/result.hpp>

#include "ctl/field_values.hpp"

namespace penstock::ctl {

/// Its `hostname` and `port`. The error is one line.
Result<void> set_address(FieldValues& backend, std::string_view text);

/// For check(): what is wrong with it, or nothing.
std::string check_address(const std::string& text);

}  // namespace penstock::ctl
