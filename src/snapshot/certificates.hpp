// CertificateTable: from the name in a client's hello (SNI) to the certificates for it (SPEC
// section 7).
//
// Immutable and persistent: 256 small maps behind shared pointers. A new version shares all that it
// does not change, so that one certificate among 10,000 costs microseconds, and a snapshot that
// changes none shares the whole table. Made by the control thread; lookups on any thread.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "net/tls/certificate.hpp"

namespace penstock::snapshot {

using CertificatePtr = std::shared_ptr<const net::tls::Certificate>;

/// All certificates of one name: at most one of each kind of key.
struct CertificateSet {
    std::array<CertificatePtr, net::tls::Certificate::key_kinds> by_kind;  // by KeyKind

    bool empty() const noexcept;
    bool has(net::tls::Certificate::KeyKind kind) const noexcept {
        return by_kind[static_cast<std::size_t>(kind)] != nullptr;
    }
    CertificatePtr& of(net::tls::Certificate::KeyKind kind) noexcept {
        return by_kind[static_cast<std::size_t>(kind)];
    }
};

class CertificateTable {
  public:
    /// Empty: the name goes.
    struct Edit {
        std::string name;  // a canonical host pattern: exact, "*.suffix" or "*"
        CertificateSet certificates;
    };

    /// The exact name, then the wildcard (longest suffix), then the default ("*"); null: none.
    /// Allocates nothing.
    const CertificateSet* find(std::string_view sni_lower_case) const noexcept;
    /// The same without the default: what has been configured for this host.
    const CertificateSet* find_own(std::string_view host_lower_case) const noexcept;
    /// Without SNI: the default, else the first by name; null where there is none at all.
    const CertificateSet* without_sni() const noexcept;

    /// The next version: this one with the edits.
    std::shared_ptr<const CertificateTable> with(std::span<const Edit> edits) const;

  private:
    /// By host_key(): wildcards begin with their dot.
    using Shard = std::map<std::string, CertificateSet, std::less<>>;
    static constexpr std::size_t shard_count = 256;
    static std::size_t shard_of(std::string_view key) noexcept;

    const CertificateSet* find_key(std::string_view key) const noexcept;
    const CertificateSet* find_first() const noexcept;

    std::array<std::shared_ptr<const Shard>, shard_count> shards_;  // null: empty
    /// In a shard of this version; null where there is none.
    const CertificateSet* any_ = nullptr;
    const CertificateSet* first_ = nullptr;
};

}  // namespace penstock::snapshot
