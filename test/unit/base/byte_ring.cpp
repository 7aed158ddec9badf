// ByteRing: what goes in comes out, in order and whole, and what has no room is refused.
#include "base/byte_ring.hpp"

#include <deque>
#include <string>
#include <thread>

#include <catch2/catch_test_macros.hpp>

#include "base/random.hpp"

using namespace penstock;

namespace {

bool put(ByteRing& ring, std::string_view text) {
    char* const room = ring.reserve(text.size());
    if (room == nullptr) return false;
    std::copy(text.begin(), text.end(), room);
    ring.commit();
    return true;
}

}  // namespace

TEST_CASE("records come out of a ring as they went in, across its end too", "[base]") {
    ByteRing ring(1'024);
    std::deque<std::string> expected;
    Random random(7);
    std::size_t refused = 0;
    for (int i = 0; i < 20'000; ++i) {
        const std::string text(random.below(200), static_cast<char>('a' + i % 26));
        if (put(ring, text))
            expected.push_back(text);
        else
            ++refused;
        while (!expected.empty() && random.below(3) == 0) {
            REQUIRE(!ring.empty());
            REQUIRE(ring.front() == expected.front());
            ring.pop();
            expected.pop_front();
        }
    }
    CHECK(refused > 0);
    while (!ring.empty()) {
        REQUIRE(ring.front() == expected.front());
        ring.pop();
        expected.pop_front();
    }
    CHECK(expected.empty());
}

TEST_CASE("a full ring refuses, and takes again what fits once something has left", "[base]") {
    ByteRing ring(64);
    CHECK(put(ring, std::string(24, 'a')));
    CHECK_FALSE(ring.is_half_full());
    CHECK(put(ring, std::string(24, 'b')));
    CHECK(ring.is_half_full());
    CHECK_FALSE(put(ring, ""));
    ring.pop();
    CHECK_FALSE(put(ring, std::string(25, 'c')));
    CHECK(put(ring, std::string(24, 'c')));
    CHECK(ring.front() == std::string(24, 'b'));
    ring.pop();
    CHECK(ring.front() == std::string(24, 'c'));
    ring.pop();
    CHECK(ring.empty());
}

TEST_CASE("one thread writes into a ring while another reads", "[base][threads]") {
    ByteRing ring(4'096);
    constexpr std::uint64_t count = 100'000;
    std::thread producer([&ring] {
        for (std::uint64_t i = 0; i < count; ++i) {
            const std::string text = std::to_string(i) + std::string(i % 100, 'x');
            while (!put(ring, text)) std::this_thread::yield();
        }
    });
    bool in_order = true;
    for (std::uint64_t i = 0; i < count; ++i) {
        while (ring.empty()) std::this_thread::yield();
        in_order = in_order && ring.front() == std::to_string(i) + std::string(i % 100, 'x');
        ring.pop();
    }
    producer.join();
    CHECK(in_order);
    CHECK(ring.empty());
}
