#include "control/audit.hpp"

#include <fmt/format.h>

#include "base/log.hpp"
#include "control/uri.hpp"

namespace penstock::control {

namespace {

constexpr std::size_t longest = 256;

bool is_dry_run(std::string_view target) {
    const std::size_t mark = target.find('?');
    if (mark == std::string_view::npos) return false;
    const auto query = parse_query(target.substr(mark + 1));
    if (!query) return false;
    const auto at = query->find("dryRun");
    return at != query->end() && at->second == "true";
}

}  // namespace

std::string loggable(std::string_view text) {
    std::string shown;
    for (const char c : text) {
        if (shown.size() >= longest) return shown + "...";
        if (c > 0x20 && c < 0x7f)
            shown += c;
        else
            shown += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    return shown;
}

void log_audit(const AuditRecord& record) {
    const std::string_view target = record.request.target;
    const std::string method = loggable(record.request.method);
    const std::string path = loggable(target.substr(0, target.find('?')));
    log(LogLevel::info, "audit",
        {{"who", std::string_view(record.caller.name)},
         {"method", std::string_view(method)},
         {"path", std::string_view(path)},
         {"oldRevision", record.revision_before},
         {"newRevision", record.revision_after},
         {"status", http::code(record.status)},
         {"dryRun", is_dry_run(target) ? "true" : "false"}});
}

}  // namespace penstock::control
