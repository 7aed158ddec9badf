// ServerStream: one request and its response on a client's HTTP/2 connection.
//
// Made by its ServerSession when a head begins to come, freed by it when both the exchange and the
// client are done with it.
#pragma once

#include "base/intrusive_list.hpp"
#include "http/downstream.hpp"
#include "http/h2/received_head.hpp"
#include "http/h2/stream_side.hpp"

namespace penstock::http::h2 {

class ServerSession;

class ServerStream final : public StreamSide<Downstream>, public ListNode<ServerStream> {
  public:
    ServerStream(ServerSession& session, std::int32_t id, const h1::HeadLimits& limits) noexcept;

    static ServerStream& of(const Stream& core) noexcept {
        return *static_cast<ServerStream*>(core.owner());
    }
    ReceivedHead& received_head() noexcept { return head_; }

    io::Task<ReadResult> read_request(RequestHead& head, const h1::HeadLimits& limits,
                                      TimePoint deadline) override;
    bool has_leftover() const noexcept override { return core_.has_unread(); }

    io::Task<int> send(const Outgoing& out, Duration stall_limit) override;

    void watch(DownstreamWatcher* watcher) noexcept override { watcher_ = watcher; }
    void expect_input() noexcept override {}  // the session hears everything
    void stop_reading(int error) noexcept override { core_.stop_reading(error); }
    int input_error() const noexcept override { return core_.error(); }
    bool peer_finished() const noexcept override;
    bool is_multiplexed() const noexcept override { return true; }
    bool accepts_switch(const ResponseHead& response) const noexcept override;

    /// The client has left, or its connection's other half has ended.
    void tell_watcher() noexcept {
        if (watcher_ != nullptr) watcher_->on_client_change();
    }
    void abort(int error) noexcept {
        if (watcher_ != nullptr) watcher_->abort(error);
    }
    /// The head is whole: the exchange may begin, and has.
    bool is_served() const noexcept { return is_served_; }
    void note_served() noexcept { is_served_ = true; }
    /// The head is whole; with it the request, where no body follows.
    void head_received(bool is_all) noexcept { is_head_all_ = is_all; }
    /// How the stream ends that the exchange is done with and that has not ended by itself.
    std::uint32_t reset_code() const noexcept;

  private:
    int submit_head(const Outgoing& out);

    ServerSession& session_;
    ReceivedHead head_;
    DownstreamWatcher* watcher_ = nullptr;
    bool is_malformed_ = false;
    bool is_served_ = false;
    bool is_head_all_ = false;
    bool is_tunnel_ = false;
    bool final_head_sent_ = false;
};

}  // namespace penstock::http::h2
