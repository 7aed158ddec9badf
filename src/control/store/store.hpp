// Store: where the configuration lives when the process does not.
//
// Control thread only. A change is answered after commit() has returned: what it promised to keep
// must then survive kill -9 and power loss, as far as the kind of store can.
#pragma once

#include <span>
#include <string>
#include <vector>

#include <penstock/config.hpp>
#include <penstock/result.hpp>

#include "snapshot/certificates.hpp"
#include "snapshot/publisher.hpp"

namespace penstock::control {

/// The certificate joins those of its domain, in the place of one of the same kind of key; or,
/// where `config` is null, all of the domain's go.
struct CertificateChange {
    std::string domain;
    const CertificateConfig* config = nullptr;
    snapshot::CertificatePtr certificate;  // what `config` says, checked
};

class Store {
  public:
    virtual ~Store() = default;

    /// Every route as last committed.
    virtual Result<std::vector<RouteConfig>> load() = 0;

    /// Every certificate outside routes as last committed, with its key.
    virtual Result<std::vector<CertificateConfig>> load_certificates() = 0;

    /// All of the changes or none.
    virtual Result<void> commit(std::span<const snapshot::RouteChange> routes,
                                std::span<const CertificateChange> certificates) = 0;
};

}  // namespace penstock::control
