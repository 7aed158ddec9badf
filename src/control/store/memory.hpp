// MemoryStore: configuration that ends with the process ("memory:").
#pragma once

#include "control/store/store.hpp"

namespace penstock::control {

class MemoryStore final : public Store {
  public:
    Result<std::vector<RouteConfig>> load() override { return std::vector<RouteConfig>(); }

    Result<std::vector<CertificateConfig>> load_certificates() override {
        return std::vector<CertificateConfig>();
    }

    /// Nothing to do: what is in force is the only copy.
    Result<void> commit(std::span<const snapshot::RouteChange>,
                        std::span<const CertificateChange>) override {
        return {};
    }
};

}  // namespace penstock::control
