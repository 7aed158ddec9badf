// MemoryWatch: turns shedding on when memory runs short, and off when there is some again.
//
// On from nine tenths of the bound, off below eight: in between it stays as it is. While it is on,
// whoever holds memory that is not in use is asked, once a second, to let go of it. The control
// thread's.
#pragma once

#include <cstdint>
#include <functional>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "io/ring.hpp"
#include "snapshot/totals.hpp"

namespace penstock::control {

class MemoryWatch {
  public:
    using Measure = std::function<std::uint64_t()>;  // bytes in use
    using Relieve = std::function<void()>;

    /// `bound`: bytes; 0 is none, and then it never looks.
    MemoryWatch(io::Ring& ring, std::uint64_t bound, snapshot::Totals& totals, Measure measure,
                Relieve relieve);
    MemoryWatch(const MemoryWatch&) = delete;
    MemoryWatch& operator=(const MemoryWatch&) = delete;
    ~MemoryWatch();

    void start();
    /// One look, which the timer does; gives the bytes in use.
    std::uint64_t look(TimePoint now);

  private:
    struct Look : io::Timer {
        explicit Look(MemoryWatch& w) noexcept : Timer(&due), watch(w) {}
        static void due(io::Timer& timer);
        MemoryWatch& watch;
    };

    void shed(std::uint64_t used, TimePoint now);
    void recover(std::uint64_t used, const char* why);
    bool is_anybody_there() const noexcept;

    io::Ring& ring_;
    std::uint64_t bound_;
    std::uint64_t high_;
    std::uint64_t low_;
    snapshot::Totals& totals_;
    Measure measure_;
    Relieve relieve_;
    Look next_{*this};
    LogLimit complaints_;
    TimePoint relieved_{};
    TimePoint since_{};  // somebody was there to be turned away
};

}  // namespace penstock::control
