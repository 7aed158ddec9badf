#include "control/access.hpp"

#include "base/bytes.hpp"
#include "control/problem.hpp"
#include "model/host_pattern.hpp"

namespace penstock::control {

namespace {

/// host of host[":" port]; empty where it is malformed.
std::string_view host_of(std::string_view authority) {
    std::size_t end = authority.find(':');
    if (authority.starts_with('[')) {
        end = authority.find(']');
        if (end == std::string_view::npos) return {};
        ++end;
    }
    const std::string_view host = authority.substr(0, end);
    const std::string_view rest = authority.substr(host.size());
    if (rest.empty()) return host;
    return rest.front() == ':' && parse_decimal(rest.substr(1), 65'535) ? host : std::string_view();
}

std::string canonical(std::string_view name) {
    std::string lower = to_lower(name);
    if (lower.size() > 1 && lower.back() == '.') lower.pop_back();
    return lower;
}

}  // namespace

AccessRules::AccessRules(const std::vector<std::string>& admin_hosts) {
    names_.insert("localhost");
    for (const std::string& name : admin_hosts) names_.insert(canonical(name));
}

bool AccessRules::is_own_host(std::string_view authority) const {
    const std::string_view host = host_of(authority);
    if (host.empty()) return false;
    return model::is_address(host) || names_.contains(canonical(host));
}

std::optional<ApiResponse> AccessRules::refuse(const ApiRequest& request) const {
    if (!request.host || !is_own_host(*request.host)) {
        return problem(http::Status::forbidden,
                       "The Host is neither an address nor localhost; name it with --admin-host.");
    }
    if (!request.origin) return {};
    const std::string_view scheme = request.is_secured ? "https://" : "http://";
    if (request.origin->starts_with(scheme) &&
        equals_ignoring_case(request.origin->substr(scheme.size()), *request.host)) {
        return {};
    }
    return problem(http::Status::forbidden, "The request comes from a page of another origin.");
}

}  // namespace penstock::control
