#include "control/key_fetcher.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "auth/jwk_set.hpp"
#include "base/assert.hpp"
#include "base/log.hpp"
#include "control/http_fetch.hpp"

namespace penstock::control {

/// Of one version of one provider. Lives on after it is given up, until its fetch has let go.
class KeyFetcher::Keeper final : io::Timer, public std::enable_shared_from_this<Keeper> {
  public:
    Keeper(KeyFetcher& owner, snapshot::AuthProviderPtr provider)
        : Timer(&on_look), owner_(owner), provider_(std::move(provider)) {}
    Keeper(const Keeper&) = delete;
    Keeper& operator=(const Keeper&) = delete;
    ~Keeper() { owner_.ring_.timers().disarm(*this); }

    const snapshot::AuthProviderPtr& provider() const noexcept { return provider_; }
    void fetch() {
        ++owner_.fetching_;
        io::spawn(run(this));
    }
    void give_up() noexcept {
        given_up_ = true;
        owner_.ring_.timers().disarm(*this);
        if (fetch_) fetch_->interrupt();
    }

  private:
    static void on_look(io::Timer& timer) { static_cast<Keeper&>(timer).look(); }
    static io::Task<void> run(Keeper* keeper);

    snapshot::RemoteKeys& remote() const noexcept {
        return *std::get<snapshot::JwtVerification>(provider_->method).remote;
    }
    void look();
    void take(const HttpFetch::Document& document);
    void failed(std::string_view reason);
    void schedule(std::chrono::seconds in) noexcept {
        due_ = owner_.ring_.now() + in;
        owner_.ring_.timers().arm(*this, owner_.ring_.now() + look_period);
    }

    KeyFetcher& owner_;
    const snapshot::AuthProviderPtr provider_;
    std::optional<HttpFetch> fetch_;
    TimePoint due_{};
    TimePoint early_from_{};  // not before: for unknown keys
    unsigned failures_ = 0;   // in a row
    bool given_up_ = false;
};

/// The set is old, or a worker has met a key that is not in it.
void KeyFetcher::Keeper::look() {
    const TimePoint now = owner_.ring_.now();
    const bool is_wished = now >= early_from_ && remote().keys.take_wish();
    // A server that fails is not asked sooner because strangers show tokens of keys made up.
    if (now >= due_ || (is_wished && failures_ == 0)) return fetch();
    owner_.ring_.timers().arm(*this, now + look_period);
}

io::Task<void> KeyFetcher::Keeper::run(Keeper* keeper) {
    const std::shared_ptr<Keeper> held = keeper->shared_from_this();
    KeyFetcher& owner = held->owner_;
    const HttpFetch::Limits limits{.timeout = timeout, .longest = auth::JwkSet::largest_document};
    held->fetch_.emplace(owner.ring_, held->remote().target, limits);
    const auto document = co_await held->fetch_->run();
    held->fetch_.reset();
    if (!held->given_up_) {
        held->early_from_ = owner.ring_.now() + between_early;
        if (!document)
            held->failed(document.error().message);
        else if (document->status != 200)
            held->failed("it answered " + std::to_string(document->status));
        else
            held->take(*document);
    }
    --owner.fetching_;
}

void KeyFetcher::Keeper::take(const HttpFetch::Document& document) {
    model::FieldErrors errors;
    auth::JwkSet set = auth::parse_jwk_set(document.text, auth::JwkSource::fetched, errors);
    // A set that is right and has none is the issuer's word: it has withdrawn them all.
    if (set.empty() && !errors.empty()) return failed(errors[0].pointer + ": " + errors[0].detail);
    for (const model::FieldError& error : errors) {
        log(LogLevel::warn, "a fetched key is left out",
            {{"provider", provider_->id}, {"at", error.pointer}, {"reason", error.detail}});
    }
    if (std::exchange(failures_, 0) > 0 || remote().keys.get() == nullptr) {
        log(LogLevel::info, "keys have been fetched",
            {{"provider", provider_->id}, {"keys", set.keys().size()}});
    }
    remote().keys.set(std::make_shared<const auth::JwkSet>(std::move(set)));
    schedule(std::clamp(document.max_age.value_or(usual_age), least_age, most_age));
}

void KeyFetcher::Keeper::failed(std::string_view reason) {
    // Once in a row: the same again tells nothing new.
    if (failures_++ == 0) {
        log(LogLevel::warn, "keys cannot be fetched",
            {{"provider", provider_->id},
             {"host", remote().target.hostname},
             {"reason", reason},
             {"kept", remote().keys.get() != nullptr}});
    }
    auto retry = first_retry;
    for (unsigned i = 1; i < failures_ && retry < least_age; ++i) retry *= 2;
    schedule(std::min(retry, least_age));
}

KeyFetcher::~KeyFetcher() {
    PENSTOCK_ASSERT(fetching_ == 0);
}

void KeyFetcher::look_after(const std::string& id, const snapshot::AuthProviderPtr& provider) {
    const auto known = keepers_.find(id);
    if (known != keepers_.end()) {
        if (known->second->provider() == provider) return;
        known->second->give_up();
        keepers_.erase(known);
    }
    if (stopping_ || provider == nullptr) return;
    const auto* const jwt = std::get_if<snapshot::JwtVerification>(&provider->method);
    if (jwt == nullptr || jwt->remote == nullptr) return;
    const auto keeper = std::make_shared<Keeper>(*this, provider);
    keepers_[id] = keeper;
    keeper->fetch();
}

void KeyFetcher::stop() {
    stopping_ = true;
    for (auto& [id, keeper] : keepers_) keeper->give_up();
    keepers_.clear();
}

}  // namespace penstock::control
