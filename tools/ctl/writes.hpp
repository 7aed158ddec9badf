// What commands that change something have in common.
//
// Main thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>

#include "ctl/session.hpp"

namespace penstock::ctl {

Request write(std::string method, std::string path, bool dry_run, std::string body = {});
/// "route a.test added", or what would have been.
std::string done(std::string_view what, bool dry_run);
/// --set FIELD=VALUE, repeatable.
void add_set(CLI::App& command, std::vector<std::string>& into);

/// The value, or its error as a Refusal.
template <class T>
T require(Result<T> result) {
    if (!result) throw Refusal{{result.error().message}};
    return std::move(*result);
}
inline void require(const Result<void>& result) {
    if (!result) throw Refusal{{Result<void>(result).error().message}};
}

}  // namespace penstock::ctl
