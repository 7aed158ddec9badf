#include "ctl/backend_address.hpp"

#include <fmt/format.h>

#include "base/bytes.hpp"

namespace penstock::ctl {

Result<void> set_address(FieldValues& backend, std::string_view text) {
    const std::size_t colon = text.rfind(':');
    const auto port =
        colon == std::string_view::npos ? std::nullopt : parse_decimal(text.substr(colon + 1));
    std::string_view host = text.substr(0, colon);
    const bool is_bracketed = host.starts_with('[') && host.ends_with(']');
    if (!port || host.empty() || (!is_bracketed && host.find(':') != std::string_view::npos))
        return Failure{Error{fmt::format("'{}' is no backend: HOST:PORT is wanted", text)}};
    if (is_bracketed) host = host.substr(1, host.size() - 2);
    backend.set_text("hostname", host);
    backend.set_json("port", std::to_string(*port));
    return {};
}

std::string check_address(const std::string& text) {
    FieldValues backend;
    const auto set = set_address(backend, text);
    return set ? std::string() : set.error().message;
}

}  // namespace penstock::ctl
