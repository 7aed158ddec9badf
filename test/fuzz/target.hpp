// What the fuzz targets share: the entry point that libFuzzer and replay.cpp call, and cuts.
//
// An input is the very bytes that the parser would get: a corpus file can be read, and sent with
// netcat. Where a target cuts its input in pieces, the input itself decides where, so that a
// finding replays.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.hpp"
#include "base/hash.hpp"
#include "base/random.hpp"

/// Returns 0. A broken invariant ends the process.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace penstock::fuzz {

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) noexcept {
    return {reinterpret_cast<const char*>(data), size};
}

/// Sizes of pieces for an input: byte by byte in round 0, whole in round 1, and later at random,
/// short pieces more often than long ones.
class Cuts {
  public:
    static constexpr unsigned rounds = 5;

    Cuts(std::string_view input, unsigned round) noexcept
        : round_(round), random_(hash_bytes(input, round)) {}

    /// From 1 to `left`, which is at least 1.
    std::size_t next(std::size_t left) noexcept {
        if (round_ == 0) return 1;
        if (round_ == 1) return left;
        const std::size_t most = std::size_t{1} << random_.below(10);
        return std::min<std::size_t>(left, 1 + random_.below(most));
    }

  private:
    unsigned round_;
    Random random_;
};

}  // namespace penstock::fuzz
