// ServerSession: a client's HTTP/2 connection: its streams become exchanges.
//
// nghttp2 does framing, HPACK and most of what RFC 9113 asks of a receiver; what it leaves to its
// user is done here: frames on streams that are closed, the number of requests at once, and the
// budgets against floods. Owned by its connection's coroutine.
#pragma once

#include <array>
#include <cstdint>

#include "base/intrusive_list.hpp"
#include "http/h2/flood_budget.hpp"
#include "http/h2/server_stream.hpp"
#include "http/h2/session.hpp"

namespace penstock::http::h2 {

/// Whoever carries out requests.
class RequestHandler {
  public:
    /// One exchange, to its end; `client` lives as long.
    virtual io::Task<void> carry_out(Downstream& client) = 0;

  protected:
    ~RequestHandler() = default;
};

struct ServerLimits {
    h1::HeadLimits head;
    Duration header_timeout{};  // to the first request, and of each header block
    Duration idle_timeout{};    // without a request under way
    Duration stall_limit{};     // of the connection, while something is to be sent
};

class ServerSession final : public Session {
  public:
    /// Requests at once; beyond, REFUSED_STREAM.
    static constexpr std::uint32_t most_streams = 100;

    ServerSession(net::Stream& stream, const ServerLimits& limits, RequestHandler& handler);

    /// `first`: what has been received already; taken. To the connection's end, which its owner
    /// closes. `is_draining`: as if drain() were called at once.
    io::Task<void> run(io::BlockRef& first, bool is_draining = false);
    /// No request is under way.
    bool is_idle() const noexcept { return stream_count() == 0; }
    /// Tells the client to make no further requests, and ends after the last.
    void drain() noexcept;
    /// Ends its exchanges, and with them the connection.
    void abort(int error) noexcept;
    /// The client may still be sending: our last words must not be lost to a reset.
    bool wants_linger() const noexcept { return !is_lost() && !peer_finished(); }

  private:
    enum class Draining : std::uint8_t { no, announced, heard, told };

    io::Task<void> read_loop(io::BlockRef& first);
    io::Task<void> serve(ServerStream& stream);
    void start() noexcept;
    bool take(io::BlockRef& block);
    void start_waiting() noexcept;
    void finish(ServerStream& stream) noexcept;
    void forget(ServerStream& stream) noexcept;
    void forget_unserved() noexcept;
    void reset(std::int32_t id, std::uint32_t code) noexcept;
    void note_reset(std::int32_t id) noexcept;
    bool was_reset_by_us(std::int32_t id) const noexcept;
    bool was_skipped(std::int32_t id) const noexcept;
    TimePoint deadline() const noexcept override;
    bool out_of_time() noexcept;
    bool is_done() const noexcept override;
    void finish_drain() noexcept;
    int spend(FloodBudget& budget) noexcept;
    int judge_closed_stream(const nghttp2_frame_hd& head) noexcept;

    int on_begin_frame(const nghttp2_frame_hd& head) noexcept override;
    int on_begin_headers(const nghttp2_frame& frame) noexcept override;
    int on_header(const nghttp2_frame& frame, std::string_view name,
                  std::string_view value) noexcept override;
    int on_frame(const nghttp2_frame& frame) noexcept override;
    void on_frame_sent(const nghttp2_frame& frame) noexcept override;
    void on_stream_closed(Stream& stream, std::uint32_t code) noexcept override;
    void on_lost(int error) noexcept override;

    const ServerLimits& limits_;
    RequestHandler& handler_;
    IntrusiveList<ServerStream> streams_;
    std::vector<ServerStream*> waiting_;  // their heads are whole, their exchanges have not begun
    std::uint32_t open_count_ = 0;        // of them, those that are open to the client
    std::int32_t last_id_ = 0;
    struct Gap {
        std::int32_t first;
        std::int32_t last;
    };
    std::array<Gap, 16> skipped_{};  // ids that the client has passed over, the latest
    std::size_t next_skipped_ = 0;

    FloodBudget resets_;
    FloodBudget control_;
    std::int64_t window_updates_ = FloodBudget::at_once;  // that are accounted for
    std::uint32_t block_bytes_ = 0;                       // of the header block that is coming
    std::uint32_t continuations_ = 0;
    TimePoint block_since_ = never;  // a header block is coming
    std::array<std::int32_t, 256> reset_by_us_{};
    std::size_t next_reset_ = 0;
    Draining draining_ = Draining::no;
    bool had_request_ = false;
};

}  // namespace penstock::http::h2
