// EpochWait: coroutines of the control thread that wait until every worker has taken a publication.
//
// Control thread only. Whoever owns it calls workers_moved() when the publisher reports progress.
#pragma once

#include <cstdint>

#include "base/intrusive_list.hpp"
#include "io/event.hpp"
#include "io/task.hpp"
#include "snapshot/publisher.hpp"

namespace penstock::control {

class EpochWait {
  public:
    EpochWait(io::Ring& ring, snapshot::Publisher& publisher) noexcept
        : ring_(ring), publisher_(publisher) {}

    /// Returns once every worker has passed `epoch`, or release() was called.
    io::Task<void> until_passed(std::uint64_t epoch);

    void workers_moved();
    /// Nobody waits any longer: the process is ending.
    void release();

  private:
    struct Waiter : ListNode<Waiter> {
        Waiter(io::Ring& ring, std::uint64_t e) noexcept : epoch(e), passed(ring) {}
        std::uint64_t epoch;
        io::Event passed;
    };

    io::Ring& ring_;
    snapshot::Publisher& publisher_;
    IntrusiveList<Waiter> waiters_;
    bool released_ = false;
};

}  // namespace penstock::control
