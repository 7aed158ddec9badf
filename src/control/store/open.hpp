// Which kind of store a URL names: "sqlite:PATH", "memory:".
//
// A new kind is a file beside this one and a line in the table of open.cpp.
#pragma once

#include <memory>
#include <string_view>

#include <sys/types.h>

#include "control/store/store.hpp"

namespace penstock::control {

/// Empty where the URL names a store; else what is wrong with it.
Result<void> check_store_url(std::string_view url);

/// The URL has passed check_store_url(). The error names what could not be opened and says what to
/// do, in one line.
///
/// `content`: of a store in memory, as a process lent it whose place this one takes; -1: it is
/// empty.
Result<std::unique_ptr<Store>> open_store(std::string_view url, int content = -1);

/// The files of a store that has been opened are that user's and group's from now on, as far as may
/// be.
void give_store_to(std::string_view url, uid_t user, gid_t group) noexcept;

}  // namespace penstock::control
