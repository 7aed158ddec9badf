// Asks whoever sits at the terminal.
//
// Blocking, main thread.
#pragma once

#include <string_view>

namespace penstock::ctl {

/// True where they said yes, and where there is nobody to ask: stderr is no terminal.
bool confirm(std::string_view question);

}  // namespace penstock::ctl
