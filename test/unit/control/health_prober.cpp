// Probes against listening sockets of this process, on the real clock: what is asserted are
// orders and bounds that hold however slow the machine is.
#include "control/health_prober.hpp"

#include <catch2/generators/catch_generators.hpp>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "fixture.hpp"
#include "net/listen.hpp"

using namespace penstock;
using namespace penstock::control;
using snapshot::HealthState;
using std::chrono::milliseconds;

namespace {

/// Accepts on a port of its own, and answers each connection once with the same bytes.
class FakeBackend {
  public:
    explicit FakeBackend(std::string answer = "", std::string address = "127.0.0.1")
        : answer_(std::move(answer)), address_(std::move(address)) {
        listen(0);
    }
    ~FakeBackend() { close(); }

    void listen(std::uint16_t port) {
        const auto fd = net::listen_on(*net::Address::parse(address_, port));
        REQUIRE(fd);
        fd_ = *fd;
        ::fcntl(fd_, F_SETFL, O_NONBLOCK);
        port_ = net::Address::local_of(fd_).port();
    }
    void close() {
        for (const int fd : connections_) ::close(fd);
        connections_.clear();
        if (fd_ >= 0) ::close(std::exchange(fd_, -1));
    }
    /// To be called again and again.
    void serve() {
        for (int fd = -1; (fd = ::accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK)) >= 0;) {
            ++accepted;
            asked.insert(net::Address::local_of(fd).host());
            connections_.push_back(fd);
        }
        for (const int fd : connections_) {
            char bytes[4096];
            const ssize_t got = ::recv(fd, bytes, sizeof(bytes), 0);
            if (got <= 0) continue;
            request.assign(bytes, static_cast<std::size_t>(got));
            if (!answer_.empty()) ::send(fd, answer_.data(), answer_.size(), MSG_NOSIGNAL);
        }
    }
    std::uint16_t port() const { return port_; }

    int accepted = 0;
    std::set<std::string> asked;  // the addresses that were connected to
    std::string request;

  private:
    std::string answer_;
    std::string address_;
    int fd_ = -1;
    std::uint16_t port_ = 0;
    std::vector<int> connections_;
};

struct Fixture {
    Fixture() {
        const io::Engine engine =
            io::probe_uring() ? GENERATE(io::Engine::uring, io::Engine::epoll) : io::Engine::epoll;
        auto made = io::Ring::create(engine);
        REQUIRE(made);
        ring = std::move(*made);
        prober.emplace(*ring, configuration,
                       [this](const Configuration::PublishedBackend& backend) {
                           revived.push_back(backend.upstream->authority);
                       });
        configuration.on_route_published(
            [this](const RouteConfig& published, const snapshot::Route& route) {
                prober->look_at(published, route);
            });
        config.v_host = "a.example";
        config.health.recheck = milliseconds(20);
        config.health.probe.timeout = milliseconds(5'000);
    }
    ~Fixture() {
        serving.clear();  // the cases' own, which have gone
        prober->stop();
        turn_until([&] { return prober->stopped(); });
        prober.reset();
        ring->wait(ring->now());
    }

    void add(std::uint16_t port) {
        config.backends.push_back(
            {.id = std::to_string(port), .hostname = "127.0.0.1", .port = port});
    }
    void publish() { REQUIRE(configuration.put(config)); }
    snapshot::BackendHealth& health(std::size_t index = 0) {
        return configuration.published("a.example")->upstreams[index].live->health;
    }
    /// As a request would.
    void kill(std::size_t index = 0) {
        REQUIRE(health(index).record_failure({}, ring->now()));
        configuration.refresh("a.example");
    }
    template <class Done>
    void turn_until(Done done) {
        const TimePoint limit = Clock::now() + std::chrono::seconds(20);
        while (!done()) {
            REQUIRE(Clock::now() < limit);
            ring->wait(Clock::now() + milliseconds(2));
            ring->run_ready();
            for (FakeBackend* backend : serving) backend->serve();
        }
    }
    void turn_for(milliseconds time) {
        const TimePoint end = Clock::now() + time;
        turn_until([end] { return Clock::now() > end; });
    }

    TestStore store;
    snapshot::Publisher publisher;
    ControlEvents events;
    io::TimerWheel timers{TimePoint{}};
    Names names{timers, [](const std::string&) {}};
    Configuration configuration{store, publisher, events, names};
    std::unique_ptr<io::Ring> ring;
    std::optional<HealthProber> prober;
    RouteConfig config;
    std::vector<std::string> revived;
    std::vector<FakeBackend*> serving;
};

std::string answer(std::string_view status) {
    return "HTTP/1.1 " + std::string(status) + "\r\nContent-Length: 0\r\n\r\n";
}

}  // namespace

TEST_CASE_METHOD(Fixture, "a dead backend that accepts connections lives again", "[control]") {
    FakeBackend backend;
    const std::uint16_t port = backend.port();
    backend.close();
    add(port);
    publish();
    kill();
    turn_for(milliseconds(100));
    CHECK(revived.empty());
    CHECK(health().view().state == HealthState::dead);
    backend.listen(port);
    turn_until([&] { return !revived.empty(); });
    CHECK(health().is_alive());
    CHECK(revived == std::vector<std::string>{"127.0.0.1:" + std::to_string(port)});
    // And nobody asks it any more.
    serving.push_back(&backend);
    turn_for(milliseconds(50));
    const int accepted = backend.accepted;
    turn_for(milliseconds(150));
    CHECK(backend.accepted == accepted);
    CHECK(revived.size() == 1);
}

TEST_CASE_METHOD(Fixture, "with a path, a well-formed 2xx or 3xx revives and nothing else",
                 "[control]") {
    const auto [reply, revives] = GENERATE(table<std::string, bool>({
        {answer("200 OK"), true},
        {answer("204 No Content"), true},
        {answer("302 Found"), true},
        {"HTTP/1.1 103 Early Hints\r\n\r\n" + answer("200 OK"), true},
        {answer("404 Not Found"), false},
        {answer("500 Internal Server Error"), false},
        {"HTTP/1.1 101 Switching Protocols\r\n\r\n", false},
        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", false},
        {"hello\r\n\r\n", false},
    }));
    CAPTURE(reply);
    FakeBackend backend(reply);
    serving.push_back(&backend);
    config.health.probe.path = "/up?deep=1";
    add(backend.port());
    publish();
    kill();
    turn_until([&] { return backend.accepted >= 3 || !revived.empty(); });
    CHECK(revived.empty() != revives);
    CHECK(backend.request.starts_with("GET /up?deep=1 HTTP/1.1\r\nHost: a.example\r\n"));
    CHECK(backend.request.ends_with("\r\nConnection: close\r\n\r\n"));
}

TEST_CASE_METHOD(Fixture, "a pattern is no Host: the backend's own name is sent", "[control]") {
    FakeBackend backend(answer("200 OK"));
    serving.push_back(&backend);
    config.v_host = GENERATE("*", "*.example");
    config.health.probe.path = "/";
    add(backend.port());
    publish();
    auto& health = configuration.published(config.v_host)->upstreams[0].live->health;
    REQUIRE(health.record_failure({}, ring->now()));
    configuration.refresh(config.v_host);
    turn_until([&] { return !revived.empty(); });
    CHECK(backend.request.find("Host: 127.0.0.1:" + std::to_string(backend.port()) + "\r\n") !=
          std::string::npos);
}

TEST_CASE_METHOD(Fixture, "one that never answers is asked again on schedule, by two at most",
                 "[control]") {
    FakeBackend backend;  // takes the request, says nothing
    serving.push_back(&backend);
    config.health.probe.path = "/";
    add(backend.port());
    publish();
    kill();
    std::size_t most = 0;
    turn_until([&] {
        most = std::max(most, prober->probes());
        return backend.accepted >= 10;
    });
    // The first with its whole time-out, the others one after another; an interrupted one may
    // still be ending.
    CHECK(most >= 2);
    CHECK(most <= 3);
}

TEST_CASE_METHOD(Fixture, "while another serves, the recheck period holds", "[control]") {
    FakeBackend dead;
    FakeBackend alive;
    serving = {&dead, &alive};
    config.health.recheck = milliseconds(600'000);
    add(dead.port());
    add(alive.port());
    publish();
    kill(0);
    turn_for(milliseconds(1'300));
    CHECK(dead.accepted == 0);
    SECTION("until the other one dies: then both are asked within a second") {
        const TimePoint died = Clock::now();
        kill(1);
        turn_until([&] { return revived.size() == 2; });
        CHECK(Clock::now() - died < milliseconds(10'000));
    }
    SECTION("or the period is changed") {
        config.health.recheck = milliseconds(20);
        publish();
        turn_until([&] { return revived.size() == 1; });
        CHECK(alive.accepted == 0);
    }
}

TEST_CASE_METHOD(Fixture, "what leaves while it is probed is let go", "[control]") {
    FakeBackend backend;
    serving.push_back(&backend);
    config.health.probe.path = "/";  // never answered
    add(backend.port());
    publish();
    kill();
    turn_until([&] { return prober->probes() > 0; });
    SECTION("the route") {
        REQUIRE(configuration.remove("a.example"));
    }
    SECTION("the backend") {
        config.backends.clear();
        publish();
    }
    SECTION("into maintenance") {
        REQUIRE(configuration.set_maintenance("a.example", config.backends.front(), true));
    }
    SECTION("back, by hand") {
        REQUIRE(configuration.set_maintenance("a.example", config.backends.front(), false));
        CHECK(health().is_alive());
    }
    turn_until([&] { return prober->probes() == 0; });
    CHECK(revived.empty());
}

TEST_CASE_METHOD(Fixture, "a probe is stale where a request has failed since", "[control]") {
    FakeBackend backend;
    config.health.recheck = milliseconds(50);
    add(backend.port());
    publish();
    kill();
    turn_until([&] { return prober->probes() > 0; });
    CHECK_FALSE(health().record_failure({}, ring->now()));
    turn_until([&] { return !revived.empty(); });  // by a later one
    CHECK(revived.size() == 1);
    CHECK(health().is_alive());
}

TEST_CASE_METHOD(Fixture, "many dead backends are asked in turn, never too many at once",
                 "[control]") {
    constexpr std::size_t count = 2 * HealthProber::most_probes;
    FakeBackend backend("", "0.0.0.0");  // all of them: one port on many addresses
    serving.push_back(&backend);
    config.health.probe.path = "/";  // never answered
    config.health.probe.timeout = milliseconds(500);
    for (std::size_t i = 0; i < count; ++i) {
        config.backends.push_back(
            {.id = std::to_string(i),
             .hostname = "127.0." + std::to_string(i / 250) + '.' + std::to_string(1 + i % 250),
             .port = backend.port()});
    }
    publish();
    for (std::size_t i = 0; i < count; ++i) REQUIRE(health(i).record_failure({}, ring->now()));
    configuration.refresh("a.example");
    std::size_t most = 0;
    turn_until([&] {
        most = std::max(most, prober->probes());
        return backend.asked.size() == count;
    });
    CHECK(most == HealthProber::most_probes);
    CHECK(revived.empty());
}
