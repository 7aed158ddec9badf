// Pieces of a manual page in mdoc(7), made from what a program knows of its own flags and commands.
//
// Pure functions, main thread.
#pragma once

#include <string>
#include <string_view>

#include <CLI/CLI.hpp>

namespace penstock::manual {

/// Plain text as lines of mdoc: nothing in it is a macro or an escape, each sentence begins a line,
/// none is long.
std::string prose(std::string_view text);

/// A list of an app's own flags that --help shows, group by group: ".Ss" for each group's name
/// where there are several.
std::string flags(const CLI::App& app);

/// A subsection for each command, or group of commands, below `app`, with their arguments and
/// flags.
std::string commands(const CLI::App& app);

}  // namespace penstock::manual
