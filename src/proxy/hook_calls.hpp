// HookCalls: a worker's side of auth providers of type `http`: connections to hooks, calls under
// way, who waits for them, and what has been answered not long ago.
//
// Of one worker, on its thread. Requests that ask the same, to the last byte of what the hook is
// sent, share one call and, for the provider's cacheTtl, its 2xx. A call that nobody waits for any
// more is broken off. Everything is bounded: calls, what is kept, an answer's size.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "auth/token_digest.hpp"
#include "base/intrusive_list.hpp"
#include "io/ring.hpp"
#include "io/task.hpp"
#include "net/tls/resumable_sessions.hpp"
#include "proxy/guard.hpp"
#include "snapshot/auth_provider.hpp"

namespace penstock::proxy {

class HookCalls {
  public:
    using AnswerPtr = std::shared_ptr<const HookAnswer>;
    struct Outcome {
        AnswerPtr answer;            // null: it could not be asked
        std::string_view failure{};  // then: why, a literal
    };

    static constexpr std::size_t most_under_way = 512;
    static constexpr std::size_t most_kept = 4'096;             // answers
    static constexpr std::size_t most_bytes_kept = 4 << 20;     // of their fields
    static constexpr std::size_t longest_body = 64 << 10;       // a longer one is a failure
    static constexpr std::size_t longest_fields = 16 << 10;     // of those that are passed on
    static constexpr std::uint32_t most_idle_connections = 64;  // to one hook
    static constexpr Duration connections_idle = std::chrono::seconds(4);

    explicit HookCalls(io::Ring& ring);
    HookCalls(const HookCalls&) = delete;
    HookCalls& operator=(const HookCalls&) = delete;
    /// is_idle().
    ~HookCalls();

    /// `request`: the whole head of what the hook is asked.
    /// The provider is one of type `http`.
    io::Task<Outcome> ask(const snapshot::AuthProviderPtr& provider, std::string_view request,
                          Guard& guard);

    /// The worker ends: so do all calls, in some turns of the loop, and the idle connections.
    void end() noexcept;
    bool is_idle() const noexcept { return under_way_.empty(); }

  private:
    class Call;
    class Site;
    class Waiter;
    struct Kept;
    using Key = auth::TokenDigest;

    Key key_of(const snapshot::AuthProvider& provider, std::string_view request) const;
    Site& site_of(const snapshot::AuthProviderPtr& provider);
    Call* begin(const Key& key, const snapshot::AuthProviderPtr& provider, std::string_view request,
                bool is_shared);
    io::Task<void> carry_out(Call& call);
    void decided(Call& call);
    void ended(Call& call);
    void left(Call& call) noexcept;
    AnswerPtr find_kept(const Key& key);
    void keep(const Key& key, const AnswerPtr& answer, Duration ttl);
    void forget(Kept& kept);

    io::Ring& ring_;
    std::string secret_;
    net::tls::SessionLimit session_limit_;
    std::unordered_map<std::uint64_t, std::unique_ptr<Site>> sites_;  // by the provider's serial
    IntrusiveList<Call> under_way_;
    std::size_t calls_ = 0;
    std::unordered_map<Key, Call*, auth::TokenDigestHash> wanted_;  // that others may join
    std::unordered_map<Key, std::unique_ptr<Kept>, auth::TokenDigestHash> kept_;
    IntrusiveList<Kept> by_age_;  // oldest first
    std::size_t bytes_kept_ = 0;
};

}  // namespace penstock::proxy
