// The dashboard: the page at / of the admin address, and its parts under /dashboard/
// (docs/dashboard.md).
//
// Control thread only. The files are in the program (dashboard_files.hpp); none is looked for when
// it runs. They hold nothing that is secret and are open to all, like /healthz: the page itself
// asks for a token where there is one.
#pragma once

#include <string_view>

#include "control/call.hpp"

namespace penstock::control {

/// The path is "/" or "/dashboard/:id".
ApiResponse get_dashboard(const Call& call);

/// True for the paths above, whatever is there.
bool is_dashboard(std::string_view path) noexcept;

}  // namespace penstock::control
