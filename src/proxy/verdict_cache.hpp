// VerdictCache: what has been found out of credentials, for a while, so that a slow check is made
// once a minute and not once a request.
//
// Of one worker, on its thread. Bounded: a table of fixed size, made when it is first needed. Keyed
// by a digest under a secret of this cache, of the provider's serial and the credentials: it holds
// nothing from which they could be had, nobody can aim at a place in it, and a provider that has
// changed finds nothing.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "auth/token_digest.hpp"
#include "base/clock.hpp"
#include "snapshot/auth_provider.hpp"

namespace penstock::proxy {

class VerdictCache {
  public:
    using Key = auth::TokenDigest;
    static constexpr std::size_t places = 4'096;

    VerdictCache();

    Key key_of(const snapshot::AuthProvider& provider, std::string_view credentials) const noexcept;

    /// Whether they were good; empty where that is not known, or not any more.
    std::optional<bool> find(const Key& key, TimePoint now) const noexcept;
    /// Takes the place of what would be forgotten soonest.
    void put(const Key& key, bool good, TimePoint now, TimePoint until);

  private:
    struct Entry {
        Key key;
        TimePoint until{};
        bool good = false;
    };
    /// A key may stand in any place of its set.
    static constexpr std::size_t set_size = 4;

    static std::size_t first_of(const Key& key) noexcept;

    std::array<char, 32> secret_;
    std::vector<Entry> entries_;
};

}  // namespace penstock::proxy
