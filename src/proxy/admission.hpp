// SKELETON: see the admission branch.
#pragma once
#include <optional>

#include "io/ring.hpp"
#include "io/task.hpp"
#include "snapshot/route.hpp"
namespace penstock::proxy {
class Admission {
  public:
    enum class Verdict : std::uint8_t {
        admitted,
        queue_full,
        timed_out,
        route_gone,
        no_backend,
        abandoned
    };
    explicit Admission(io::Ring&) noexcept {}
    std::optional<Verdict> try_enter(const snapshot::Route&) noexcept { return Verdict::admitted; }
    io::Task<Verdict> wait_turn() { co_return Verdict::admitted; }
    void abandon() noexcept {}
    bool is_waiting() const noexcept { return false; }
    void release() noexcept {}
};
}  // namespace penstock::proxy
