// H1Side: what both sides of an exchange are on an HTTP/1 connection: a reader and a sink.
#pragma once

#include "http/h1/reader.hpp"
#include "http/h1/stream_sink.hpp"

namespace penstock::http::h1 {

/// `Face` is http::Downstream or http::Upstream.
template <class Face>
class H1Side : public Face {
  public:
    bool has_leftover() const noexcept override { return reader_.has_leftover(); }

    void start_body(const BodyFraming& framing) noexcept override { reader_.start_body(framing); }
    BodyPiece body_at_hand() noexcept override { return reader_.body_at_hand(); }
    io::Task<BodyPiece> read_body(TimePoint deadline) override {
        return reader_.read_body(deadline);
    }
    bool body_ended() const noexcept override { return reader_.body_ended(); }
    std::uint64_t body_bytes_read() const noexcept override { return reader_.body_bytes_read(); }
    std::string_view trailers() const noexcept override { return reader_.trailers(); }
    void interrupt(int error) noexcept override { stream_.interrupt(error); }

    io::Task<int> send(const Outgoing& out, Duration stall_limit) override {
        return sink_.send(out, stall_limit);
    }
    void finish_sending() noexcept override { sink_.finish_sending(); }

  protected:
    H1Side(net::Stream& stream, Parser::Role role) noexcept
        : stream_(stream), reader_(stream, role), sink_(stream) {}
    ~H1Side() = default;

    net::Stream& stream_;
    MessageReader reader_;

  private:
    StreamSink sink_;
};

}  // namespace penstock::http::h1
