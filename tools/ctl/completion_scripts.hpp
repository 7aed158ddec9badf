// What shells are told of penstockctl: to ask it.
//
// Static texts, any thread.
#pragma once

#include <string_view>

namespace penstock::ctl {

/// The hidden command behind which the words stand that are typed so far. It prints ":files" or
/// ":words", then a candidate a line, its help behind a tab.
inline constexpr std::string_view complete_command = "__complete";

/// Of "bash", "zsh" or "fish"; empty for others.
std::string_view completion_script(std::string_view shell) noexcept;

}  // namespace penstock::ctl
