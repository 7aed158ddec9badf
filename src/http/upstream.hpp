// Upstream: the backend's side of one exchange, whatever its HTTP version: a request to be sent, a
// response to be read.
//
// HTTP/1 has one at a time on a connection (h1/h1_upstream), HTTP/2 one a stream
// (h2/client_stream). Belongs to the connection's thread.
#pragma once

#include "http/body.hpp"
#include "http/message.hpp"

namespace penstock::http {

class Upstream : public BodySource, public MessageSink {
  public:
    /// The next head, interim ones too. Its views are valid until the next is read. `deadline` may
    /// change while it reads: it is looked at before each wait.
    virtual io::Task<ReadResult> read_response(ResponseHead& head, Method method,
                                               const TimePoint& deadline) = 0;
    /// Moves the deadline of the read that is under way; does nothing where none is.
    virtual void set_read_deadline(TimePoint deadline) noexcept = 0;
    /// Bytes have come that nobody has read.
    virtual bool has_leftover() const noexcept = 0;

  protected:
    ~Upstream() = default;
};

}  // namespace penstock::http
