// Sends a ResponseStream to a client, until either of them ends.
//
// Control thread only. While nothing is there to be sent the connection is read, so that a client
// that leaves is noticed at once; what it sends is dropped, up to a bound.
#pragma once

#include <functional>

#include "base/clock.hpp"
#include "control/response_stream.hpp"
#include "net/stream.hpp"

namespace penstock::control {

/// How the client can tell where the body ends (RFC 9112 section 6).
enum class StreamFraming : bool { chunked, until_close };

struct StreamTerms {
    StreamFraming framing = StreamFraming::chunked;
    /// How long a piece may wait for its client to take any of it.
    Duration stall_limit{};
    /// Asked now and then: false once the client is not welcome any more, which ends the stream.
    std::function<bool()> is_welcome;
};

/// The head has been sent. True where the body has been sent to its end.
io::Task<bool> send_stream(net::Stream& stream, ResponseStream& body, const StreamTerms& terms);

}  // namespace penstock::control
