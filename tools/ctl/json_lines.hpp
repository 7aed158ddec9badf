// JSON for people: a member or item a line, indented.
//
// Pure functions, any thread.
#pragma once

#include <string>

#include "ctl/json_view.hpp"

namespace penstock::ctl {

/// Is JSON still. Ends with a line end.
std::string json_lines(JsonView value);

}  // namespace penstock::ctl
