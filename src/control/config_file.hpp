// A configuration document from a file: --config applies it, whole or not at all; `penstock check`
// says what is wrong with it.
//
// Start-up, control thread; the check on any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <penstock/result.hpp>

#include "control/configuration.hpp"

namespace penstock::control {

/// Lines for a person, each naming the file and the place in it: "FILE:LINE:COLUMN: POINTER: what".
using ConfigErrors = std::vector<std::string>;

/// Further lines look like the first, which main() starts with our name.
std::string join(const ConfigErrors& lines);

/// When new: where nothing is configured, or the file is not the one that was applied last.
enum class FileUse : bool { when_new, always };

/// Makes the file's routes and certificates the only ones. Returns the epoch of their publication,
/// 0 where the file is not to be used.
Result<std::uint64_t, ConfigErrors> apply_config_file(const std::string& path, FileUse use,
                                                      Configuration& configuration, Store& store);

/// What apply_config_file() would refuse it for, with nothing configured before.
Result<void, ConfigErrors> check_config_file(const std::string& path,
                                             const model::ProcessCheck& check_process);

/// The `process` that a start goes by, as its flags and those of the store are read: that of the
/// file where apply_config_file() will apply it, else the stored one. Of what else is wrong with
/// the file nothing is said here.
Result<model::ProcessFlags, ConfigErrors> process_to_start_with(
    const std::optional<std::string>& file, FileUse use, Store& store,
    const model::ProcessCheck& check);

}  // namespace penstock::control
