// StreamSide: what both sides of an exchange are on an HTTP/2 stream.
#pragma once

#include "http/h2/stream.hpp"

namespace penstock::http::h2 {

/// `Face` is http::Downstream or http::Upstream.
template <class Face>
class StreamSide : public Face {
  public:
    Stream& core() noexcept { return core_; }

    void start_body(const BodyFraming& framing) noexcept override { core_.start_body(framing); }
    BodyPiece body_at_hand() noexcept override { return core_.body_at_hand(); }
    io::Task<BodyPiece> read_body(TimePoint deadline) override { return core_.read_body(deadline); }
    bool body_ended() const noexcept override { return core_.body_ended(); }
    std::uint64_t body_bytes_read() const noexcept override { return core_.body_bytes_read(); }
    std::string_view trailers() const noexcept override { return core_.trailers(); }
    void interrupt(int error) noexcept override { core_.interrupt(error); }
    void finish_sending() noexcept override { core_.finish_sending(); }

  protected:
    StreamSide(Session& session, std::int32_t id, void* owner) noexcept
        : core_(session, id, owner) {}
    ~StreamSide() = default;

    Stream core_;
};

}  // namespace penstock::http::h2
