// AresChannel: c-ares set up as Penstock asks DNS, and its sockets as poll(2) wants them.
//
// The resolver's thread only.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <ares.h>
#include <penstock/result.hpp>
#include <poll.h>
#include <sys/stat.h>

#include "net/address.hpp"

namespace penstock::net {

class AresChannel {
  public:
    /// `servers` empty: as resolv.conf says.
    static Result<std::unique_ptr<AresChannel>> open(std::span<const Address> servers);
    AresChannel(const AresChannel&) = delete;
    AresChannel& operator=(const AresChannel&) = delete;
    /// Lookups under way end with ARES_EDESTRUCTION.
    ~AresChannel();

    /// The addresses that the hosts file has for the name.
    std::vector<Address> in_hosts_file(const std::string& name, int family);
    /// Asks DNS. `callback` may be called before this returns.
    void look_up(const std::string& name, int family, ares_addrinfo_callback callback,
                 void* argument);

    /// Adds its sockets to what is polled.
    void add_to(std::vector<pollfd>& polled) const;
    /// How long poll(2) may wait, in milliseconds; -1: until a socket has something.
    int patience() const;
    /// After poll(2): deals with what came, and with what did not come in time.
    void process(std::span<const pollfd> polled);

    /// True where resolv.conf is not what it was when this was opened.
    bool is_outdated() const;

  private:
    AresChannel() = default;
    static void socket_changed(void* self, ares_socket_t fd, int readable, int writable);

    ares_channel channel_ = nullptr;
    std::map<int, short> sockets_;  // to the events that c-ares waits for
    bool reads_resolv_conf_ = false;
    struct ::stat resolv_conf_ {};
};

}  // namespace penstock::net
