// BusiestRoutes: which routes have had most requests in the last minute, found a slice at a time.
//
// Control thread only. However many routes there are, a slice reads a bounded number of them, and
// the loop goes on between two of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "control/configuration.hpp"
#include "io/ring.hpp"

namespace penstock::control {

class BusiestRoutes {
  public:
    /// Routes that are looked at in one turn: 0.2 to 0.5 ms.
    static constexpr std::size_t slice = 256;
    static constexpr Duration pause = std::chrono::milliseconds(5);

    struct Entry {
        std::uint64_t requests = 0;
        std::string v_host;
    };
    /// The busiest first; of those that have had any requests at all.
    using Found = std::function<void(std::vector<Entry>)>;

    BusiestRoutes(io::Ring& ring, const Configuration& configuration, Found found)
        : ring_(ring), configuration_(configuration), found_(std::move(found)) {}
    BusiestRoutes(const BusiestRoutes&) = delete;
    BusiestRoutes& operator=(const BusiestRoutes&) = delete;
    ~BusiestRoutes() { ring_.timers().disarm(next_); }

    /// In the last minute.
    static std::uint64_t recent_requests(const snapshot::Route& route, TimePoint now) noexcept;

    /// Begins a search for `most` of them, unless one is under way.
    void search(std::size_t most);
    bool is_searching() const noexcept { return next_.is_armed(); }

  private:
    struct Next : io::Timer {
        explicit Next(BusiestRoutes& b) noexcept : Timer(&due), busiest(b) {}
        static void due(io::Timer& timer) { static_cast<Next&>(timer).busiest.look(); }
        BusiestRoutes& busiest;
    };

    void look();
    void offer(const std::string& v_host, std::uint64_t requests);

    io::Ring& ring_;
    const Configuration& configuration_;
    Found found_;
    Next next_{*this};
    std::size_t most_ = 0;
    std::string last_;         // the route looked at last
    std::vector<Entry> heap_;  // the least busy one at its top
};

}  // namespace penstock::control
