// H1Upstream: one request and its response on a backend's HTTP/1 connection.
#pragma once

#include "http/h1/h1_side.hpp"
#include "http/upstream.hpp"

namespace penstock::http::h1 {

class H1Upstream final : public H1Side<Upstream> {
  public:
    explicit H1Upstream(net::Stream& stream) noexcept : H1Side(stream, Parser::Role::responses) {}

    io::Task<ReadResult> read_response(ResponseHead& head, Method method,
                                       const TimePoint& deadline) override {
        return reader_.read_response(head, method, deadline);
    }
    void set_read_deadline(TimePoint deadline) noexcept override {
        stream_.set_receive_deadline(deadline);
    }
};

}  // namespace penstock::http::h1
