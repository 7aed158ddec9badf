// The backends of a route as a table: what they are, and how they do.
//
// Pure functions, main thread.
#pragma once

#include <string>

#include "ctl/json_view.hpp"
#include "ctl/table.hpp"

namespace penstock::ctl {

/// "10.0.0.1:3000", "[::1]:3000".
std::string address_of(JsonView backend);

/// `route`: as GET /routes/:vHost has it; `stats`: as GET /stats/:vHost.
Table backend_table(JsonView route, JsonView stats);

}  // namespace penstock::ctl
