// Resolver: from a host's name to its addresses, through the hosts file and DNS (c-ares).
//
// A thread of its own, started with the first name, drives c-ares' sockets with poll(2); the
// control thread asks, and is answered through a callback on that thread. Why: docs/decisions/0013.
// At most 256 lookups run at once, the others wait in turn. A lookup ends within some seconds,
// whatever the servers do.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "net/address.hpp"

namespace penstock::net {

/// What one lookup found. Each address family is a question of its own and may fail alone.
struct NameAnswer {
    struct Family {
        std::vector<Address> addresses;  // port 0
        bool failed = false;             // no server could say: there may be addresses or not
    };

    Family v4;
    Family v6;                    // without the addresses that the kernel has no route to
    std::chrono::seconds ttl{0};  // the least over all records, CNAMEs included
    std::string reason;           // why there is no address, where there is none

    bool found() const noexcept { return !v4.addresses.empty() || !v6.addresses.empty(); }
};

class Resolver {
  public:
    /// Called on the resolver's thread, once for each resolve() unless the resolver ends first.
    using Deliver = std::function<void(const std::string& name, NameAnswer answer)>;

    /// `servers`: asked in this order, instead of those in resolv.conf; then its search list does
    /// not count either.
    Resolver(std::vector<Address> servers, Deliver deliver);
    Resolver(const Resolver&) = delete;
    Resolver& operator=(const Resolver&) = delete;
    /// Ends at once; lookups under way are not answered.
    ~Resolver();

    /// One thread at a time.
    void resolve(const std::string& name);

  private:
    class Lookups;

    void run();
    void wake() noexcept;
    /// Adds the names asked for since to `names`; false where the resolver is to end.
    bool take(std::deque<std::string>& names);

    const std::vector<Address> servers_;
    const Deliver deliver_;
    int wake_fd_;  // an eventfd: there are names to take, or this is the end
    std::mutex mutex_;
    std::deque<std::string> asked_;  // under mutex_
    bool stopping_ = false;          // under mutex_
    std::thread thread_;
};

}  // namespace penstock::net
