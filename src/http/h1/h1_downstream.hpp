// H1Downstream: one request and its response on a client's HTTP/1 connection.
//
// Lives for one exchange; what follows the request is handed on with take_leftover().
#pragma once

#include "http/downstream.hpp"
#include "http/h1/h1_side.hpp"

namespace penstock::http::h1 {

class H1Downstream final : public H1Side<Downstream>, io::SocketWatcher {
  public:
    /// `unread`: bytes of the client that have been read already.
    H1Downstream(net::Stream& stream, io::BlockRef unread) noexcept
        : H1Side(stream, Parser::Role::requests) {
        reader_.give(std::move(unread));
    }
    ~H1Downstream() { stream_.watch(nullptr); }

    io::BlockRef take_leftover() noexcept { return reader_.take_leftover(); }

    io::Task<ReadResult> read_request(RequestHead& head, const HeadLimits& limits,
                                      TimePoint deadline) override {
        reader_.limit_chunk_overhead(limits.header_bytes, limits.headers);
        return reader_.read_request(head, limits, deadline);
    }

    void watch(DownstreamWatcher* watcher) noexcept override {
        watcher_ = watcher;
        stream_.watch(watcher != nullptr ? this : nullptr);
        // An end that came with the request's last bytes was told of before anyone watched; whether
        // it is a reset shows only when it is read.
        if (watcher != nullptr && stream_.peer_finished() && !stream_.input_ended())
            stream_.expect_input();
    }
    void expect_input() noexcept override { stream_.expect_input(); }
    void stop_reading(int error) noexcept override { stream_.cancel_receive(error); }
    int input_error() const noexcept override { return stream_.input_error(); }
    bool peer_finished() const noexcept override { return stream_.peer_finished(); }
    bool is_multiplexed() const noexcept override { return false; }
    bool accepts_switch(const ResponseHead&) const noexcept override { return true; }

  private:
    void on_unawaited_input(io::Socket&) override { watcher_->on_client_change(); }

    DownstreamWatcher* watcher_ = nullptr;
};

}  // namespace penstock::http::h1
