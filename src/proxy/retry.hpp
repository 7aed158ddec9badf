// Retry: which requests may be sent once more, and what that takes (SPEC section 6).
//
// Part of an Exchange, on its worker's thread. A request that was not sent may always be; one that
// may have been sent only where repeating it changes nothing (RFC 9110 section 9.2.2), no byte of a
// response has come, and its body is still at hand.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "model/validate.hpp"
#include "snapshot/route.hpp"

namespace penstock::proxy {

bool is_idempotent(std::string_view method) noexcept;

/// The backends that a request has been tried on, and whether it may be tried on one more.
class Retries {
  public:
    std::span<const snapshot::Upstream* const> tried() const noexcept {
        return {tried_.data(), count_};
    }
    /// How many tries there were after the first.
    unsigned made() const noexcept { return count_ == 0 ? 0 : count_ - 1; }
    void add(const snapshot::Upstream& upstream) noexcept { tried_[count_++] = &upstream; }

    /// Takes one retry out of the route's budget; false where its limit or budget is spent.
    bool take(const snapshot::Route& route, TimePoint now) const noexcept;

  private:
    std::array<const snapshot::Upstream*, model::most_retries + 1> tried_;
    unsigned count_ = 0;
};

}  // namespace penstock::proxy
