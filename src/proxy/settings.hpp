// What the data path is told once, at start: limits, time-outs, names and whom to trust. Read-only
// afterwards.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "http/h1/parser.hpp"
#include "net/address.hpp"

namespace penstock::proxy {

struct Settings {
    http::h1::HeadLimits head;
    Duration header_timeout = std::chrono::seconds(10);  // first byte of a head to its last
    Duration idle_timeout = std::chrono::seconds(60);    // between requests of a connection
    Duration body_timeout = std::chrono::seconds(30);    // between two reads or writes of a body
    Duration connect_timeout = std::chrono::seconds(2);  // to a backend; routes override it
    Duration response_timeout =
        std::chrono::seconds(60);  // last request byte to response head; routes override it
    std::uint64_t min_rate = 500;  // bytes a second of a request body after 30 s; 0: off
    std::uint64_t max_connections = 10'000;  // clients, over all workers
    std::uint32_t max_per_address = 0;       // clients of one address; 0: no limit
    std::string node_name = "penstock";      // in Via and Proxy-Status
    std::vector<net::Network> trusted_proxies;
    /// Connections from these begin with a PROXY header.
    bool proxy_protocol = false;
    std::uint16_t https_public_port = 443;  // where autoHttps sends clients
    /// Requests are spans of traces: traceparent is made where it is absent, and names us.
    bool traces = false;
    /// Of the traces that begin here, in 2^-32: those whose spans are kept.
    std::uint64_t trace_share = std::uint64_t{1} << 32;
};

}  // namespace penstock::proxy
