// HttpFetch: GETs one document over HTTP/1.1, once: the key set of an auth provider.
//
// A coroutine of the control thread's loop, on a connection of its own that ends with it. Nothing
// is followed: what is not 200 is a failure.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

#include <penstock/result.hpp>

#include "base/clock.hpp"
#include "http/h1/h1_upstream.hpp"
#include "io/ring.hpp"
#include "io/task.hpp"
#include "net/stream.hpp"
#include "snapshot/http_target.hpp"

namespace penstock::control {

class HttpFetch {
  public:
    struct Document {
        std::string text;
        std::optional<std::chrono::seconds> max_age;  // Cache-Control's
    };
    struct Limits {
        Duration timeout{};  // of everything together
        std::size_t longest = 0;
    };

    /// `target` outlives it.
    HttpFetch(io::Ring& ring, const snapshot::HttpTarget& target, const Limits& limits) noexcept
        : ring_(ring), target_(target), limits_(limits) {}
    HttpFetch(const HttpFetch&) = delete;
    HttpFetch& operator=(const HttpFetch&) = delete;

    /// Once. The error is for the log.
    io::Task<Result<Document>> run();
    /// run() ends soon, with an error.
    void interrupt() noexcept;

  private:
    io::Task<int> connect_to(const net::Address& address);
    io::Task<Result<Document>> ask();
    io::Task<int> read_head(http::h1::H1Upstream& server, http::ResponseHead& head);
    void close() noexcept;

    io::Ring& ring_;
    const snapshot::HttpTarget& target_;
    const Limits limits_;
    TimePoint deadline_{};
    bool interrupted_ = false;
    std::string request_;
    std::optional<net::Stream> stream_;
};

}  // namespace penstock::control
