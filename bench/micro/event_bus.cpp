// What telling of an event costs: once a request, on the worker's thread.
//
//   build/release/bench/penstock-bench-event-bus [ROUNDS]
//
// Each round times a million of: a loop that does nothing else but keep the compiler from leaving
// it out, has_subscribers() before a record is made, publish() of a record made anyway, and
// publish() to 1, 2 and 4 subscribers that add up a field. Prints the median of the rounds, in
// nanoseconds an event. Compare with the 13,000 ns or so that a whole plain request costs.
#include "base/event_bus.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <vector>

namespace {

using penstock::EventBus;
using penstock::Subscription;

constexpr int events_a_round = 1'000'000;

/// About what is known of a request at its end.
struct Record {
    const void* route;
    const void* upstream;
    std::uint64_t bytes_in;
    std::uint64_t bytes_out;
    std::chrono::nanoseconds started;
    std::chrono::nanoseconds now;
    std::optional<std::chrono::nanoseconds> queue;
    std::optional<std::chrono::nanoseconds> connect;
    std::optional<std::chrono::nanoseconds> first_byte;
    std::uint16_t status;
    std::uint16_t retries;
};

/// The compiler has to assume that memory has changed.
void touch_memory() {
    asm volatile("" ::: "memory");
}

Record record_of(std::uint64_t number) {
    return {.route = nullptr,
            .upstream = nullptr,
            .bytes_in = number,
            .bytes_out = number + 1,
            .started = {},
            .now = {},
            .queue = {},
            .connect = {},
            .first_byte = std::chrono::nanoseconds(number),
            .status = 200,
            .retries = 0};
}

template <class Step>
double nanoseconds_each(Step&& step) {
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < events_a_round; ++i) {
        step(static_cast<std::uint64_t>(i));
        touch_memory();
    }
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
    return took.count() / events_a_round;
}

/// One line of the table; its rounds alternate with those of the others.
struct Line {
    const char* name;
    bool asks_first;  // whether a record is made at all
    int subscribers;  // -1: no bus
    std::vector<double> rounds{};

    void run() {
        EventBus<Record> bus;
        std::uint64_t sum = 0;
        std::vector<Subscription> subscriptions;
        for (int i = 0; i < subscribers; ++i) {
            subscriptions.push_back(
                bus.subscribe<Record>([&sum](const Record& record) { sum += record.bytes_out; }));
        }
        rounds.push_back(nanoseconds_each([&](std::uint64_t number) {
            if (subscribers < 0) return;
            if (asks_first && !bus.has_subscribers<Record>()) return;
            bus.publish(record_of(number));
        }));
    }
    double median() {
        std::sort(rounds.begin(), rounds.end());
        return rounds[rounds.size() / 2];
    }
};

}  // namespace

int main(int argc, char** argv) {
    const int rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 31;
    std::vector<Line> lines{{"the empty loop", false, -1},
                            {"nobody listens, asked first", true, 0},
                            {"nobody listens, record made anyway", false, 0},
                            {"1 subscriber", true, 1},
                            {"2 subscribers", true, 2},
                            {"4 subscribers", true, 4}};
    for (int round = 0; round < rounds; ++round) {
        for (Line& line : lines) line.run();
    }
    for (Line& line : lines) std::printf("%-36s %6.2f ns\n", line.name, line.median());
}
