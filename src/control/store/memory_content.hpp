// The content of a store that lives in memory alone, on its way to the process that takes this
// one's place: into a file without a name, and out of it.
//
// Control thread, start-up. Secrets are in it: the file is memory, and ends with its descriptors.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include <penstock/result.hpp>

#include "control/store/store.hpp"

namespace penstock::control {

struct MemoryContent {
    using Key = std::pair<RowKind, std::string>;

    /// Rows that change, as they were before; nothing: there was none.
    using Before = std::map<Key, std::optional<std::string>>;

    struct Kept {
        Revision revision;
        Before before;
    };

    std::map<Key, std::string> rows;
    std::deque<Kept> revisions;
};

/// A descriptor (the caller's) that holds it all.
Result<int> write_content(const MemoryContent& content);

/// Of such a descriptor, which stays as it is.
Result<MemoryContent> read_content(int fd);

}  // namespace penstock::control
