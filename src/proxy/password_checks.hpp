// PasswordChecks: a worker's side of the checks that auth threads make: what is known already, what
// is under way, and who waits for it.
//
// Of one worker, on its thread; a check alone goes to an auth thread and comes back through the
// loop's mailbox. Requests with the same credentials share one check. A check whose requests have
// all left is not made if it has not begun; its memory stays until it comes back.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>
#include <unordered_map>

#include "base/intrusive_list.hpp"
#include "io/ring.hpp"
#include "io/task.hpp"
#include "proxy/auth_threads.hpp"
#include "proxy/guard.hpp"
#include "proxy/verdict_cache.hpp"
#include "snapshot/auth_provider.hpp"

namespace penstock::proxy {

class PasswordChecks {
  public:
    enum class Outcome : std::uint8_t { good, bad, overloaded, timed_out, abandoned };

    /// A request waits no longer than this.
    static constexpr Duration longest_wait = std::chrono::seconds(30);
    /// A good password is believed for as long as this, a bad one is refused.
    static constexpr Duration good_for = std::chrono::seconds(60);
    static constexpr Duration bad_for = std::chrono::seconds(5);

    /// `threads`: null, and every check that is not known is overloaded.
    PasswordChecks(io::Ring& ring, AuthThreads* threads) noexcept
        : ring_(ring), threads_(threads) {}
    PasswordChecks(const PasswordChecks&) = delete;
    PasswordChecks& operator=(const PasswordChecks&) = delete;
    /// is_idle().
    ~PasswordChecks();

    /// `pair` is name and password with the colon between, `name` its first part. The provider is
    /// one of basic users. Nothing of it is looked at once this has suspended.
    io::Task<Outcome> check(const snapshot::AuthProviderPtr& provider, std::string_view pair,
                            std::string_view name, Guard& guard);

    /// No check is under way.
    bool is_idle() const noexcept { return under_way_ == 0; }

  private:
    class Check;
    class Waiter;

    Check* begin(const VerdictCache::Key& key, const snapshot::AuthProviderPtr& provider,
                 std::string_view password, std::string_view name);
    void ended(Check& check);
    void left(Check& check) noexcept;

    io::Ring& ring_;
    AuthThreads* threads_;
    VerdictCache cache_;
    std::unordered_map<VerdictCache::Key, Check*, auth::TokenDigestHash> wanted_;
    std::size_t under_way_ = 0;
};

}  // namespace penstock::proxy
