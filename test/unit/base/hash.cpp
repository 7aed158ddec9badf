#include "base/hash.hpp"

#include <bit>
#include <set>
#include <string>

#include <catch2/catch_test_macros.hpp>

using penstock::hash_bytes;

TEST_CASE("a hash is the same in every release and on every node", "[base]") {
    CHECK(hash_bytes("") == 0x146a6b2ea9984c76);
    CHECK(hash_bytes("a") == 0x128c54d5323074bb);
    CHECK(hash_bytes("api.example.com") == 0x6264e5ac2560eeb1);
    CHECK(hash_bytes("a.rather.long.name.of.a.host.example.com", 7) == 0x4e9fd88649ed53cc);
}

TEST_CASE("every byte, the length and the seed count in a hash", "[base]") {
    std::set<std::uint64_t> seen;
    std::size_t made = 0;
    for (std::size_t size = 0; size <= 70; ++size) {
        const std::string text(size, 'x');
        seen.insert(hash_bytes(text));
        seen.insert(hash_bytes(text, 1));
        made += 2;
        for (std::size_t i = 0; i < size; ++i, ++made) {
            std::string other = text;
            other[i] = 'y';
            seen.insert(hash_bytes(other));
        }
    }
    CHECK(seen.size() == made);
}

TEST_CASE("one flipped bit flips about half of the hash", "[base]") {
    for (const std::size_t size : {1, 3, 4, 8, 15, 16, 17, 40}) {
        std::string text(size, 'k');
        const std::uint64_t before = hash_bytes(text);
        int flipped = 0;
        for (std::size_t bit = 0; bit < size * 8; ++bit) {
            text[bit / 8] = static_cast<char>(text[bit / 8] ^ (1 << (bit % 8)));
            flipped += std::popcount(before ^ hash_bytes(text));
            text[bit / 8] = static_cast<char>(text[bit / 8] ^ (1 << (bit % 8)));
        }
        const double mean = static_cast<double>(flipped) / static_cast<double>(size * 8);
        CAPTURE(size, mean);
        CHECK(mean > 24);
        CHECK(mean < 40);
    }
}

TEST_CASE("the low bits of host names' hashes are even", "[base]") {
    constexpr std::size_t shards = 64;
    std::size_t load[shards] = {};
    for (int i = 0; i < 64'000; ++i)
        ++load[hash_bytes("host-" + std::to_string(i) + ".example.com") % shards];
    for (const std::size_t count : load) {
        CHECK(count > 850);
        CHECK(count < 1'150);
    }
}
