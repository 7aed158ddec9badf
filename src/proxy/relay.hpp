// relay(): one message's body, from the connection it comes in on to the one it goes out on.
//
// The same for both directions. Piece by piece: nothing is read before the last piece has been
// sent, so a slow receiver stops the reads on the other side, and a message of any size costs the
// few blocks that were read ahead.
#pragma once

#include <cstdint>
#include <string_view>

#include "http/body.hpp"
#include "io/ring.hpp"
#include "io/task.hpp"

namespace penstock::snapshot {
struct Route;
}

namespace penstock::proxy {

class KeptBody;

/// Which side ended a relay, and how.
enum class RelayEnd : std::uint8_t {
    complete,
    source_failed,  // see read
    sink_failed,    // see error
    too_large,      // more than max_bytes
    too_slow,       // below min_rate
};

struct Relayed {
    RelayEnd end = RelayEnd::complete;
    http::ReadResult read{};
    int error = 0;
};

/// Told when all has been read, before the last piece is sent.
class SourceObserver {
  public:
    virtual void on_source_end() noexcept = 0;

  protected:
    ~SourceObserver() = default;
};

struct RelayOptions {
    bool chunked = false;         // how the body is framed for the receiver
    Duration stall_limit{};       // between two reads or writes
    std::uint64_t max_bytes = 0;  // 0: no limit
    std::uint64_t min_rate = 0;  // bytes a second, of the time spent waiting for the source; 0: any
    const bool* stopped = nullptr;  // becomes true when the rest is of no use to anyone
    KeptBody* keep = nullptr;       // gets what is read, for another try
    SourceObserver* observer = nullptr;
    const snapshot::Route* trailers_of = nullptr;  // a request's: see kept_trailers()
    TimePoint patience_from{};  // the first read's stall_limit counts from here, where that is
                                // later than now
};

/// Sends `head`, then the body that `from` is in the middle of, whose first piece is `first`.
io::Task<Relayed> relay(io::Ring& ring, http::BodySource& from, http::MessageSink& to,
                        std::string_view head, const http::BodyPiece& first,
                        const RelayOptions& options);

}  // namespace penstock::proxy
