// ClientSession: a backend's HTTP/2 connection, shared by the requests of one worker.
//
// Owned by whoever opened the connection, and outlives the streams on it.
#pragma once

#include <cstdint>

#include "base/intrusive_list.hpp"
#include "http/h2/client_stream.hpp"
#include "http/h2/session.hpp"

namespace penstock::http::h2 {

struct ClientLimits {
    Duration idle_limit{};   // how long it is kept without a stream
    Duration stall_limit{};  // of the connection, while something is to be sent
    /// How many streams the backend is thought to take before its SETTINGS say so; RFC 9113 section
    /// 6.5.2 recommends no fewer than 100.
    std::uint32_t expected_streams = 100;
};

class ClientSession final : public Session {
  public:
    ClientSession(net::Stream& stream, const ClientLimits& limits);

    /// To the connection's end, and until the last stream has let go of it.
    io::Task<void> run();
    /// Another request may be made on it.
    bool takes_streams() const noexcept;
    /// As far as is known: see ClientLimits::expected_streams.
    std::uint32_t most_streams() const noexcept { return most_streams_; }
    bool is_idle() const noexcept { return stream_count() == 0; }
    /// A response has come on it: the backend may have closed it since without our knowing.
    bool is_proven() const noexcept { return is_proven_; }
    /// Takes no further stream, and ends with the last.
    void retire() noexcept;

    void attach(ClientStream& stream) noexcept;
    void detach(ClientStream& stream) noexcept;

  private:
    io::Task<void> read_loop();
    TimePoint deadline() const noexcept override;
    bool is_done() const noexcept override;

    int on_begin_headers(const nghttp2_frame& frame) noexcept override;
    int on_header(const nghttp2_frame& frame, std::string_view name,
                  std::string_view value) noexcept override;
    int on_frame(const nghttp2_frame& frame) noexcept override;
    void on_frame_sent(const nghttp2_frame& frame) noexcept override;
    void on_stream_closed(Stream& stream, std::uint32_t code) noexcept override;
    void on_lost(int error) noexcept override;

    Duration idle_limit_;
    IntrusiveList<ClientStream> streams_;
    std::uint32_t most_streams_;
    bool is_retired_ = false;
    bool is_proven_ = false;
};

}  // namespace penstock::http::h2
