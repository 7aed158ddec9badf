// HttpTarget: whom an auth provider asks over HTTP: where it is, and how it is spoken to.
//
// Made by the control thread, read on any; immutable but for the addresses, which follow the name.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/spin_lock.hpp"
#include "net/address.hpp"
#include "snapshot/backend_tls.hpp"

namespace penstock::snapshot {

/// Where a host is to be reached, as far as its name has been resolved.
class HostAddresses {
  public:
    using List = std::vector<net::Address>;

    /// Control thread.
    void set(List addresses);
    /// Any thread; null where there is none.
    std::shared_ptr<const List> get() const noexcept;

  private:
    mutable SpinLock lock_;
    std::shared_ptr<const List> list_;
};

struct HttpTarget {
    std::string hostname;
    std::uint16_t port = 0;
    std::string authority;                  // Host
    std::string path;                       // and query: what the request line asks for
    std::shared_ptr<const BackendTls> tls;  // null: plain
    std::shared_ptr<HostAddresses> addresses = std::make_shared<HostAddresses>();

    /// `url` is one that model::HttpUrl takes; `authorities`: PEM, empty: the system's.
    static HttpTarget of(const std::string& url, const std::optional<std::string>& authorities);
};

}  // namespace penstock::snapshot
