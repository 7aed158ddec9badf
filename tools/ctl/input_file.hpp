// Files that commands are given: documents, certificates; "-" is stdin.
//
// Blocking, main thread.
#pragma once

#include <string>

#include <penstock/result.hpp>

namespace penstock::ctl {

/// The whole file. The error names it.
Result<std::string> read_input(const std::string& path);

}  // namespace penstock::ctl
