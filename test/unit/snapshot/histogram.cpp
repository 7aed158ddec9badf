// Histograms: their error, their sum, the sliding window, and memory that is bounded and returns.
#include "snapshot/histogram.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include <catch2/catch_test_macros.hpp>

using namespace penstock;
using namespace penstock::snapshot;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

namespace {

double error_of(Duration given, Duration real) {
    return std::abs(static_cast<double>((given - real).count())) /
           static_cast<double>(real.count());
}

Histogram collected(const LatencyWindow& window, const HistogramPool& pool, std::uint32_t period,
                    Phase phase = Phase::total) {
    Histogram histogram;
    window.collect(pool, period, phase, histogram);
    return histogram;
}

}  // namespace

TEST_CASE("a bucket's middle is within 1% of every duration in it, from 4 µs to 2.4 hours") {
    double worst = 0;
    for (double ns = 4'096; ns < 8.7e12; ns *= 1.0007) {
        const Duration real(static_cast<std::int64_t>(ns));
        worst = std::max(worst, error_of(middle_of(bucket_of(real)), real));
    }
    CHECK(worst < 0.0079);
    CHECK(worst > 0.005);  // the walk has met the edges of buckets
    for (std::int64_t ns = 0; ns < 4'096; ++ns) {
        CHECK(std::abs(middle_of(bucket_of(nanoseconds(ns))).count() - ns) <= 32);
    }
}

TEST_CASE("buckets are in the order of their durations and every octave's edge is exact") {
    const auto order = [](Duration d) {
        const Bucket bucket = bucket_of(d);
        return bucket.octave * octave_buckets + bucket.place;
    };
    CHECK(order(nanoseconds(-5)) == 0);
    CHECK(order(nanoseconds(63)) == 0);
    CHECK(order(nanoseconds(64)) == 1);
    for (int power = 12; power < 43; ++power) {
        const std::int64_t edge = std::int64_t{1} << power;
        CHECK(order(nanoseconds(edge)) == order(nanoseconds(edge - 1)) + 1);
    }
    CHECK(order(nanoseconds(std::int64_t{1} << 43)) == octaves * octave_buckets - 1);
    CHECK(order(Duration::max()) == octaves * octave_buckets - 1);
}

TEST_CASE("quantiles, mean and maximum are within 1% of the exact ones") {
    std::mt19937 random(7);
    std::lognormal_distribution<double> spread(15.0, 1.5);  // around 3.3 ms
    HistogramPool pool;
    LatencyWindow window;
    pool.advance(10);
    std::vector<std::int64_t> exact;
    double sum = 0;
    for (int i = 0; i < 50'000; ++i) {
        const auto ns = static_cast<std::int64_t>(spread(random)) + 5'000;
        exact.push_back(ns);
        sum += static_cast<double>(ns);
        REQUIRE(window.record(pool, 10, Phase::total, bucket_of(Duration(ns))));
    }
    std::sort(exact.begin(), exact.end());
    const Histogram histogram = collected(window, pool, 10);
    REQUIRE(histogram.count() == exact.size());
    for (const double fraction : {0.001, 0.5, 0.9, 0.99, 0.999, 1.0}) {
        const auto rank =
            static_cast<std::size_t>(std::ceil(fraction * static_cast<double>(exact.size())));
        CHECK(error_of(histogram.quantile(fraction), Duration(exact[rank - 1])) < 0.01);
    }
    CHECK(histogram.max() == histogram.quantile(1.0));
    CHECK(error_of(histogram.mean(), Duration(static_cast<std::int64_t>(
                                         sum / static_cast<double>(exact.size())))) < 0.01);
}

TEST_CASE("an empty histogram gives zeroes") {
    const Histogram histogram;
    CHECK(histogram.count() == 0);
    CHECK(histogram.mean() == Duration::zero());
    CHECK(histogram.quantile(0.5) == Duration::zero());
    CHECK(histogram.max() == Duration::zero());
}

TEST_CASE("histograms of several workers add up") {
    HistogramPool first_pool;
    HistogramPool second_pool;
    LatencyWindow first;
    LatencyWindow second;
    first_pool.advance(10);
    second_pool.advance(10);
    for (int i = 0; i < 90; ++i)
        first.record(first_pool, 10, Phase::total, bucket_of(milliseconds(1)));
    for (int i = 0; i < 10; ++i)
        second.record(second_pool, 10, Phase::total, bucket_of(seconds(1)));
    Histogram both;
    first.collect(first_pool, 10, Phase::total, both);
    second.collect(second_pool, 10, Phase::total, both);
    CHECK(both.count() == 100);
    CHECK(error_of(both.quantile(0.9), milliseconds(1)) < 0.01);
    CHECK(error_of(both.quantile(0.91), seconds(1)) < 0.01);
    CHECK(error_of(both.mean(), microseconds(100'900)) < 0.01);
}

TEST_CASE("phases are apart from each other") {
    HistogramPool pool;
    LatencyWindow window;
    pool.advance(10);
    for (unsigned phase = 0; phase < phases; ++phase)
        window.record(pool, 10, static_cast<Phase>(phase), bucket_of(milliseconds(1 << phase)));
    for (unsigned phase = 0; phase < phases; ++phase) {
        const Histogram one = collected(window, pool, 10, static_cast<Phase>(phase));
        CHECK(one.count() == 1);
        CHECK(error_of(one.max(), milliseconds(1 << phase)) < 0.01);
    }
}

TEST_CASE("the window holds the present period and the six before it") {
    HistogramPool pool;
    LatencyWindow window;
    for (std::uint32_t period = 100; period < 120; ++period) {
        pool.advance(period);
        window.record(pool, period, Phase::total, bucket_of(milliseconds(period)));
        const Histogram seen = collected(window, pool, period);
        CHECK(seen.count() == std::min(period - 99, window_periods));
        CHECK(error_of(seen.quantile(0.001), milliseconds(std::max(100U, period - 6))) < 0.01);
    }
    // Nobody writes any more: what is old leaves the window all the same.
    CHECK(collected(window, pool, 122).count() == 4);
    CHECK(collected(window, pool, 125).count() == 1);
    CHECK(collected(window, pool, 126).count() == 0);
}

TEST_CASE("memory is bounded, what finds none is told, and it returns by itself") {
    constexpr std::size_t chunks = 64;
    HistogramPool pool(chunks * sizeof(HistogramPool::Chunk));
    std::vector<std::unique_ptr<LatencyWindow>> windows;
    pool.advance(50);
    std::size_t counted = 0;
    for (int i = 0; i < 100; ++i) {
        windows.push_back(std::make_unique<LatencyWindow>());
        counted += windows.back()->record(pool, 50, Phase::total, bucket_of(milliseconds(5)));
    }
    CHECK(counted == (chunks - 1) / 2);  // two chunks each
    CHECK(pool.bytes_in_use() == (chunks - 1) * sizeof(HistogramPool::Chunk));
    windows.clear();  // their end gives nothing back, and need not
    LatencyWindow late;
    pool.advance(56);
    CHECK_FALSE(late.record(pool, 56, Phase::total, bucket_of(milliseconds(5))));
    pool.advance(57);
    CHECK(pool.bytes_in_use() == 0);
    CHECK(late.record(pool, 57, Phase::total, bucket_of(milliseconds(5))));
    CHECK(collected(late, pool, 57).count() == 1);  // and the chunk came back zeroed
    CHECK(pool.bytes_in_use() == 2 * sizeof(HistogramPool::Chunk));
    pool.advance(1'000'000);  // after a long silence
    CHECK(pool.bytes_in_use() == 0);
}

TEST_CASE("a reader meets recycled chunks without counting what is another's", "[threads]") {
    // Periods pass as fast as they can, so that nearly every read meets recycling. Two windows
    // share the pool: one counts only 1 ms, the other only 1 s.
    HistogramPool pool(256 * sizeof(HistogramPool::Chunk));
    LatencyWindow fast;
    LatencyWindow slow;
    std::atomic<std::uint32_t> present{100};
    std::atomic<bool> done{false};
    std::atomic<std::uint64_t> reads{0};
    std::thread writer([&] {
        while (reads.load() == 0)
            std::this_thread::yield();  // a busy machine starts nobody at once
        for (std::uint32_t period = 100; period < 20'000; ++period) {
            pool.advance(period);
            for (int i = 0; i < 5; ++i) {
                slow.record(pool, period, Phase::total, bucket_of(seconds(1)));
                fast.record(pool, period, Phase::total, bucket_of(milliseconds(1)));
            }
            present.store(period);
        }
        done.store(true);
    });
    std::uint64_t foreign = 0;
    std::uint64_t most = 0;
    while (!done.load()) {
        const Histogram one = collected(fast, pool, present.load());
        most = std::max(most, one.count());
        foreign += one.count() > 0 && (error_of(one.max(), milliseconds(1)) > 0.01 ||
                                       error_of(one.quantile(0.001), milliseconds(1)) > 0.01);
        ++reads;
    }
    writer.join();
    CHECK(foreign == 0);
    CHECK(most <= 5 * window_periods);
    CHECK(collected(fast, pool, 19'999).count() == 5 * window_periods);
}
