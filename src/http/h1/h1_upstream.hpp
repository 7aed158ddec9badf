// H1Upstream: one request and its response on a backend's HTTP/1 connection.
#pragma once

#include "http/h1/reader.hpp"
#include "http/h1/stream_sink.hpp"
#include "http/upstream.hpp"

namespace penstock::http::h1 {

class H1Upstream final : public Upstream {
  public:
    explicit H1Upstream(net::Stream& stream) noexcept
        : stream_(stream), reader_(stream, Parser::Role::responses), sink_(stream) {}

    io::Task<ReadResult> read_response(ResponseHead& head, Method method,
                                       const TimePoint& deadline) override {
        return reader_.read_response(head, method, deadline);
    }
    void set_read_deadline(TimePoint deadline) noexcept override {
        stream_.set_receive_deadline(deadline);
    }
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

  private:
    net::Stream& stream_;
    MessageReader reader_;
    StreamSink sink_;
};

}  // namespace penstock::http::h1
