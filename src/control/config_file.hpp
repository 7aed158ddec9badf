// --config: a configuration document from a file, applied whole or not at all.
//
// Start-up, control thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <penstock/result.hpp>

#include "control/configuration.hpp"

namespace penstock::control {

/// Lines for a person, each naming the file and the place in it.
using ConfigErrors = std::vector<std::string>;

/// When new: where nothing is configured, or the file is not the one that was applied last.
enum class FileUse : bool { when_new, always };

/// Makes the file's routes and certificates the only ones. Returns the epoch of their publication,
/// 0 where the file is not to be used.
Result<std::uint64_t, ConfigErrors> apply_config_file(const std::string& path, FileUse use,
                                                      Configuration& configuration, Store& store);

}  // namespace penstock::control
