#include "control/names.hpp"

#include <algorithm>
#include <utility>

#include "base/log.hpp"

namespace penstock::control {

namespace {

using net::Address;

/// Sorted and each once: servers rotate what they say, and that is no change.
std::vector<Address> in_order(std::vector<Address> addresses) {
    std::sort(addresses.begin(), addresses.end());
    addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
    return addresses;
}

std::string text_of(const std::vector<Address>& v4, const std::vector<Address>& v6) {
    std::string text;
    for (const auto* addresses : {&v4, &v6}) {
        for (const Address& address : *addresses) {
            if (!text.empty()) text += ' ';
            text += address.host();
        }
    }
    return text;
}

std::chrono::seconds retry_after(unsigned failures) {
    auto delay = Names::first_retry;
    for (unsigned i = 1; i < failures && delay < Names::longest_retry; ++i) delay *= 2;
    return std::min(delay, Names::longest_retry);
}

}  // namespace

Names::~Names() {
    for (auto& [name, entry] : entries_) timers_.disarm(*entry);
}

bool Names::knows(const std::string& name) const {
    const auto at = entries_.find(name);
    return at != entries_.end() && (at->second->answered || at->second->overdue);
}

std::vector<Address> Names::addresses(const std::string& name, std::uint16_t port) const {
    std::vector<Address> found;
    const auto at = entries_.find(name);
    if (at == entries_.end()) return found;
    for (const auto* family : {&at->second->v4, &at->second->v6}) {
        for (const Address& address : *family) found.push_back(address.with_port(port));
    }
    return found;
}

void Names::use(const std::string& v_host, std::set<std::string> names) {
    for (const std::string& name : names) entry_of(name).users.insert(v_host);
    std::set<std::string> before;
    if (const auto at = names_of_.find(v_host); at != names_of_.end()) {
        before = std::move(at->second);
        names_of_.erase(at);
    }
    for (const std::string& name : before) {
        if (names.contains(name)) continue;
        entries_.at(name)->users.erase(v_host);
        forget_if_unused(name);
    }
    if (!names.empty()) names_of_.emplace(v_host, std::move(names));
}

void Names::take(const std::string& name, const net::NameAnswer& answer, TimePoint now) {
    const auto at = entries_.find(name);
    if (at == entries_.end()) return;  // given up meanwhile
    Entry& entry = *at->second;
    const bool is_first = !std::exchange(entry.answered, true);
    if (answer.found()) {
        if (keep(entry, answer)) entry.unpublished = true;
        timers_.arm(entry, now + std::clamp(answer.ttl, least_ttl, longest_ttl));
    } else {
        fail(entry, answer);
        timers_.arm(entry, now + retry_after(entry.failures));
    }
    if (entry.unpublished) entry.unpublished = !changed_(entry.users);
    if (is_first) tell_waiters();
}

/// True where the addresses have changed.
bool Names::keep(Entry& entry, const net::NameAnswer& answer) {
    const bool is_news = entry.failures > 0;
    entry.failures = 0;
    // A family that no server could tell of keeps what it had.
    auto v4 = answer.v4.failed ? entry.v4 : in_order(answer.v4.addresses);
    auto v6 = answer.v6.failed ? entry.v6 : in_order(answer.v6.addresses);
    const bool differ = v4 != entry.v4 || v6 != entry.v6;
    const bool had_some = !entry.v4.empty() || !entry.v6.empty();
    entry.v4 = std::move(v4);
    entry.v6 = std::move(v6);
    if (differ || is_news) {
        const LogLevel level = had_some || is_news ? LogLevel::info : LogLevel::debug;
        log(level, differ ? "a name's addresses have changed" : "a name can be resolved again",
            {{"name", entry.name},
             {"addresses", text_of(entry.v4, entry.v6)},
             {"ttl", answer.ttl.count()}});
    }
    return differ;
}

void Names::fail(Entry& entry, const net::NameAnswer& answer) {
    // Once in a row: the same again every 30 seconds tells nothing new.
    if (++entry.failures > 1) return;
    log(LogLevel::warn, "a name cannot be resolved",
        {{"name", entry.name},
         {"reason", answer.reason},
         {"kept_addresses", text_of(entry.v4, entry.v6)}});
}

std::vector<std::string> Names::unknown() const {
    std::vector<std::string> found;
    for (const auto& [name, entry] : entries_) {
        if (!knows(name)) found.push_back(name);
    }
    return found;
}

void Names::release() {
    released_ = true;
    waiters_.for_each([](NamesWanted& waiter) { waiter.known_.set(); });
}

void Names::due(io::Timer& timer) {
    auto& entry = static_cast<Entry&>(timer);
    entry.names.look_up_(entry.name);
}

Names::Entry& Names::entry_of(const std::string& name) {
    auto& entry = entries_[name];
    if (entry == nullptr) {
        entry = std::make_unique<Entry>(*this, name);
        look_up_(name);
    }
    return *entry;
}

void Names::forget_if_unused(const std::string& name) {
    const auto at = entries_.find(name);
    if (!at->second->users.empty() || at->second->wanted > 0) return;
    timers_.disarm(*at->second);
    entries_.erase(at);
}

void Names::tell_waiters() {
    waiters_.for_each([](NamesWanted& waiter) { waiter.look(); });
}

// --- waiting ---

NamesWanted::NamesWanted(io::Ring& ring, Names& names, std::vector<std::string> wanted)
    : ring_(ring), names_(names), wanted_(std::move(wanted)), known_(ring) {
    for (const std::string& name : wanted_) ++names_.entry_of(name).wanted;
    names_.waiters_.push_back(*this);
    look();
}

NamesWanted::~NamesWanted() {
    ring_.timers().disarm(deadline_);
    unlink();
    for (const std::string& name : wanted_) {
        --names_.entries_.at(name)->wanted;
        names_.forget_if_unused(name);
    }
}

io::Task<void> NamesWanted::until_known() {
    if (!names_.released_ && !known_.is_set()) {
        ring_.timers().arm(deadline_, ring_.now() + patience);
        co_await known_.wait();
    }
    // Not to be waited for twice, by the same change or another.
    for (std::size_t i = first_unknown_; i < wanted_.size(); ++i)
        names_.entries_.at(wanted_[i])->overdue = true;
}

void NamesWanted::look() {
    while (first_unknown_ < wanted_.size() && names_.knows(wanted_[first_unknown_]))
        ++first_unknown_;
    if (first_unknown_ == wanted_.size()) known_.set();
}

void NamesWanted::Deadline::passed(io::Timer& timer) {
    static_cast<Deadline&>(timer).wanted.known_.set();
}

}  // namespace penstock::control
