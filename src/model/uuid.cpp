#include "model/uuid.hpp"

#include <array>

#include <sys/random.h>

#include "base/assert.hpp"

namespace penstock::model {

std::string make_uuid() {
    std::array<unsigned char, 16> bytes{};
    const ssize_t got = ::getrandom(bytes.data(), bytes.size(), 0);
    PENSTOCK_ASSERT(got == static_cast<ssize_t>(bytes.size()));
    bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0f) | 0x40);  // version 4
    bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);  // variant 10

    static constexpr char digits[] = "0123456789abcdef";
    std::string text;
    text.reserve(36);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
        text += digits[bytes[i] >> 4];
        text += digits[bytes[i] & 0x0f];
    }
    return text;
}

}  // namespace penstock::model
