// A warm request allocates nothing: counted on the worker's own thread, over both engines.
#include <atomic>
#include <cstdlib>
#include <future>
#include <memory>
#include <new>
#include <string>
#include <thread>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/sanitizers.hpp"
#include "net/listen.hpp"
#include "proxy/access_log/access_log.hpp"
#include "proxy/span_recorder.hpp"
#include "proxy/worker.hpp"
#include "snapshot/publisher.hpp"

namespace {

thread_local std::uint64_t allocations = 0;

}  // namespace

#if !PENSTOCK_ASAN && !PENSTOCK_TSAN
// Not inlined: g++ would see malloc() and free() behind some calls and not behind others, and warn.
[[gnu::noinline]] void* operator new(std::size_t size) {
    ++allocations;
    if (void* memory = std::malloc(size)) return memory;
    throw std::bad_alloc();
}
[[gnu::noinline]] void* operator new(std::size_t size, std::align_val_t alignment) {
    ++allocations;
    const auto align = static_cast<std::size_t>(alignment);
    if (void* memory = std::aligned_alloc(align, (size + align - 1) / align * align)) return memory;
    throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
    std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t) noexcept {
    std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
    std::free(memory);
}
#endif

namespace {

using namespace penstock;

const std::string response =
    "HTTP/1.1 200 OK\r\nServer: o\r\nContent-Type: text/plain\r\nX-One: 1\r\nX-Two: 2\r\n"
    "Content-Length: 5\r\n\r\nhello";
const std::string request =
    "GET /warm HTTP/1.1\r\nHost: a.example\r\nUser-Agent: t\r\nAccept: */*\r\nX-One: 1\r\n"
    "Cookie: a=b\r\nX-Forwarded-For: 2001:db8:1234:5678::1, 127.0.0.1\r\n\r\n";

/// What a route can ask of a head, placeholders included.
RouteConfig with_edits(RouteConfig route) {
    route.headers = {{"X-One", "for ${client.ip}, ${request.id}"}, {"Cookie", std::nullopt}};
    route.response_headers = {{"X-One", "${request.id} at ${vhost}"}, {"Server", std::nullopt}};
    return route;
}

/// Reads until `end`; false where the peer has gone.
bool read_until(int fd, std::string_view end) {
    std::string got;
    char buffer[4096];
    while (!got.ends_with(end)) {
        const ssize_t size = ::recv(fd, buffer, sizeof(buffer), 0);
        if (size <= 0) return false;
        got.append(buffer, static_cast<std::size_t>(size));
    }
    return true;
}

/// Answers every request on one connection after the other, until it is shut down.
class Origin {
  public:
    Origin() {
        auto made = net::listen_on(*net::Address::parse("127.0.0.1", 0));
        REQUIRE(made);
        fd_ = *made;
        thread_ = std::thread([this] {
            for (;;) {
                const int connection = ::accept(fd_, nullptr, nullptr);
                if (connection < 0) return;
                while (read_until(connection, "\r\n\r\n")) {
                    ::send(connection, response.data(), response.size(), MSG_NOSIGNAL);
                }
                ::close(connection);
            }
        });
    }
    ~Origin() {
        ::shutdown(fd_, SHUT_RDWR);
        thread_.join();
        ::close(fd_);
    }
    std::uint16_t port() const { return net::Address::local_of(fd_).port(); }

  private:
    int fd_;
    std::thread thread_;
};

/// The access log, into nowhere, and spans that nobody takes.
struct Listening {
    explicit Listening(snapshot::Totals& t) : totals(t) {
        auto opened = proxy::AccessLog::open({.target = "/dev/null"}, totals);
        REQUIRE(opened);
        log = std::move(*opened);
    }
    std::vector<proxy::RequestListener> all() const {
        return {[this](proxy::RequestEvents& events, unsigned worker) {
                    return log->listen(events, worker);
                },
                proxy::record_spans(spans, totals)};
    }

    snapshot::Totals& totals;
    std::unique_ptr<proxy::AccessLog> log;
    mutable snapshot::SpanQueues spans{1};
};

std::uint64_t allocations_of(proxy::Worker& worker) {
    std::promise<std::uint64_t> counted;
    worker.post([&] { counted.set_value(allocations); });
    return counted.get_future().get();
}

}  // namespace

TEST_CASE("a warm request allocates nothing on the worker's thread", "[threads]") {
    const io::Engine engine = io::probe_uring() ? GENERATE(io::Engine::uring, io::Engine::epoll)
                                                : GENERATE(io::Engine::epoll);
    const bool edited = GENERATE(false, true);
    const bool logged = GENERATE(false, true);  // and traced
    Origin origin;
    RouteConfig route{.id = "r", .v_host = "a.example"};
    route.strategy = GENERATE(BalancingStrategy::round_robin, BalancingStrategy::random,
                              BalancingStrategy::ip_hash, BalancingStrategy::least_connections,
                              BalancingStrategy::least_latency);
    route.backends.push_back({.id = "b", .hostname = "127.0.0.1", .port = origin.port()});
    if (edited) route = with_edits(route);
    snapshot::Publisher publisher;
    publisher.on_progress([] {});
    const snapshot::RouteChange change{"a.example", &route};
    REQUIRE(publisher.publish({&change, 1}));
    auto listener = net::listen_on(*net::Address::parse("127.0.0.1", 0));
    REQUIRE(listener);
    proxy::Settings settings;
    if (edited) settings.trusted_proxies.push_back(*net::Network::parse("127.0.0.0/8"));
    settings.traces = logged;
    proxy::ConnectionLimits limits(100, 0);
    const Listening listening(publisher.totals());
    proxy::Worker worker(
        {.engine = engine,
         .listeners = {{.fd = *listener}},
         .listeners_to_requests = logged ? listening.all() : std::vector<proxy::RequestListener>{}},
        settings, limits, publisher);
    REQUIRE(worker.start());
    worker.accept();
    if (logged) listening.log->start();

    const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const net::Address address = net::Address::local_of(*listener);
    REQUIRE(::connect(client, address.data(), address.size()) == 0);
    const auto exchange = [&] {
        REQUIRE(::send(client, request.data(), request.size(), MSG_NOSIGNAL) > 0);
        REQUIRE(read_until(client, "hello"));
    };
    for (int i = 0; i < 200; ++i) exchange();
    const std::uint64_t before = allocations_of(worker);
    for (int i = 0; i < 1'000; ++i) exchange();
    const std::uint64_t after = allocations_of(worker);
    // Taking the count is a message, which the sender allocates; a trimmed pool would show here.
    CHECK(after - before == 0);

    ::close(client);
    worker.drain({});
    worker.join();
    ::close(*listener);
    if (!logged) return;
    std::size_t spans = 0;
    listening.spans.take([&spans](const snapshot::RequestDetails&) { return ++spans > 0; });
    CHECK(spans == 1'200);
    CHECK(publisher.totals().by_worker[0].log_lines_dropped == 0);
}
