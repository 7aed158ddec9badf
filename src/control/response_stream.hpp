// ResponseStream: a body that has no end yet, piece by piece, as it comes into being.
//
// Control thread only. Whoever answers makes it; the API's server asks for the pieces, one at a
// time and only when the one before has been sent, so that a slow client is the stream's to bound.
#pragma once

#include <string>

#include "io/task.hpp"

namespace penstock::control {

class ResponseStream {
  public:
    ResponseStream() = default;
    ResponseStream(const ResponseStream&) = delete;
    ResponseStream& operator=(const ResponseStream&) = delete;
    virtual ~ResponseStream() = default;

    /// Waits for the next piece and appends it to `into`. It comes within `longest_silence`, if
    /// only to say that the connection lives. False: the stream has ended, with what was appended.
    virtual io::Task<bool> next(std::string& into) = 0;
    /// What is under way is to end: next() returns false soon.
    virtual void end() noexcept = 0;
};

}  // namespace penstock::control
