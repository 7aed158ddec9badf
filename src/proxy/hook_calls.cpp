#include "proxy/hook_calls.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/rand.h>

#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "base/log.hpp"
#include "http/h1/h1_upstream.hpp"
#include "io/timed_event.hpp"
#include "proxy/upstream_pool.hpp"

namespace penstock::proxy {

namespace {

using snapshot::HttpHook;

/// Past this many 1xx it is no answer.
constexpr int most_interim = 16;
constexpr std::string_view given_up = "the request was given up";
/// Of a hook's addresses, in one call.
constexpr std::size_t most_addresses_tried = 4;

/// Of an answer that is the client's: what it says of itself, and what a log-in needs.
constexpr std::array<std::string_view, 9> passed_on{
    "Cache-Control", "Content-Encoding", "Content-Language", "Content-Type",     "Link",
    "Location",      "Retry-After",      "Set-Cookie",       "WWW-Authenticate",
};

/// Calls `visit(value)` for each field of that name that does not end at this hop.
template <class Visit>
void for_each_value(const http::FieldList& fields, std::string_view name, Visit&& visit) {
    for (const auto& entry : fields) {
        if (!entry.dropped && equals_ignoring_case(fields.name(entry), name))
            visit(fields.value(entry));
    }
}

bool may_be_kept(const http::FieldList& fields) {
    bool may = true;
    for_each_value(fields, "Cache-Control", [&may](std::string_view value) {
        for_each_element(value, [&may](std::string_view directive) {
            if (equals_ignoring_case(directive, "no-store") ||
                equals_ignoring_case(directive, "no-cache"))
                may = false;
        });
    });
    return may;
}

/// Empty where it has more to say than is passed on.
std::shared_ptr<HookAnswer> answer_of(const http::ResponseHead& head, const HttpHook& hook) {
    auto answer = std::make_shared<HookAnswer>();
    answer->status = head.status;
    std::size_t size = 0;
    const auto take = [&](std::string_view name) {
        for_each_value(head.fields, name, [&](std::string_view value) {
            size += name.size() + value.size();
            answer->fields.push_back({std::string(name), std::string(value)});
        });
    };
    if (answer->passes()) {
        for (const std::string& name : hook.copy_headers) take(name);
        answer->is_to_last = may_be_kept(head.fields);
    } else {
        for (const std::string_view name : passed_on) take(name);
        for_each_value(head.fields, "Set-Cookie",
                       [&](std::string_view) { answer->is_for_all = false; });
    }
    return size > HookCalls::longest_fields ? nullptr : answer;
}

}  // namespace

/// A request that waits for a call, in its coroutine's frame.
class HookCalls::Waiter final : public ListNode<Waiter>, public GuardWait {
  public:
    explicit Waiter(io::Ring& ring) noexcept : decided(ring) {}

    void decide(const Outcome& what, bool is_for_another) noexcept {
        outcome = what;
        asks_again = is_for_another;
        decided.set();
    }
    /// Whatever has been, or is, decided.
    void abandon() noexcept override {
        is_given_up = true;
        decided.set();
    }

    io::TimedEvent decided;
    Outcome outcome{nullptr, given_up};
    bool asks_again = false;  // the answer was for somebody else alone
    bool is_given_up = false;
};

/// Connections to one version of one provider's hook.
class HookCalls::Site {
  public:
    Site(io::Ring& ring, net::tls::SessionLimit& sessions,
         const snapshot::AuthProviderPtr& provider)
        : pool(ring, sessions, 0), provider_(provider) {}

    /// Nobody will ask it any more.
    bool is_over() const noexcept { return calls == 0 && provider_.expired(); }

    UpstreamPool pool;
    std::size_t calls = 0;
    std::size_t address = 0;  // which is next: the one that answered last

  private:
    std::weak_ptr<const snapshot::AuthProvider> provider_;
};

struct HookCalls::Kept : ListNode<Kept> {
    Key key;
    AnswerPtr answer;
    TimePoint until{};
    std::size_t size = 0;
};

class HookCalls::Call final : public ListNode<Call> {
  public:
    Call(HookCalls& calls, Site& at, const Key& with_key, const snapshot::AuthProviderPtr& of,
         std::string_view text)
        : key(with_key),
          provider(of),
          owner_(calls),
          site_(at),
          request_(text),
          deadline_(calls.ring_.now() + hook().timeout) {
        ++site_.calls;
    }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;
    ~Call() {
        drop();
        --site_.calls;
    }

    const HttpHook& hook() const noexcept { return std::get<HttpHook>(provider->method); }
    /// On a kept connection, and once more on a new one where the hook had just closed that.
    io::Task<void> run();
    void interrupt() noexcept {
        interrupted_ = true;
        if (connection_ != nullptr) connection_->stream().interrupt(ECANCELED);
    }

    /// It is the hook's fault, or of the way to it.
    bool has_failed() const noexcept { return answer == nullptr && !interrupted_; }

    const Key key;
    const snapshot::AuthProviderPtr provider;  // it may be replaced meanwhile
    IntrusiveList<Waiter> waiters;
    AnswerPtr answer;
    std::string_view failure = "the auth hook cannot be reached";
    bool is_decided = false;

  private:
    io::Task<int> connect();
    io::Task<int> connect_to(const net::Address& address);
    io::Task<void> exchange();
    io::Task<bool> read_head(http::h1::H1Upstream& backend, http::ResponseHead& head);
    io::Task<bool> read_body(http::h1::H1Upstream& backend, std::string& body);
    void drop() noexcept;
    Duration left() const noexcept {
        return std::max(deadline_ - owner_.ring_.now(), Duration::zero());
    }

    HookCalls& owner_;
    Site& site_;
    const std::string request_;
    const TimePoint deadline_;
    UpstreamConnection* connection_ = nullptr;
    bool was_kept_ = false;
    bool is_stale_ = false;  // the kept connection was closed before it said anything
    bool interrupted_ = false;
};

// --- one call ---

io::Task<void> HookCalls::Call::run() {
    for (bool fresh = false;; fresh = true) {
        is_stale_ = false;
        connection_ = fresh ? nullptr : site_.pool.lease();
        was_kept_ = connection_ != nullptr;
        int error = 0;
        if (!was_kept_) error = co_await connect();
        if (error == 0) co_await exchange();
        drop();
        if (!is_stale_ || interrupted_) co_return;
    }
}

/// To any of its addresses, beginning with the one that answered last.
io::Task<int> HookCalls::Call::connect() {
    const auto addresses = hook().target.addresses->get();
    if (addresses == nullptr) {
        failure = "the name of the auth hook cannot be resolved";
        co_return EHOSTUNREACH;
    }
    int error = 0;
    const std::size_t tries = std::min(addresses->size(), most_addresses_tried);
    for (std::size_t i = 0; i < tries && !interrupted_; ++i) {
        error = co_await connect_to((*addresses)[site_.address % addresses->size()]);
        if (error == 0) co_return 0;
        drop();
        ++site_.address;
        if (left() == Duration::zero()) break;
    }
    failure = error == EPROTO      ? "TLS with the auth hook failed"
              : error == ETIMEDOUT ? "the auth hook did not answer in time"
                                   : "the auth hook cannot be reached";
    co_return error == 0 ? ECANCELED : error;
}

io::Task<int> HookCalls::Call::connect_to(const net::Address& address) {
    const auto socket = owner_.ring_.connect_socket(address.family());
    if (!socket) co_return socket.error();
    connection_ = site_.pool.add(**socket);
    const int on = 1;
    ::setsockopt((*socket)->fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    int error = co_await (*socket)->connect(address.data(), address.size(), deadline_);
    if (error == 0 && hook().target.tls != nullptr) {
        net::tls::Session::Cause cause;
        error = co_await hook().target.tls->secure(connection_->stream(), BackendProtocol::http1,
                                                   &site_.pool.sessions(), deadline_, cause);
    }
    co_return error;
}

/// A 2xx is told as soon as its head is there: its body is read for the connection's sake alone.
io::Task<void> HookCalls::Call::exchange() {
    http::h1::H1Upstream backend(connection_->stream());
    const http::Outgoing asked{.head = request_, .last = true};
    const int error = co_await backend.send(asked, left());
    if (error != 0) {
        is_stale_ = was_kept_;
        failure = "the auth hook closed the connection";
        co_return;
    }
    http::ResponseHead head;
    const bool has_head = co_await read_head(backend, head);
    if (!has_head) co_return;
    backend.start_body(head.framing);
    auto told = answer_of(head, hook());
    if (told == nullptr) {
        failure = "the auth hook's answer is too large";
        co_return;
    }
    if (told->passes()) {
        answer = told;
        owner_.decided(*this);
    }
    const bool keep_alive = head.keep_alive;
    std::string body;
    const bool is_whole = co_await read_body(backend, body);
    if (!told->passes() && is_whole) {
        told->body = std::move(body);
        answer = told;
    }
    if (is_whole && keep_alive && !backend.has_leftover() && !interrupted_) {
        site_.pool.give_back(std::exchange(connection_, nullptr), most_idle_connections,
                             connections_idle);
    }
}

/// False: there is no final answer.
io::Task<bool> HookCalls::Call::read_head(http::h1::H1Upstream& backend, http::ResponseHead& head) {
    for (int heads = 0; heads < most_interim; ++heads) {
        const http::ReadResult read =
            co_await backend.read_response(head, http::Method::get, deadline_);
        if (!read.ok()) {
            using http::ReadOutcome;
            const bool was_closed =
                read.outcome == ReadOutcome::closed || read.outcome == ReadOutcome::failed;
            is_stale_ = was_kept_ && heads == 0 && was_closed;
            failure =
                read.outcome == ReadOutcome::timed_out ? "the auth hook did not answer in time"
                : read.outcome == ReadOutcome::refused ? "the auth hook's answer is not HTTP"
                                                       : "the auth hook closed the connection";
            co_return false;
        }
        if (head.is_interim()) continue;
        if (head.status >= 200 && head.status <= 599) co_return true;
        break;
    }
    failure = "the auth hook's answer is none to a GET";
    co_return false;
}

/// False: it did not come whole, or is too long.
io::Task<bool> HookCalls::Call::read_body(http::h1::H1Upstream& backend, std::string& body) {
    while (!backend.body_ended()) {
        const http::BodyPiece piece = co_await backend.read_body(deadline_);
        if (!piece.result.ok()) {
            failure = "the auth hook's answer did not come whole";
            co_return false;
        }
        if (body.size() + piece.data.size() > longest_body) {
            failure = "the auth hook's answer is too large";
            co_return false;
        }
        body += piece.data;
    }
    co_return true;
}

void HookCalls::Call::drop() noexcept {
    if (connection_ == nullptr) return;
    connection_->stream().reset();
    site_.pool.close(std::exchange(connection_, nullptr));
}

// --- all of them ---

HookCalls::HookCalls(io::Ring& ring) : ring_(ring), secret_(32, '\0') {
    const int made = RAND_bytes(reinterpret_cast<unsigned char*>(secret_.data()),
                                static_cast<int>(secret_.size()));
    PENSTOCK_ASSERT(made == 1);
}

HookCalls::~HookCalls() {
    PENSTOCK_ASSERT(is_idle());
    while (by_age_.pop_front() != nullptr) continue;  // their owner goes with this
}

io::Task<HookCalls::Outcome> HookCalls::ask(const snapshot::AuthProviderPtr& provider,
                                            std::string_view request, Guard& guard) {
    const Key key = key_of(*provider, request);
    if (AnswerPtr known = find_kept(key)) co_return Outcome{std::move(known)};
    for (bool is_shared = true;; is_shared = false) {
        const auto same = is_shared ? wanted_.find(key) : wanted_.end();
        const bool is_new = same == wanted_.end();
        Call* const call = is_new ? begin(key, provider, request, is_shared) : same->second;
        if (call == nullptr) co_return Outcome{nullptr, "too many calls of auth hooks"};
        Waiter waiter(ring_);
        call->waiters.push_back(waiter);
        if (is_new) io::spawn(carry_out(*call));  // it may be over already after this
        {
            const Guard::Waiting waiting(guard, waiter);
            co_await waiter.decided.wait();
        }
        if (waiter.is_linked()) {
            waiter.unlink();
            if (call->waiters.empty()) left(*call);
        }
        if (waiter.is_given_up) co_return Outcome{nullptr, given_up};
        if (!waiter.asks_again) co_return waiter.outcome;
    }
}

HookCalls::Key HookCalls::key_of(const snapshot::AuthProvider& provider,
                                 std::string_view request) const {
    std::string text = secret_;
    text.append(reinterpret_cast<const char*>(&provider.serial), sizeof(provider.serial));
    text += request;
    return Key::of(text);
}

HookCalls::Site& HookCalls::site_of(const snapshot::AuthProviderPtr& provider) {
    const auto known = sites_.find(provider->serial);
    if (known != sites_.end()) return *known->second;
    std::erase_if(sites_, [](const auto& site) { return site.second->is_over(); });
    auto site = std::make_unique<Site>(ring_, session_limit_, provider);
    return *(sites_[provider->serial] = std::move(site));
}

/// Null: there are too many. To be carried out by the caller.
HookCalls::Call* HookCalls::begin(const Key& key, const snapshot::AuthProviderPtr& provider,
                                  std::string_view request, bool is_shared) {
    if (calls_ == most_under_way) return nullptr;
    auto call = std::make_unique<Call>(*this, site_of(provider), key, provider, request);
    ++calls_;
    under_way_.push_back(*call);
    if (is_shared) wanted_[key] = call.get();
    return call.release();
}

io::Task<void> HookCalls::carry_out(Call& call) {
    co_await call.run();
    ended(call);
}

/// Those who wait are told; of an answer that sets a cookie the first alone.
void HookCalls::decided(Call& call) {
    if (std::exchange(call.is_decided, true)) return;
    const auto wanted = wanted_.find(call.key);
    if (wanted != wanted_.end() && wanted->second == &call) wanted_.erase(wanted);
    const Duration ttl = call.hook().cache_ttl;
    if (call.answer && call.answer->passes() && call.answer->is_to_last && ttl > Duration::zero())
        keep(call.key, call.answer, ttl);
    for (bool is_first = true; !call.waiters.empty(); is_first = false) {
        Waiter& waiter = call.waiters.front();
        waiter.unlink();
        waiter.decide({call.answer, call.failure},
                      !is_first && call.answer && !call.answer->is_for_all);
    }
}

void HookCalls::ended(Call& call) {
    static LogLimit limit;
    if (call.has_failed() && limit.allows(std::chrono::steady_clock::now())) {
        log(LogLevel::warn, "an auth hook could not be asked",
            {{"provider", call.provider->id}, {"reason", call.failure}});
    }
    decided(call);
    call.unlink();
    --calls_;
    delete &call;
}

/// Nobody waits for it any more: who asks the same now begins another.
void HookCalls::left(Call& call) noexcept {
    const auto wanted = wanted_.find(call.key);
    if (wanted != wanted_.end() && wanted->second == &call) wanted_.erase(wanted);
    call.interrupt();
}

void HookCalls::end() noexcept {
    under_way_.for_each([](Call& call) { call.interrupt(); });
    for (auto& [serial, site] : sites_) site->pool.close_idle();
}

// --- what is kept ---

HookCalls::AnswerPtr HookCalls::find_kept(const Key& key) {
    const auto known = kept_.find(key);
    if (known == kept_.end()) return nullptr;
    if (known->second->until > ring_.now()) return known->second->answer;
    forget(*known->second);
    return nullptr;
}

void HookCalls::keep(const Key& key, const AnswerPtr& answer, Duration ttl) {
    if (const auto before = kept_.find(key); before != kept_.end()) forget(*before->second);
    auto kept = std::make_unique<Kept>();
    kept->key = key;
    kept->answer = answer;
    kept->until = ring_.now() + ttl;
    kept->size = sizeof(Kept) + sizeof(HookAnswer);
    for (const auto& field : answer->fields)
        kept->size += sizeof(field) + field.name.size() + field.value.size();
    bytes_kept_ += kept->size;
    by_age_.push_back(*kept);
    kept_[key] = std::move(kept);
    while (kept_.size() > most_kept || bytes_kept_ > most_bytes_kept) forget(by_age_.front());
}

void HookCalls::forget(Kept& kept) {
    kept.unlink();
    bytes_kept_ -= kept.size;
    const Key key = kept.key;  // which goes with it
    kept_.erase(key);
}

}  // namespace penstock::proxy
