// What may follow on a command line that is half typed: commands and flags from the CommandTree,
// names from the API.
//
// Main thread. The shells' part is a few lines (completion_scripts) that ask this program, so that
// none of them lags behind it.
#pragma once

#include <string>
#include <vector>

#include "ctl/command_tree.hpp"

namespace penstock::ctl {

struct Candidate {
    std::string word;
    std::string help;  // may be empty
};

/// Shells complete names of files by themselves.
struct Candidates {
    std::vector<Candidate> words;
    bool files = false;
};

/// `words`: those behind the program's name, the last one half typed and perhaps empty.
Candidates complete(const CommandTree& tree, const std::vector<std::string>& words);

}  // namespace penstock::ctl
