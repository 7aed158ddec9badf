// CRC-32C (Castagnoli; RFC 3385), byte by byte over a table: for a few hundred bytes once a
// connection.
//
// Pure function, any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace penstock {

namespace detail {

constexpr std::array<std::uint32_t, 256> make_crc32c_table() noexcept {
    constexpr std::uint32_t reflected_polynomial = 0x82f6'3b78;
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        std::uint32_t rest = byte;
        for (int bit = 0; bit < 8; ++bit)
            rest = (rest >> 1) ^ ((rest & 1) != 0 ? reflected_polynomial : 0);
        table[byte] = rest;
    }
    return table;
}

inline constexpr std::array<std::uint32_t, 256> crc32c_table = make_crc32c_table();

}  // namespace detail

/// `before` is the checksum of what came before `bytes`, so that a text can be summed in parts.
constexpr std::uint32_t crc32c(std::string_view bytes, std::uint32_t before = 0) noexcept {
    std::uint32_t sum = ~before;
    for (const char c : bytes)
        sum = (sum >> 8) ^ detail::crc32c_table[(sum ^ static_cast<unsigned char>(c)) & 0xff];
    return ~sum;
}

static_assert(crc32c("123456789") == 0xe306'9283);  // the check value every catalogue lists

}  // namespace penstock
