#include "model/findings.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "model/units.hpp"
#include "model/validate.hpp"

namespace penstock::model {

using std::chrono::milliseconds;

bool has_controls(std::string_view text) noexcept {
    return std::any_of(text.begin(), text.end(),
                       [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

void check_id(const std::string& id, std::string_view at, Findings& findings) {
    if (id.size() > longest_id)
        findings.add(at, fmt::format("longer than {} bytes", longest_id));
    else if (has_controls(id))
        findings.add(at, "control characters cannot stand here");
}

void check_duration(milliseconds value, std::string_view at, Findings& findings) {
    if (value < milliseconds(1))
        findings.add(at, "must be at least 1ms");
    else if (value > longest_duration)
        findings.add(at, fmt::format("longer than {}", format_duration(longest_duration)));
}

void check_duration(const std::optional<milliseconds>& value, std::string_view at,
                    Findings& findings) {
    if (value) check_duration(*value, at, findings);
}

}  // namespace penstock::model
