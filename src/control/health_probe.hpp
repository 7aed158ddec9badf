// HealthProbe: asks a dead backend once whether it lives again: by connecting, where it speaks TLS
// by a handshake too, or by a GET (SPEC section 6).
//
// A coroutine of the control thread's loop, on a connection of its own that ends with it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <penstock/config.hpp>

#include "base/clock.hpp"
#include "http/h2/client_session.hpp"
#include "http/upstream.hpp"
#include "io/ring.hpp"
#include "io/task.hpp"
#include "net/address.hpp"
#include "snapshot/backend_tls.hpp"

namespace penstock::control {

struct ProbeTarget {
    net::Address address;
    std::optional<std::string> path;  // GET it; empty: the connection is the answer
    std::string host;                 // the request's Host
    Duration timeout{};               // connecting and answering together
    std::shared_ptr<const snapshot::BackendTls> tls{};  // null: plain
    std::uint8_t proxy_protocol = 0;                    // version of the header; 0: none
    BackendProtocol protocol = BackendProtocol::http1;
};

class HealthProbe {
  public:
    HealthProbe(io::Ring& ring, ProbeTarget target) : ring_(ring), target_(std::move(target)) {}
    HealthProbe(const HealthProbe&) = delete;
    HealthProbe& operator=(const HealthProbe&) = delete;

    /// Once. True where it accepted the connection, under TLS proved who it is, and, with a path,
    /// gave a well-formed answer of 2xx or 3xx, in time.
    io::Task<bool> run();
    /// run() ends soon, with false.
    void interrupt() noexcept;

  private:
    io::Task<bool> send(std::string_view bytes);
    io::Task<bool> ask(TimePoint deadline);
    io::Task<bool> ask_over_http_2(TimePoint deadline);
    io::Task<void> ask_on(http::h2::ClientSession& session, TimePoint deadline, bool& lives);
    io::Task<bool> judge(http::Upstream& backend, TimePoint deadline);

    io::Ring& ring_;
    ProbeTarget target_;
    std::string request_;
    std::optional<net::Stream> stream_;
};

}  // namespace penstock::control
