// Store: where the configuration lives when the process does not.
//
// Control thread only. A change is answered after commit() has returned: what it promised to keep
// must then survive kill -9 and power loss, as far as the kind of store can.
#pragma once

#include <span>
#include <vector>

#include <penstock/config.hpp>
#include <penstock/result.hpp>

#include "snapshot/publisher.hpp"

namespace penstock::control {

class Store {
  public:
    virtual ~Store() = default;

    /// Every route as last committed.
    virtual Result<std::vector<RouteConfig>> load() = 0;

    /// All of the changes or none.
    virtual Result<void> commit(std::span<const snapshot::RouteChange> changes) = 0;
};

}  // namespace penstock::control
