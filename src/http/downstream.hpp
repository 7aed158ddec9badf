// Downstream: the client's side of one exchange, whatever its HTTP version: a request to be read, a
// response to be sent, and a client that may leave meanwhile.
//
// HTTP/1 has one at a time on a connection (h1/h1_downstream), HTTP/2 one a stream
// (h2/server_stream). Belongs to the connection's thread; outlives its exchange.
#pragma once

#include "http/body.hpp"
#include "http/h1/parser.hpp"
#include "http/message.hpp"

namespace penstock::http {

/// Who is at the other end of the exchange's work. Called from the middle of a loop turn: it may
/// interrupt and close sockets and schedule coroutines, but must not resume any.
class DownstreamWatcher {
  public:
    /// The client has left, or finished sending, or is heard of unasked: see Downstream.
    virtual void on_client_change() noexcept = 0;
    /// The exchange is to end as soon as its operations let go.
    virtual void abort(int error) noexcept = 0;

  protected:
    ~DownstreamWatcher() = default;
};

class Downstream : public BodySource, public MessageSink {
  public:
    /// The request's head. Its views are valid as long as the exchange.
    virtual io::Task<ReadResult> read_request(RequestHead& head, const h1::HeadLimits& limits,
                                              TimePoint deadline) = 0;
    /// Bytes are there that nobody has read: of the body, or behind it.
    virtual bool has_leftover() const noexcept = 0;

    /// Null for none; taken off before it dies.
    virtual void watch(DownstreamWatcher* watcher) noexcept = 0;
    /// The watcher wants to hear of a client that leaves, although nobody reads.
    virtual void expect_input() noexcept = 0;
    /// Ends the present read of the body alone.
    virtual void stop_reading(int error) noexcept = 0;
    /// 0, or the errno with which the client was lost.
    virtual int input_error() const noexcept = 0;
    /// The client will send no more, though bytes from before its end may be unread.
    virtual bool peer_finished() const noexcept = 0;

    /// Each request has a stream of its own: the end of one body holds nothing up, and lengths are
    /// told by frames.
    virtual bool is_multiplexed() const noexcept = 0;
    /// The backend's 101 is an answer to what this side has asked in the client's name.
    virtual bool accepts_switch(const ResponseHead& response) const noexcept = 0;

  protected:
    ~Downstream() = default;
};

}  // namespace penstock::http
