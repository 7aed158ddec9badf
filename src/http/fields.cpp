#include "http/fields.hpp"

#include "base/bytes.hpp"

namespace penstock::http {

namespace {

struct Known {
    std::string_view name;
    FieldId id;
};

constexpr Known known_fields[] = {
    {"te", FieldId::te},
    {"via", FieldId::via},
    {"date", FieldId::date},
    {"host", FieldId::host},
    {"proxy", FieldId::proxy},
    {"cookie", FieldId::cookie},
    {"expect", FieldId::expect},
    {"referer", FieldId::referer},
    {"trailer", FieldId::trailer},
    {"upgrade", FieldId::upgrade},
    {"x-real-ip", FieldId::x_real_ip},
    {"connection", FieldId::connection},
    {"keep-alive", FieldId::keep_alive},
    {"tracestate", FieldId::tracestate},
    {"user-agent", FieldId::user_agent},
    {"traceparent", FieldId::traceparent},
    {"max-forwards", FieldId::max_forwards},
    {"x-request-id", FieldId::x_request_id},
    {"authorization", FieldId::authorization},
    {"cache-control", FieldId::cache_control},
    {"content-length", FieldId::content_length},
    {"x-forwarded-for", FieldId::x_forwarded_for},
    {"proxy-connection", FieldId::proxy_connection},
    {"x-forwarded-host", FieldId::x_forwarded_host},
    {"transfer-encoding", FieldId::transfer_encoding},
    {"x-forwarded-proto", FieldId::x_forwarded_proto},
};

constexpr std::size_t longest_known = 17;

/// For each length, where the names of that length stand in known_fields (which is sorted by
/// length).
struct LengthIndex {
    std::array<std::uint8_t, longest_known + 2> first{};

    constexpr LengthIndex() {
        std::uint8_t at = 0;
        for (std::size_t length = 0; length <= longest_known + 1; ++length) {
            first[length] = at;
            while (at < std::size(known_fields) && known_fields[at].name.size() == length) ++at;
        }
    }
};
constexpr LengthIndex by_length;

constexpr std::uint32_t bit(FieldId id) noexcept {
    return std::uint32_t{1} << static_cast<unsigned>(id);
}

constexpr std::uint32_t hop_by_hop = bit(FieldId::connection) | bit(FieldId::keep_alive) |
                                     bit(FieldId::proxy_connection) | bit(FieldId::te) |
                                     bit(FieldId::transfer_encoding) | bit(FieldId::upgrade);

constexpr std::uint32_t connection_proof =
    bit(FieldId::host) | bit(FieldId::content_length) | bit(FieldId::authorization) |
    bit(FieldId::cookie) | bit(FieldId::cache_control) | bit(FieldId::via) | bit(FieldId::date) |
    bit(FieldId::max_forwards) | bit(FieldId::x_forwarded_for) | bit(FieldId::x_forwarded_host) |
    bit(FieldId::x_forwarded_proto) | bit(FieldId::x_real_ip) | bit(FieldId::x_request_id);

}  // namespace

FieldId field_id(std::string_view name) noexcept {
    if (name.size() > longest_known) return FieldId::other;
    const unsigned last = by_length.first[name.size() + 1];
    for (unsigned at = by_length.first[name.size()]; at < last; ++at) {
        if (equals_lower(name, known_fields[at].name)) return known_fields[at].id;
    }
    return FieldId::other;
}

bool is_hop_by_hop(FieldId id) noexcept {
    return (hop_by_hop & bit(id)) != 0;
}

bool is_protected_from_connection(FieldId id) noexcept {
    return (connection_proof & bit(id)) != 0;
}

bool FieldList::add(std::string_view name, std::string_view value) noexcept {
    if (count_ == capacity || name.size() > UINT16_MAX) return false;
    entries_[count_++] = {.name_at = static_cast<std::uint32_t>(name.data() - base_),
                          .value_at = static_cast<std::uint32_t>(value.data() - base_),
                          .value_size = static_cast<std::uint32_t>(value.size()),
                          .name_size = static_cast<std::uint16_t>(name.size()),
                          .id = field_id(name),
                          .dropped = false};
    return true;
}

const FieldList::Entry* FieldList::find(FieldId id) const noexcept {
    for (const Entry& entry : *this) {
        if (entry.id == id) return &entry;
    }
    return nullptr;
}

void FieldList::drop(FieldId id) noexcept {
    for (Entry& entry : *this) {
        if (entry.id == id) entry.dropped = true;
    }
}

}  // namespace penstock::http
