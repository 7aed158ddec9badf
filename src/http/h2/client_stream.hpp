// ClientStream: one request and its response on a backend's HTTP/2 connection.
//
// Owned by whoever makes the request; its session outlives it, or its leave().
#pragma once

#include <deque>
#include <memory>

#include "base/intrusive_list.hpp"
#include "http/h2/received_head.hpp"
#include "http/h2/stream_side.hpp"
#include "http/upstream.hpp"

namespace penstock::http::h2 {

class ClientSession;

class ClientStream final : public StreamSide<Upstream>, public ListNode<ClientStream> {
  public:
    explicit ClientStream(ClientSession& session) noexcept;
    ClientStream(const ClientStream&) = delete;
    ClientStream& operator=(const ClientStream&) = delete;
    ~ClientStream();

    /// Lets go of the session, which may end from here on; what has come may still be read. A
    /// stream that has not ended both ways is reset.
    void leave() noexcept;
    bool has_left() const noexcept { return has_left_; }

    static ClientStream& of(const Stream& core) noexcept {
        return *static_cast<ClientStream*>(core.owner());
    }

    io::Task<ReadResult> read_response(ResponseHead& head, Method method,
                                       const TimePoint& deadline) override;
    void set_read_deadline(TimePoint deadline) noexcept override {
        core_.set_read_deadline(deadline);
    }
    bool has_leftover() const noexcept override { return !heads_.empty() || core_.has_unread(); }

    io::Task<int> send(const Outgoing& out, Duration stall_limit) override;

    // --- the session's side ---

    void begin_head();
    /// False: see Stream::received_trailer().
    bool add_field(std::string_view name, std::string_view value);
    void end_head() noexcept;
    /// The backend says that it has not looked at the request.
    void note_unprocessed() noexcept { unprocessed_ = true; }
    /// The response breaks HTTP/2's rules.
    void note_malformed() noexcept { is_malformed_ = true; }
    void note_connection_lost() noexcept { is_connection_lost_ = true; }
    /// What has failed is the connection, with all that was on it.
    bool is_connection_lost() const noexcept { return is_connection_lost_; }

  private:
    struct Head {
        ReceivedHead received;
        bool is_whole = false;
    };

    int submit_head(const Outgoing& out);

    ClientSession& session_;
    std::deque<std::unique_ptr<Head>> heads_;  // that nobody has read; interim ones and the final
    std::unique_ptr<Head> current_;
    bool final_head_came_ = false;
    bool unprocessed_ = false;
    bool is_malformed_ = false;
    bool is_connection_lost_ = false;
    bool has_left_ = false;
};

}  // namespace penstock::http::h2
