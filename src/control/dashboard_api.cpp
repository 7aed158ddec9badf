#include "control/dashboard_api.hpp"

#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "control/dashboard_files.hpp"
#include "control/preconditions.hpp"
#include "control/problem.hpp"

namespace penstock::control {

namespace {

constexpr std::string_view folder = "/dashboard/";

/// Nothing but what comes from here, nothing inline, and no text that is taken for markup or code:
/// names of routes and events are written by others.
constexpr std::string_view policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'";

const DashboardFile* find_file(std::string_view name) {
    const auto files = dashboard_files();
    const auto at = std::find_if(files.begin(), files.end(),
                                 [name](const DashboardFile& file) { return file.name == name; });
    return at == files.end() ? nullptr : &*at;
}

}  // namespace

bool is_dashboard(std::string_view path) noexcept {
    return path == "/" || path.starts_with(folder);
}

ApiResponse get_dashboard(const Call& call) {
    std::string_view name = "index.html";
    if (!call.path.id.empty()) name = call.path.id;
    const DashboardFile* file = find_file(name);
    if (file == nullptr) {
        return problem(http::Status::not_found,
                       fmt::format("The dashboard has no file \"{}\".", name));
    }
    ApiResponse response = represented(call.request, std::string(file->content));
    if (response.status == http::Status::ok) response.content_type = file->content_type;
    // Kept by browsers, and asked for each time: after an upgrade no old part meets a new one.
    response.fields.emplace_back("Cache-Control", "no-cache");
    response.fields.emplace_back("Content-Security-Policy", policy);
    response.fields.emplace_back("Cross-Origin-Opener-Policy", "same-origin");
    response.fields.emplace_back("Cross-Origin-Resource-Policy", "same-origin");
    response.fields.emplace_back("Referrer-Policy", "no-referrer");
    response.fields.emplace_back("X-Frame-Options", "DENY");
    return response;
}

}  // namespace penstock::control
