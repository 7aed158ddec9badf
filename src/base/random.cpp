#include "base/random.hpp"

#include <sys/random.h>

#include "base/assert.hpp"

namespace penstock {

Random::Random() {
    const ssize_t got = ::getrandom(state_.data(), sizeof(state_), 0);
    PENSTOCK_ASSERT(got == static_cast<ssize_t>(sizeof(state_)));
    state_[0] |= 1;  // xoshiro's one bad state is all zeros
}

Random::Random(std::uint64_t seed) noexcept {
    for (auto& word : state_) {  // splitmix64, as the generator's authors advise
        seed += 0x9e3779b97f4a7c15;
        std::uint64_t mixed = seed;
        mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
        word = mixed ^ (mixed >> 31);
    }
}

Uuid make_uuid_v7(std::uint64_t unix_ms, Random& random) noexcept {
    return {.high = (unix_ms << 16) | 0x7000 | (random.next() & 0x0fff),
            .low = (random.next() & 0x3fffffffffffffff) | 0x8000000000000000};
}

void write_uuid(char* out, const Uuid& uuid) noexcept {
    static constexpr char digits[] = "0123456789abcdef";
    for (int nibble = 0; nibble < 32; ++nibble) {
        if (nibble == 8 || nibble == 12 || nibble == 16 || nibble == 20) *out++ = '-';
        const std::uint64_t word = nibble < 16 ? uuid.high : uuid.low;
        *out++ = digits[(word >> (60 - 4 * (nibble % 16))) & 0xf];
    }
}

}  // namespace penstock
