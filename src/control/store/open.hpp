// Which kind of store a URL names: "sqlite:PATH", "memory:".
//
// A new kind is a file beside this one and a line in the table of open.cpp.
#pragma once

#include <memory>
#include <string_view>

#include "control/store/store.hpp"

namespace penstock::control {

/// Empty where the URL names a store; else what is wrong with it.
Result<void> check_store_url(std::string_view url);

/// The URL has passed check_store_url(). The error names what could not be opened and says what to
/// do, in one line.
Result<std::unique_ptr<Store>> open_store(std::string_view url);

}  // namespace penstock::control
