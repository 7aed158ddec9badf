// Guard: who may pass to a guarded route (SPEC section 8): one request's question to its auth
// provider.
//
// Part of an exchange, on its worker's thread; the exchange holds the route. Fails closed: whatever
// goes wrong, the request does not pass. What each type of provider asks is in guards/, one file a
// type, and their table in guard.cpp.
#pragma once

#include <memory>
#include <string_view>

#include "http/message.hpp"
#include "io/task.hpp"
#include "io/timed_event.hpp"
#include "proxy/hook_answer.hpp"
#include "proxy/own_response.hpp"
#include "proxy/request_identity.hpp"
#include "snapshot/route.hpp"

namespace penstock::proxy {

class Worker;

/// What becomes of the request: it passes, or this is its answer.
struct Verdict {
    bool passes = false;
    OwnResponse answer{};
    /// Of a hook: what it puts onto the request, or what the client is answered.
    std::shared_ptr<const HookAnswer> hook{};
};

/// Whose request it is.
struct GuardedClient {
    RequestIdentity& identity;
    std::string_view scheme;  // that it has used
};

/// What a guard waits for.
class GuardWait {
  public:
    /// The request is not to go on: the wait ends in this loop turn.
    virtual void abandon() noexcept = 0;

  protected:
    ~GuardWait() = default;
};

/// A request that waits for an Outcome, in its coroutine's frame. Outcomes have `abandoned`.
template <class Outcome>
class GuardWaiter : public GuardWait {
  public:
    /// `undecided`: what it is where nothing is decided in time.
    GuardWaiter(io::Ring& ring, Outcome undecided) noexcept : decided(ring), outcome(undecided) {}

    void decide(Outcome what) noexcept {
        outcome = what;
        decided.set();
    }
    void abandon() noexcept final { decide(Outcome::abandoned); }

    io::TimedEvent decided;
    Outcome outcome;

  protected:
    ~GuardWaiter() = default;
};

/// Told when a guard cannot say at once, and when it can go on: it is the request's to notice that
/// its client leaves meanwhile. May call Guard::abandon().
class GuardObserver {
  public:
    virtual void on_guard_waits() noexcept = 0;
    virtual void on_guard_goes_on() noexcept = 0;

  protected:
    ~GuardObserver() = default;
};

class Guard {
  public:
    /// For the time of a wait.
    class Waiting {
      public:
        Waiting(Guard& guard, GuardWait& wait) noexcept : guard_(guard) {
            guard_.wait_ = &wait;
            guard_.observer_.on_guard_waits();
        }
        Waiting(const Waiting&) = delete;
        Waiting& operator=(const Waiting&) = delete;
        ~Waiting() {
            guard_.wait_ = nullptr;
            guard_.observer_.on_guard_goes_on();
        }

      private:
        Guard& guard_;
    };

    /// All of them outlive it; the route is guarded.
    Guard(Worker& worker, const snapshot::Route& route, const http::RequestHead& request,
          const GuardedClient& client, GuardObserver& observer) noexcept
        : worker_(worker), route_(route), request_(request), client_(client), observer_(observer) {}
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

    /// Once.
    io::Task<Verdict> check();
    bool is_waiting() const noexcept { return wait_ != nullptr; }
    /// Ends a wait; without effect where there is none.
    void abandon() noexcept {
        if (wait_ != nullptr) wait_->abandon();
    }

    // For guards/.

    Worker& worker() const noexcept { return worker_; }
    const snapshot::AuthProviderPtr& provider() const noexcept { return route_.auth; }
    const http::RequestHead& request() const noexcept { return request_; }
    const GuardedClient& client() const noexcept { return client_; }
    RequestIdentity& identity() const noexcept { return client_.identity; }
    /// Of Authorization, what follows the scheme, given in lower case; empty where there is no such
    /// field, or it is of another.
    std::string_view credentials(std::string_view scheme) const noexcept;

    static Verdict pass() noexcept { return {.passes = true}; }
    /// 401: nothing that could be judged was shown.
    Verdict ask() const noexcept;
    /// 401: what was shown is not good.
    Verdict refuse() const noexcept;
    /// The same with a challenge line of the provider's.
    static Verdict refuse(std::string_view challenge) noexcept;
    /// 503; `reason` is a literal.
    static Verdict unavailable(std::string_view reason) noexcept;

  private:
    Worker& worker_;
    const snapshot::Route& route_;
    const http::RequestHead& request_;
    const GuardedClient client_;
    GuardObserver& observer_;
    GuardWait* wait_ = nullptr;
};

}  // namespace penstock::proxy
