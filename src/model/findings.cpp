#include "model/findings.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "model/limits.hpp"

namespace penstock::model {

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

}  // namespace penstock::model
