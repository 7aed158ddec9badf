// KeyFetcher: keeps the key sets of auth providers that name a URL for them (`jwksUrl`).
//
// Control thread only. A set is fetched at once, and again when its Cache-Control says that it is
// old, within bounds; earlier where a worker has met a key that it does not know. A fetch that
// fails keeps the last good set.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>

#include "base/clock.hpp"
#include "io/ring.hpp"
#include "io/task.hpp"
#include "snapshot/auth_provider.hpp"

namespace penstock::control {

class KeyFetcher {
  public:
    static constexpr std::chrono::seconds least_age{60};
    static constexpr std::chrono::seconds usual_age{600};  // where the server says nothing
    static constexpr std::chrono::seconds most_age{86'400};
    /// After a failure: doubled with each further one, up to least_age.
    static constexpr std::chrono::seconds first_retry{1};
    /// Between two fetches because of unknown keys: who makes up key ids cannot have more.
    static constexpr std::chrono::seconds between_early{5};
    /// How soon a worker's wish is seen.
    static constexpr std::chrono::milliseconds look_period{500};
    static constexpr std::chrono::seconds timeout{5};

    explicit KeyFetcher(io::Ring& ring) noexcept : ring_(ring) {}
    KeyFetcher(const KeyFetcher&) = delete;
    KeyFetcher& operator=(const KeyFetcher&) = delete;
    /// It has stopped.
    ~KeyFetcher();

    /// The provider of that id is this from now on; null: it has gone. One without a URL is not
    /// looked after.
    void look_after(const std::string& id, const snapshot::AuthProviderPtr& provider);

    /// Ends what is under way; stopped() is true once all has let go.
    void stop();
    bool stopped() const noexcept { return stopping_ && fetching_ == 0; }

  private:
    class Keeper;

    io::Ring& ring_;
    std::map<std::string, std::shared_ptr<Keeper>> keepers_;  // by the provider's id
    std::size_t fetching_ = 0;
    bool stopping_ = false;
};

}  // namespace penstock::control
