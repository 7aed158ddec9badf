#include "net/resolver.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <system_error>
#include <unordered_map>
#include <utility>

#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/assert.hpp"
#include "net/ares_channel.hpp"

namespace penstock::net {

namespace {

/// What a hosts file's lines are worth: they have no TTL.
constexpr std::chrono::seconds hosts_file_ttl{5};

/// What RFC 6724 (section 5, rule 1) calls a usable destination. Asks the kernel's routes; nothing
/// is sent.
bool has_route(const Address& address) {
    const int fd = ::socket(address.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return errno != EAFNOSUPPORT;
    const Address target = address.with_port(9);
    const bool reachable = ::connect(fd, target.data(), target.size()) == 0;
    ::close(fd);
    return reachable;
}

NameAnswer failed_answer(std::string reason) {
    NameAnswer answer;
    answer.v4.failed = answer.v6.failed = true;
    answer.reason = std::move(reason);
    return answer;
}

}  // namespace

/// The thread's own part: the lookups under way and the channel they go through.
class Resolver::Lookups {
  public:
    explicit Lookups(Resolver& resolver) : resolver_(resolver) {}
    Lookups(const Lookups&) = delete;
    Lookups& operator=(const Lookups&) = delete;

    void begin(std::deque<std::string>& names);
    void wait_and_process();

  private:
    struct Lookup;
    struct Question {
        Lookup& lookup;
        int family;
    };
    struct Lookup {
        Lookup(Lookups& l, const std::string& n) : lookups(l), name(n) {}

        Lookups& lookups;
        std::string name;
        NameAnswer answer;
        int open = 2;  // questions
        int least_ttl = INT32_MAX;
        Question v4{*this, AF_INET};
        Question v6{*this, AF_INET6};
    };

    static constexpr std::size_t most_lookups = 256;

    void begin(const std::string& name);
    bool answer_from_hosts_file(Lookup& lookup);
    static void answered(void* question, int status, int timeouts, ares_addrinfo* found);
    static void add_found(Lookup& lookup, int family, const ares_addrinfo& found);
    void finish(Lookup& lookup);

    Resolver& resolver_;
    std::unordered_map<Lookup*, std::unique_ptr<Lookup>> under_way_;
    std::vector<pollfd> polled_;
    std::unique_ptr<AresChannel> channel_;  // goes first: its end calls answered()
};

void Resolver::Lookups::begin(std::deque<std::string>& names) {
    if (under_way_.empty() && channel_ != nullptr && channel_->is_outdated()) channel_.reset();
    while (!names.empty() && under_way_.size() < most_lookups) {
        const std::string name = std::move(names.front());
        names.pop_front();
        begin(name);
    }
}

void Resolver::Lookups::begin(const std::string& name) {
    if (channel_ == nullptr) {
        auto opened = AresChannel::open(resolver_.servers_);
        if (!opened) return resolver_.deliver_(name, failed_answer(opened.error().message));
        channel_ = std::move(*opened);
    }
    auto made = std::make_unique<Lookup>(*this, name);
    Lookup& lookup = *made;
    under_way_.emplace(&lookup, std::move(made));
    if (answer_from_hosts_file(lookup)) return finish(lookup);
    // The second call may end the lookup, the first cannot.
    channel_->look_up(name, AF_INET, &answered, &lookup.v4);
    channel_->look_up(name, AF_INET6, &answered, &lookup.v6);
}

bool Resolver::Lookups::answer_from_hosts_file(Lookup& lookup) {
    lookup.answer.v4.addresses = channel_->in_hosts_file(lookup.name, AF_INET);
    lookup.answer.v6.addresses = channel_->in_hosts_file(lookup.name, AF_INET6);
    lookup.least_ttl = static_cast<int>(hosts_file_ttl.count());
    if (lookup.answer.found()) return true;
    lookup.least_ttl = INT32_MAX;
    return false;
}

void Resolver::Lookups::answered(void* question, int status, int, ares_addrinfo* found) {
    const Question asked = *static_cast<Question*>(question);
    Lookup& lookup = asked.lookup;
    if (status == ARES_SUCCESS) {
        add_found(lookup, asked.family, *found);
        ares_freeaddrinfo(found);
    } else {
        const bool is_none = status == ARES_ENODATA || status == ARES_ENOTFOUND;
        (asked.family == AF_INET ? lookup.answer.v4 : lookup.answer.v6).failed = !is_none;
        // A failure says more than the absence of addresses of the other family.
        if (!is_none || lookup.answer.reason.empty()) lookup.answer.reason = ares_strerror(status);
    }
    if (--lookup.open > 0) return;
    if (status == ARES_EDESTRUCTION)
        lookup.lookups.under_way_.erase(&lookup);
    else
        lookup.lookups.finish(lookup);
}

void Resolver::Lookups::add_found(Lookup& lookup, int family, const ares_addrinfo& found) {
    auto& into = family == AF_INET ? lookup.answer.v4.addresses : lookup.answer.v6.addresses;
    for (const auto* node = found.nodes; node != nullptr; node = node->ai_next) {
        if (node->ai_family != family) continue;
        const auto* bytes =
            family == AF_INET ? static_cast<const void*>(
                                    &reinterpret_cast<const sockaddr_in*>(node->ai_addr)->sin_addr)
                              : &reinterpret_cast<const sockaddr_in6*>(node->ai_addr)->sin6_addr;
        into.push_back(Address::from_bytes(family, bytes));
        lookup.least_ttl = std::min(lookup.least_ttl, node->ai_ttl);
    }
    for (const auto* alias = found.cnames; alias != nullptr; alias = alias->next)
        lookup.least_ttl = std::min(lookup.least_ttl, alias->ttl);
}

void Resolver::Lookups::finish(Lookup& lookup) {
    NameAnswer& answer = lookup.answer;
    const bool had_any = answer.found();
    std::erase_if(answer.v6.addresses, [](const Address& address) { return !has_route(address); });
    if (had_any && !answer.found()) answer.reason = "it has IPv6 addresses only, and no way there";
    if (!had_any && answer.reason.empty()) answer.reason = "it has no address";
    answer.ttl = std::chrono::seconds(std::max(lookup.least_ttl, 0));
    resolver_.deliver_(lookup.name, std::move(answer));
    under_way_.erase(&lookup);
}

void Resolver::Lookups::wait_and_process() {
    polled_.assign(1, {resolver_.wake_fd_, POLLIN, 0});
    if (channel_ != nullptr) channel_->add_to(polled_);
    const int patience = under_way_.empty() ? -1 : channel_->patience();
    ::poll(polled_.data(), polled_.size(), patience);  // an interruption is a wake-up without cause
    if (polled_.front().revents != 0) {
        std::uint64_t count = 0;
        [[maybe_unused]] const ssize_t size = ::read(resolver_.wake_fd_, &count, sizeof(count));
    }
    if (channel_ != nullptr) channel_->process(std::span(polled_).subspan(1));
}

// --- the resolver ---

Resolver::Resolver(std::vector<Address> servers, Deliver deliver)
    : servers_(std::move(servers)),
      deliver_(std::move(deliver)),
      wake_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (wake_fd_ < 0) throw std::system_error(errno, std::system_category(), "eventfd");
}

Resolver::~Resolver() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake();
    if (thread_.joinable()) thread_.join();
    ::close(wake_fd_);
}

void Resolver::resolve(const std::string& name) {
    if (!thread_.joinable()) {
        try {
            thread_ = std::thread([this] { run(); });
        } catch (const std::system_error& error) {  // the next call tries again
            return deliver_(name, failed_answer(error.what()));
        }
    }
    {
        const std::lock_guard lock(mutex_);
        asked_.push_back(name);
    }
    wake();
}

void Resolver::run() {
    ::pthread_setname_np(::pthread_self(), "penstock-dns");
    Lookups lookups(*this);
    std::deque<std::string> names;
    while (take(names)) {
        lookups.begin(names);
        lookups.wait_and_process();
    }
}

bool Resolver::take(std::deque<std::string>& names) {
    const std::lock_guard lock(mutex_);
    std::move(asked_.begin(), asked_.end(), std::back_inserter(names));
    asked_.clear();
    return !stopping_;
}

void Resolver::wake() noexcept {
    const std::uint64_t one = 1;
    // Can only fail when the counter is full, and then the thread is awake already.
    [[maybe_unused]] const ssize_t written = ::write(wake_fd_, &one, sizeof(one));
}

}  // namespace penstock::net
