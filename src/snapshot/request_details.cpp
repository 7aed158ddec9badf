#include "snapshot/request_details.hpp"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "base/assert.hpp"

namespace penstock::snapshot {

namespace {

using Sizes = std::array<std::uint16_t, detail_texts>;

/// The numbers go as they lie in memory: nobody but this process reads them.
constexpr std::size_t numbers_size = sizeof(RequestNumbers);
static_assert(std::is_trivially_copyable_v<RequestNumbers>);

std::uint16_t kept_size(const RequestDetails& details, DetailSet wanted, std::size_t i) noexcept {
    if ((wanted & (DetailSet{1} << i)) == 0) return 0;
    const std::size_t most = std::size_t{detail_bounds[i]} + 1;
    return static_cast<std::uint16_t>(std::min(details.texts[i].size(), most));
}

}  // namespace

std::size_t encoded_size(const RequestDetails& details, DetailSet wanted) noexcept {
    std::size_t size = numbers_size + sizeof(Sizes);
    for (std::size_t i = 0; i < detail_texts; ++i) size += kept_size(details, wanted, i);
    return size;
}

void encode(const RequestDetails& details, DetailSet wanted, char* out) noexcept {
    std::memcpy(out, &details.numbers, numbers_size);
    char* const sizes_at = out + numbers_size;
    out = sizes_at + sizeof(Sizes);
    Sizes sizes{};
    for (std::size_t i = 0; i < detail_texts; ++i) {
        sizes[i] = kept_size(details, wanted, i);
        if (sizes[i] > 0) std::memcpy(out, details.texts[i].data(), sizes[i]);
        out += sizes[i];
    }
    std::memcpy(sizes_at, sizes.data(), sizeof(sizes));
}

RequestDetails decode(std::string_view encoded) noexcept {
    PENSTOCK_ASSERT(encoded.size() >= numbers_size + sizeof(Sizes));
    RequestDetails details;
    std::memcpy(static_cast<void*>(&details.numbers), encoded.data(), numbers_size);
    details.numbers.record.route = nullptr;
    details.numbers.record.upstream = nullptr;
    Sizes sizes;
    std::memcpy(sizes.data(), encoded.data() + numbers_size, sizeof(sizes));
    encoded.remove_prefix(numbers_size + sizeof(sizes));
    for (std::size_t i = 0; i < detail_texts; ++i) {
        details.texts[i] = encoded.substr(0, sizes[i]);
        encoded.remove_prefix(sizes[i]);
    }
    return details;
}

}  // namespace penstock::snapshot
