// FieldEdits: a route's `headers` or `responseHeaders`, compiled for the data path (SPEC section
// 3).
//
// SKELETON: replaced by the headers work.
#pragma once

#include <map>
#include <optional>
#include <string>

namespace penstock::snapshot {

class FieldEdits {
  public:
    FieldEdits() = default;
    explicit FieldEdits(const std::map<std::string, std::optional<std::string>>&) {}
};

}  // namespace penstock::snapshot
