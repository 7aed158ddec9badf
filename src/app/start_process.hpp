// The `process` of the configuration that the program is about to start with: read before the
// flags that it completes take effect.
//
// Start-up, main thread. The store is opened for a moment, and by the control thread again.
#pragma once

#include <penstock/result.hpp>

#include "app/options.hpp"
#include "app/predecessor.hpp"

namespace penstock::app {

/// That of --config where it will be applied, else the store's, checked. `predecessor`: who has the
/// store still; null: nobody. Errors are lines that name their file.
Result<model::ProcessFlags> process_to_start_with(const Options& options, Predecessor* predecessor);

}  // namespace penstock::app
