// The files of src/control/dashboard, as they are when the program is built: embed.py there writes
// the source that belongs to this header.
//
// Constants, any thread.
#pragma once

#include <span>
#include <string_view>

namespace penstock::control {

struct DashboardFile {
    std::string_view name;
    std::string_view content_type;
    std::string_view content;
};

std::span<const DashboardFile> dashboard_files() noexcept;

}  // namespace penstock::control
