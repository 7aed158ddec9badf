#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <random>
#include <thread>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "allocations.hpp"
#include "snapshot/publisher.hpp"

using namespace penstock;
using namespace penstock::snapshot;

namespace {

constexpr std::size_t host_count = 64;
constexpr std::chrono::milliseconds stress_time{1'500};
constexpr int reader_count = 4;

std::string host_name(std::size_t host) {
    return "host-" + std::to_string(host) + ".example";
}

/// Even versions exist, odd ones are deletions. The id carries the version, the backends repeat it.
RouteConfig version_of(std::size_t host, std::uint64_t version) {
    RouteConfig config;
    config.id = std::to_string(version);
    config.v_host = host_name(host);
    for (std::uint64_t i = 0; i < 1 + version % 3; ++i) {
        Backend backend;
        backend.id = config.id;
        backend.hostname = "10.0.0.1";
        backend.port = static_cast<std::uint16_t>(1 + i);
        config.backends.push_back(backend);
    }
    return config;
}

/// What readers and publisher agree on, host by host.
struct Shared {
    std::array<std::string, host_count> names;
    std::array<std::atomic<std::uint64_t>, host_count> begun{};   // version being published
    std::array<std::atomic<std::uint64_t>, host_count> passed{};  // version every reader must see
    std::atomic<bool> stop{false};
    std::atomic<std::uint64_t> errors{0};
    std::atomic<std::uint64_t> lookups{0};
};

std::uint64_t version_in(const Route& route) {
    std::uint64_t version = 0;
    std::from_chars(route.id.data(), route.id.data() + route.id.size(), version);
    return version;
}

bool is_whole(const Route& route) {
    const std::uint64_t version = version_in(route);
    if (route.upstreams.size() != 1 + version % 3 || route.live == nullptr) return false;
    for (const Upstream& upstream : route.upstreams) {
        if (upstream.id != route.id || upstream.live == nullptr) return false;
    }
    route.live->cursor.fetch_add(1, std::memory_order_relaxed);
    return true;
}

class StressReader {
  public:
    StressReader(Reader& reader, Shared& shared, unsigned seed)
        : reader_(reader), shared_(shared), random_(seed) {
        held_.reserve(64);
    }

    void run() {
        reader_.wake();
        while (!shared_.stop.load(std::memory_order_relaxed)) turn();
        while (!held_.empty()) let_go(0);
        reader_.sleep();
    }

  private:
    void turn() {
        for (int i = 0; i < 4; ++i) look_up(random_() % host_count);
        while (held_.size() > 32 || (!held_.empty() && random_() % 4 == 0))
            let_go(random_() % held_.size());
        if (random_() % 4 == 0) {
            if (reader_.sleep() && random_() % 8 == 0) {
                std::this_thread::sleep_for(std::chrono::microseconds(50));
            }
            reader_.wake();
        } else {
            reader_.turn();
        }
    }

    void look_up(std::size_t host) {
        const std::uint64_t least = shared_.passed[host].load(std::memory_order_acquire);
        const Route* route = reader_.current()->match(shared_.names[host]);
        const std::uint64_t most = shared_.begun[host].load(std::memory_order_acquire);
        shared_.lookups.fetch_add(1, std::memory_order_relaxed);
        if (route == nullptr) {
            const bool may_be_gone = least % 2 == 1 || most > least;
            if (!may_be_gone) complain();
            return;
        }
        const std::uint64_t version = version_in(*route);
        if (version < least || version > most || !is_whole(*route)) complain();
        if (random_() % 2 == 0 && held_.size() < 64) {
            reader_.hold(*route);
            held_.push_back(route);
        }
    }

    void let_go(std::size_t index) {
        if (!is_whole(*held_[index])) complain();
        reader_.release(*held_[index]);
        held_[index] = held_.back();
        held_.pop_back();
    }

    void complain() { shared_.errors.fetch_add(1, std::memory_order_relaxed); }

    Reader& reader_;
    Shared& shared_;
    std::mt19937 random_;
    std::vector<const Route*> held_;
};

/// Publishes a change and, where told to, waits until every reader has passed it.
class StressPublisher {
  public:
    explicit StressPublisher(Shared& shared) : shared_(shared) {
        publisher.on_progress([this] {
            told_.fetch_add(1);
            told_.notify_one();
        });
    }

    void change(std::size_t host, bool wait) {
        const std::uint64_t version = ++versions_[host];
        const RouteConfig config = version_of(host, version);
        const RouteChange change{shared_.names[host], version % 2 == 1 ? nullptr : &config};
        shared_.begun[host].store(version, std::memory_order_release);
        const std::uint64_t epoch = publisher.publish(std::span(&change, 1));
        if (wait) until_passed(epoch);
        if (publisher.passed(epoch)) shared_.passed[host].store(version, std::memory_order_release);
    }

    Publisher publisher;

  private:
    void until_passed(std::uint64_t epoch) {
        for (;;) {
            const std::uint32_t before = told_.load();
            if (publisher.await(epoch)) return;
            told_.wait(before);  // a lost wake-up would hang here
        }
    }

    Shared& shared_;
    std::array<std::uint64_t, host_count> versions_{};
    std::atomic<std::uint32_t> told_{0};
};

void run_stress(Shared& shared) {
    StressPublisher control(shared);
    std::vector<Reader*> readers;
    std::vector<std::thread> threads;
    std::mt19937 random(5);
    for (int i = 0; i < reader_count; ++i) {
        readers.push_back(&control.publisher.add_reader());
        threads.emplace_back([&shared, &reader = *readers.back(), i] {
            StressReader(reader, shared, static_cast<unsigned>(i)).run();
        });
    }
    const auto end = std::chrono::steady_clock::now() + stress_time;
    for (int i = 0; std::chrono::steady_clock::now() < end; ++i) {
        control.change(random() % host_count, i % 8 == 0);
        if (i % 64 == 0) control.publisher.reclaim();
    }
    shared.stop = true;
    for (std::thread& thread : threads) thread.join();
    if (control.publisher.reclaim() != 0) shared.errors.fetch_add(1);
    if (control.publisher.live().routes() != control.publisher.routes()) shared.errors.fetch_add(1);
    for (Reader* reader : readers) control.publisher.remove_reader(*reader);
}

}  // namespace

TEST_CASE("readers under a storm of publications see whole, current routes",
          "[snapshot][threads]") {
    auto shared = std::make_unique<Shared>();
    for (std::size_t host = 0; host < host_count; ++host) {
        shared->names[host] = host_name(host);
        shared->begun[host] = 1;  // odd: does not exist yet
        shared->passed[host] = 1;
    }
    const auto before = live_allocations();
    run_stress(*shared);
    const auto after = live_allocations();
    CHECK(shared->errors == 0);
    CHECK(shared->lookups > 1'000);
    CHECK(after == before);
}
