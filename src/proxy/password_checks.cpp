#include "proxy/password_checks.hpp"

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <openssl/crypto.h>

#include "auth/password.hpp"
#include "base/assert.hpp"
#include "io/mailbox.hpp"

namespace penstock::proxy {

/// A request that waits for a check, in its coroutine's frame.
class PasswordChecks::Waiter final : public ListNode<Waiter>, public GuardWaiter<Outcome> {
  public:
    explicit Waiter(io::Ring& ring) noexcept : GuardWaiter(ring, Outcome::timed_out) {}
};

class PasswordChecks::Check final : public AuthWork, public io::Message {
  public:
    Check(PasswordChecks& owner, const VerdictCache::Key& known_by,
          const snapshot::AuthProviderPtr& provider, std::string_view password,
          std::string_view name)
        : Message(&Check::on_delivery),
          key(known_by),
          owner_(owner),
          provider_(provider),
          password_(password) {
        const auto& users = std::get<snapshot::BasicUsers>(provider_->method);
        const std::string* const known = users.hash_of(name);
        is_user_ = known != nullptr;
        hash_ = is_user_ ? known : &users.decoy_for(name);
    }
    ~Check() { OPENSSL_cleanse(password_.data(), password_.size()); }

    void run() noexcept override {
        if (!unwanted.load(std::memory_order_relaxed)) {
            // In this order: who is not known costs as much as who is.
            good = auth::password_matches(password_, *hash_) && is_user_;
        }
        owner_.ring_.mailbox().post(*this);
    }

    const VerdictCache::Key key;
    IntrusiveList<Waiter> waiters;
    std::atomic<bool> unwanted{false};
    bool good = false;  // written by the auth thread before it comes back

  private:
    static void on_delivery(io::Message& message) {
        auto& check = static_cast<Check&>(message);
        check.owner_.ended(check);
    }

    PasswordChecks& owner_;
    snapshot::AuthProviderPtr provider_;  // it may be replaced, and its routes with it
    const std::string* hash_ = nullptr;   // of the provider
    std::string password_;
    bool is_user_ = false;
};

PasswordChecks::~PasswordChecks() {
    PENSTOCK_ASSERT(is_idle());
}

io::Task<PasswordChecks::Outcome> PasswordChecks::check(const snapshot::AuthProviderPtr& provider,
                                                        std::string_view pair,
                                                        std::string_view name, Guard& guard) {
    const VerdictCache::Key key = cache_.key_of(*provider, pair);
    if (const auto known = cache_.find(key, ring_.now()))
        co_return *known ? Outcome::good : Outcome::bad;
    const auto same = wanted_.find(key);
    Check* const check = same != wanted_.end()
                             ? same->second
                             : begin(key, provider, pair.substr(name.size() + 1), name);
    if (check == nullptr) co_return Outcome::overloaded;
    Waiter waiter(ring_);
    check->waiters.push_back(waiter);
    const Guard::Waiting waiting(guard, waiter);
    co_await waiter.decided.wait(ring_.now() + longest_wait);
    // Who ends the check has taken the waiter off its list; where the wait ends first, it is the
    // check's last one, perhaps.
    if (waiter.is_linked()) {
        waiter.unlink();
        if (check->waiters.empty()) left(*check);
    }
    co_return waiter.outcome;
}

/// Null: there is no room for it.
PasswordChecks::Check* PasswordChecks::begin(const VerdictCache::Key& key,
                                             const snapshot::AuthProviderPtr& provider,
                                             std::string_view password, std::string_view name) {
    if (threads_ == nullptr) return nullptr;
    auto check = std::make_unique<Check>(*this, key, provider, password, name);
    if (!threads_->submit(*check)) return nullptr;
    ++under_way_;
    wanted_[key] = check.get();
    return check.release();
}

/// Nobody waits for it any more: who comes with the same credentials now begins another.
void PasswordChecks::left(Check& check) noexcept {
    check.unwanted.store(true, std::memory_order_relaxed);
    wanted_.erase(check.key);
}

void PasswordChecks::ended(Check& check) {
    --under_way_;
    const std::unique_ptr<Check> mine(&check);
    if (check.unwanted.load(std::memory_order_relaxed)) return;
    wanted_.erase(check.key);
    const TimePoint now = ring_.now();
    cache_.put(check.key, check.good, now, now + (check.good ? good_for : bad_for));
    while (!check.waiters.empty()) {
        Waiter& waiter = check.waiters.front();
        waiter.unlink();
        waiter.decide(check.good ? Outcome::good : Outcome::bad);
    }
}

}  // namespace penstock::proxy
