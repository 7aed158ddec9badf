// Series: counters that add up at every read, the ring of seconds, and one writer beside readers.
#include "snapshot/series.hpp"

#include <atomic>
#include <memory>
#include <random>
#include <thread>

#include <catch2/catch_test_macros.hpp>

using namespace penstock;
using namespace penstock::snapshot;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr TimePoint start{seconds(1'000)};

Moment at(Duration since_start) {
    return moment_of(start + since_start);
}

bool adds_up(const Counts& counts) {
    return counts.received ==
           counts.completed + counts.rejected + counts.aborted + counts.active + counts.queued;
}

/// What a worker does to its numbers, at random; `reads` are the reader's so far.
void change_at_random(Series& series, const std::atomic<std::uint64_t>& reads) {
    // It waits for a read now and then: however the two threads are scheduled, every read meets
    // changes, and every reader a moment without any.
    constexpr int changes_between_reads = 100;
    std::mt19937 random(3);
    int active = 0;
    int queued = 0;
    for (int i = 0; i < 400'000; ++i) {
        if (i % changes_between_reads == 0) {
            const std::uint64_t before = reads.load();
            while (reads.load() == before) std::this_thread::yield();
        }
        switch (random() % 4) {
            case 0:
                series.begin(at(milliseconds(i / 10)));
                ++active;
                break;
            case 1:
                if (active > 0) {
                    series.queue();
                    --active;
                    ++queued;
                }
                break;
            case 2:
                if (queued > 0) {
                    series.dequeue();
                    ++active;
                    --queued;
                }
                break;
            default:
                if (active > 0) {
                    series.end({.to = static_cast<Ending::To>(random() % 3),
                                .status_class = 2,
                                .bytes_out = 10});
                    --active;
                }
        }
    }
    while (queued-- > 0) {
        series.dequeue();
        ++active;
    }
    while (active-- > 0) series.end({.status_class = 2, .bytes_out = 10});
}

}  // namespace

TEST_CASE("each transition moves a request from one number to another") {
    Series series;
    series.begin(at({}));
    series.begin(at({}));
    series.begin(at({}));
    series.queue();
    Counts counts = series.counts();
    CHECK(counts.received == 3);
    CHECK(counts.active == 2);
    CHECK(counts.queued == 1);
    series.queue_for_auth();
    counts = series.counts();
    CHECK(counts.active == 1);
    CHECK(counts.queued == 2);
    CHECK(counts.queued_for_auth == 1);
    series.dequeue_from_auth();
    CHECK(series.counts().queued_for_auth == 0);
    CHECK(series.counts().queued == 1);
    series.dequeue();
    series.end({.to = Ending::To::completed, .status_class = 2, .bytes_in = 7, .bytes_out = 100});
    series.end({.to = Ending::To::rejected, .error = 3, .status_class = 5, .bytes_out = 1});
    series.end({.to = Ending::To::aborted, .tunnelled = true, .retries = 2});
    counts = series.counts();
    CHECK(counts.active == 0);
    CHECK(counts.queued == 0);
    CHECK(counts.completed == 1);
    CHECK(counts.rejected == 1);
    CHECK(counts.aborted == 1);
    CHECK(counts.status == std::array<std::uint64_t, 5>{0, 1, 0, 0, 1});
    CHECK(counts.errors[3] == 1);
    CHECK(counts.retries == 2);
    CHECK(counts.tunnelled == 1);
    CHECK(counts.bytes_in == 7);
    CHECK(counts.bytes_out == 101);
}

TEST_CASE("recent requests are those of the last whole seconds and the present one") {
    Series series;
    for (int second = 0; second < 200; ++second) {
        for (int i = 0; i <= second % 7; ++i) series.begin(at(seconds(second)));
        for (const int length : {1, 10, 60}) {
            std::uint64_t expected = 0;
            for (int s = std::max(0, second - length); s <= second; ++s) expected += s % 7 + 1;
            CHECK(series.recent_requests(static_cast<unsigned>(length),
                                         start + seconds(second) + milliseconds(999)) == expected);
        }
    }
}

TEST_CASE("what is older than the ring is forgotten, by the reader and by the writer") {
    Series series;
    for (int i = 0; i < 5; ++i) series.begin(at({}));
    CHECK(series.recent_requests(60, start + seconds(60)) == 5);
    CHECK(series.recent_requests(60, start + seconds(61)) == 0);
    CHECK(series.recent_requests(60, start + seconds(64)) == 0);  // the same place of the ring
    CHECK(series.recent_requests(60, start + seconds(10'000)) == 0);
    series.begin(at(seconds(64)));
    CHECK(series.recent_requests(60, start + seconds(64)) == 1);
    series.begin(at(seconds(64 * 50)));
    CHECK(series.recent_requests(60, start + seconds(64 * 50)) == 1);
    CHECK(series.begun_between(at(seconds(64 * 50 - 10)).second, at(seconds(64 * 50 - 1)).second) ==
          0);
}

TEST_CASE("a set sums its workers, few or many, and makes only those that count") {
    for (const unsigned workers : {1U, 4U, 9U}) {
        SeriesSet set(workers);
        int made = 0;
        set.for_each([&](unsigned, const Series&) { ++made; });
        CHECK(made == 0);
        for (unsigned worker = 0; worker < workers; worker += 3) {
            set.of(worker).begin(at({}));
            CHECK(&set.of(worker) == &set.of(worker));
            ++made;
        }
        int seen = 0;
        set.for_each([&](unsigned worker, const Series& series) {
            CHECK(worker % 3 == 0);
            CHECK(series.counts().received == 1);
            ++seen;
        });
        CHECK(seen == made);
        CHECK(set.recent_requests(1, start) == static_cast<std::uint64_t>(made));
    }
}

TEST_CASE("under load every read of a worker's numbers adds up", "[threads]") {
    Series series;
    std::atomic<std::uint64_t> reads{0};
    std::atomic<bool> done{false};
    std::thread writer([&] {
        change_at_random(series, reads);
        done.store(true);
    });
    std::uint64_t off = 0;
    std::uint64_t last = 0;
    bool grows = true;
    while (!done.load()) {
        const Counts counts = series.counts();
        const std::uint64_t ended = counts.completed + counts.rejected + counts.aborted;
        off += !adds_up(counts) || counts.status[1] != ended || counts.bytes_out != 10 * ended;
        grows = grows && counts.received >= last;
        last = counts.received;
        ++reads;
    }
    writer.join();
    // Only a writer that the system took off its CPU in the middle of a change, for longer than a
    // reader waits, lets one read be off.
    CHECK(off * 100 <= reads.load());
    CHECK(reads.load() > 100);
    CHECK(grows);
    const Counts counts = series.counts();
    CHECK(adds_up(counts));
    CHECK(counts.active == 0);
    CHECK(counts.queued == 0);
}
