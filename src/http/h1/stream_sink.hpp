// StreamSink: messages onto an HTTP/1 connection: head, body in its framing, and the end where it
// is there leave in one send.
#pragma once

#include "http/body.hpp"
#include "net/stream.hpp"

namespace penstock::http::h1 {

class StreamSink final : public MessageSink {
  public:
    explicit StreamSink(net::Stream& stream) noexcept : stream_(stream) {}

    io::Task<int> send(const Outgoing& out, Duration stall_limit) override;
    void finish_sending() noexcept override { stream_.shutdown_send(); }

  private:
    net::Stream& stream_;
};

}  // namespace penstock::http::h1
