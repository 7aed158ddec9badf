// A fast 64-bit hash of bytes: two multiplications for a host name, every output bit depends on
// every input bit.
//
// Any thread, no state, no allocation. Not a cryptographic hash: keys are chosen by the
// administrator, not by clients. The same bytes and seed hash alike on every machine and in every
// release (IP_HASH relies on it). Folded 64×64-bit multiplication after wyhash (Wang Yi, public
// domain, 2019).
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace penstock {

namespace hash_detail {

inline constexpr std::uint64_t k0 = 0xa0761d6478bd642f;
inline constexpr std::uint64_t k1 = 0xe7037ed1a0b428db;

inline std::uint64_t fold(std::uint64_t a, std::uint64_t b) noexcept {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

inline std::uint64_t load8(const char* from) noexcept {
    std::uint64_t word = 0;
    std::memcpy(&word, from, sizeof(word));
    if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
    return word;
}

inline std::uint64_t load4(const char* from) noexcept {
    std::uint32_t word = 0;
    std::memcpy(&word, from, sizeof(word));
    if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap32(word);
    return word;
}

/// One to three bytes, each in a place of its own.
inline std::uint64_t load_few(const char* from, std::size_t size) noexcept {
    const auto at = [from](std::size_t i) {
        return std::uint64_t{static_cast<unsigned char>(from[i])};
    };
    return at(0) << 16 | at(size / 2) << 8 | at(size - 1);
}

}  // namespace hash_detail

inline std::uint64_t hash_bytes(std::string_view bytes, std::uint64_t seed = 0) noexcept {
    using namespace hash_detail;
    const char* at = bytes.data();
    const std::size_t size = bytes.size();
    std::uint64_t state = seed ^ fold(seed ^ k0, k1);
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    if (size > 16) {
        const char* const tail = at + size - 16;
        for (; at < tail; at += 16) state = fold(load8(at) ^ k1, load8(at + 8) ^ state);
        first = load8(tail);  // the last 16 bytes, which may overlap the block before
        last = load8(tail + 8);
    } else if (size >= 4) {
        const std::size_t step =
            (size / 8) * 4;  // 4..7 bytes: both words overlap; 8..16: four words cover all
        first = load4(at) << 32 | load4(at + step);
        last = load4(at + size - 4) << 32 | load4(at + size - 4 - step);
    } else if (size > 0) {
        first = load_few(at, size);
    }
    return fold(k1 ^ size, fold(first ^ k1, last ^ state));
}

/// Of two hashes, or numbers, in this order.
inline std::uint64_t hash_pair(std::uint64_t first, std::uint64_t second) noexcept {
    using namespace hash_detail;
    return fold(k0 ^ 16, fold(first ^ k1, second ^ k0));
}

}  // namespace penstock
