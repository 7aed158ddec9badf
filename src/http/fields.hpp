// Header fields of one message, as views into the bytes that came from the network (RFC 9110
// section 5).
//
// Nothing is copied: an entry is a few offsets from the head's first byte, so a FieldList is valid
// for as long as the block that the head lies in. The fields an intermediary acts on are known by
// id; a look-up by id is exact.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace penstock::http {

enum class FieldId : std::uint8_t {
    other,
    authorization,
    cache_control,
    connection,
    content_length,
    cookie,
    date,
    expect,
    host,
    keep_alive,
    max_forwards,
    proxy,
    proxy_connection,
    referer,
    te,
    traceparent,
    tracestate,
    trailer,
    transfer_encoding,
    upgrade,
    user_agent,
    via,
    x_forwarded_for,
    x_forwarded_host,
    x_forwarded_proto,
    x_real_ip,
    x_request_id,
};

/// Without regard to case; FieldId::other for what an intermediary has no business with.
FieldId field_id(std::string_view name) noexcept;

/// Fields that end at this hop whatever Connection says (RFC 9110 section 7.6.1). Trailer is not
/// among them: it passes where trailers do, with chunks.
bool is_hop_by_hop(FieldId id) noexcept;

/// Fields that a Connection option may not take away: framing, routing, credentials, and what we
/// add.
bool is_protected_from_connection(FieldId id) noexcept;

class FieldList {
  public:
    /// More fields than this are refused whatever --max-headers says.
    static constexpr unsigned capacity = 256;

    struct Entry {
        std::uint32_t name_at;
        std::uint32_t value_at;
        std::uint32_t value_size;
        std::uint16_t name_size;
        FieldId id;
        bool dropped;  // ends here: hop-by-hop, or replaced by a line of ours
    };

    void clear(const char* base) noexcept {
        base_ = base;
        count_ = 0;
    }
    /// False where the list is full or the name over 64 KiB.
    bool add(std::string_view name, std::string_view value) noexcept;

    unsigned size() const noexcept { return count_; }
    Entry& operator[](unsigned index) noexcept { return entries_[index]; }
    const Entry& operator[](unsigned index) const noexcept { return entries_[index]; }
    std::string_view name(const Entry& entry) const noexcept {
        return {base_ + entry.name_at, entry.name_size};
    }
    std::string_view value(const Entry& entry) const noexcept {
        return {base_ + entry.value_at, entry.value_size};
    }
    const char* line_start(const Entry& entry) const noexcept { return base_ + entry.name_at; }

    const Entry* begin() const noexcept { return entries_.data(); }
    const Entry* end() const noexcept { return entries_.data() + count_; }
    Entry* begin() noexcept { return entries_.data(); }
    Entry* end() noexcept { return entries_.data() + count_; }

    /// The first field of that id, or null.
    const Entry* find(FieldId id) const noexcept;
    /// Drops every field of that id.
    void drop(FieldId id) noexcept;

  private:
    const char* base_ = nullptr;
    unsigned count_ = 0;
    std::array<Entry, capacity> entries_;
};

}  // namespace penstock::http
