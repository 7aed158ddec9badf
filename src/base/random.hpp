// Fast random numbers for balancing, jitter and request ids; not for keys or tokens.
//
// One generator a thread, seeded from the kernel. xoshiro256++ (Blackman and Vigna, 2019).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace penstock {

class Random {
  public:
    /// Seeds from getrandom(2); aborts where the kernel gives no entropy.
    Random();
    explicit Random(std::uint64_t seed) noexcept;

    std::uint64_t next() noexcept {
        const std::uint64_t result = rotate(state_[0] + state_[3], 23) + state_[0];
        const std::uint64_t shifted = state_[1] << 17;
        state_[2] ^= state_[0];
        state_[3] ^= state_[1];
        state_[1] ^= state_[2];
        state_[0] ^= state_[3];
        state_[2] ^= shifted;
        state_[3] = rotate(state_[3], 45);
        return result;
    }

    /// Uniform in [0, bound); bound ≥ 1. Multiply-shift (Lemire, 2019): the bias is below bound /
    /// 2^64.
    std::uint64_t below(std::uint64_t bound) noexcept {
        __extension__ using Wide = unsigned __int128;
        return static_cast<std::uint64_t>((static_cast<Wide>(next()) * bound) >> 64);
    }

  private:
    static std::uint64_t rotate(std::uint64_t value, int by) noexcept {
        return (value << by) | (value >> (64 - by));
    }

    std::array<std::uint64_t, 4> state_;
};

/// RFC 9562; all zero bits: none.
struct Uuid {
    static constexpr std::size_t text_size = 36;

    std::uint64_t high = 0;
    std::uint64_t low = 0;

    bool is_nil() const noexcept { return high == 0 && low == 0; }
};

/// A UUIDv7 (section 5.7) of the moment `unix_ms`.
Uuid make_uuid_v7(std::uint64_t unix_ms, Random& random) noexcept;

/// Writes Uuid::text_size characters, no terminator.
void write_uuid(char* out, const Uuid& uuid) noexcept;

}  // namespace penstock
