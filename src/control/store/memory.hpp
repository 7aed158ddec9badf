// MemoryStore: configuration that ends with the process ("memory:").
#pragma once

#include "control/store/store.hpp"

namespace penstock::control {

class MemoryStore final : public Store {
  public:
    Result<std::vector<RouteConfig>> load() override { return std::vector<RouteConfig>(); }

    /// Nothing to do: the routes in force are the only copy.
    Result<void> commit(std::span<const snapshot::RouteChange>) override { return {}; }
};

}  // namespace penstock::control
