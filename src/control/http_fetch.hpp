// HttpFetch: one request over HTTP/1.1, once, and its answer: a GET of an auth provider's key set,
// a POST of spans.
//
// A coroutine of the control thread's loop, on a connection of its own that ends with it. Nothing
// is followed.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

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
        int status = 0;
        std::string text;
        std::optional<std::chrono::seconds> max_age;  // Cache-Control's
    };
    struct Limits {
        Duration timeout{};  // of everything together
        std::size_t longest = 0;
    };

    /// What is sent.
    struct Content {
        std::string_view type;
        std::string_view text;
    };

    /// GETs what `target` names. It outlives this, and so does what is sent.
    HttpFetch(io::Ring& ring, const snapshot::HttpTarget& target, const Limits& limits) noexcept
        : ring_(ring), target_(target), limits_(limits) {}
    /// POSTs to it.
    HttpFetch(io::Ring& ring, const snapshot::HttpTarget& target, const Limits& limits,
              const Content& content) noexcept
        : ring_(ring), target_(target), limits_(limits), content_(content) {}
    HttpFetch(const HttpFetch&) = delete;
    HttpFetch& operator=(const HttpFetch&) = delete;

    /// Once. The answer, whatever its status; the error, where there is none, is for the log.
    io::Task<Result<Document>> run();
    /// run() ends soon, with an error.
    void interrupt() noexcept;

  private:
    io::Task<int> connect_to(const net::Address& address);
    std::string request_head() const;
    io::Task<Result<Document>> ask();
    io::Task<int> read_head(http::h1::H1Upstream& server, http::ResponseHead& head);
    void close() noexcept;

    io::Ring& ring_;
    const snapshot::HttpTarget& target_;
    const Limits limits_;
    const std::optional<Content> content_;
    TimePoint deadline_{};
    bool interrupted_ = false;
    std::string request_;
    std::optional<net::Stream> stream_;
};

}  // namespace penstock::control
