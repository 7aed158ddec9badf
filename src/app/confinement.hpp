// What the program keeps itself from, once its sockets are bound: --sandbox.
//
// Everything here is for the whole process and for good, and passes to a binary that takes over:
// for the program alone, an embedding one decides for itself. Main thread, before any other thread
// starts. docs/hardening.md says what is in force when.
#pragma once

#include <string>
#include <vector>

#include <penstock/result.hpp>

#include "app/options.hpp"
#include "io/ring.hpp"

namespace penstock::app {

/// The files that these options take: what Landlock leaves.
struct Reach {
    std::vector<std::string> read;
    std::vector<std::string> change;   // folders, with all below them
    std::vector<std::string> replace;  // folders in which files of ours come and go
    std::vector<std::string> rewrite;  // those files
    std::vector<std::string> execute;  // folders
};
Reach reach_of(const Options& options);

/// No new privileges, always. By --sandbox: no capabilities, no files but those that these options
/// need, no system calls but those of a list. `auto` goes without what the kernel does not have,
/// and says so in what it returns; `on` fails.
Result<Confined> confine(const Options& options, io::Engine engine);

}  // namespace penstock::app
