#include "snapshot/host_table.hpp"

#include <algorithm>
#include <bit>
#include <tuple>

#include "base/assert.hpp"

namespace penstock::snapshot {

namespace {

/// What an empty shard points to: one free place ends every search.
constexpr HostTable::Entry no_entry[1]{};

bool is_wildcard(const HostTable::Entry& entry) noexcept {
    return entry.tag != 0 && *entry.key == '.';
}

}  // namespace

std::string host_key(std::string_view pattern) {
    return std::string(pattern.starts_with("*.") ? pattern.substr(1) : pattern);
}

HostTable::HostTable() noexcept {
    shards_.fill({no_entry, 0, 0});
}

const Route* HostTable::match_suffix(std::string_view host) const noexcept {
    // No key is longer than longest_key: what a client may send beyond costs no probes.
    std::size_t dot = host.size() > longest_key ? host.size() - longest_key : 1;
    while ((dot = host.find('.', dot)) != std::string_view::npos) {
        if (const Route* route = find(host.substr(dot))) return route;
        ++dot;
    }
    return nullptr;
}

void HostTable::apply(std::span<const Edit> edits, std::vector<Array>& replaced) {
    struct Placed {
        std::size_t shard;
        std::size_t turn;  // of a key's edits the last one counts
        Edit edit;
    };
    std::vector<Placed> placed;
    placed.reserve(edits.size());
    for (const Edit& edit : edits) {
        PENSTOCK_ASSERT(!edit.key.empty() && edit.key.size() <= longest_key);
        if (edit.key == "*")
            any_ = edit.route;
        else
            placed.push_back({probe(edit.key).shard, placed.size(), edit});
    }
    std::sort(placed.begin(), placed.end(), [](const Placed& a, const Placed& b) {
        return std::tie(a.shard, a.turn) < std::tie(b.shard, b.turn);
    });
    std::vector<Edit> of_shard;
    for (std::size_t i = 0; i < placed.size(); ++i) {
        of_shard.push_back(placed[i].edit);
        const bool last = i + 1 == placed.size() || placed[i + 1].shard != placed[i].shard;
        if (!last) continue;
        edit_shard(shards_[placed[i].shard], of_shard, replaced);
        of_shard.clear();
    }
}

/// Puts `entry` in the place of its key, or in a free one.
void HostTable::put(Entry* entries, std::size_t mask, const Entry& entry) noexcept {
    const std::size_t length = entry.tag & 0xff;
    for (std::size_t i = probe({entry.key, length}).index;; ++i) {
        Entry& place = entries[i & mask];
        if (place.tag == 0 ||
            (place.tag == entry.tag && std::memcmp(place.key, entry.key, length) == 0)) {
            place = entry;
            return;
        }
    }
}

void HostTable::edit_shard(Shard& shard, std::span<const Edit> edits,
                           std::vector<Array>& replaced) {
    const std::span<const Entry> before(shard.entries, shard.mask + std::size_t{1});

    // First with room for everything, keys that go included (without a route); then what stays.
    std::vector<Entry> merged(std::bit_ceil(2 * (shard.used + edits.size() + 1)));
    for (const Entry& entry : before) {
        if (entry.tag != 0) put(merged.data(), merged.size() - 1, entry);
    }
    for (const Edit& edit : edits) {
        put(merged.data(), merged.size() - 1, {probe(edit.key).tag, edit.key.data(), edit.route});
    }
    std::erase_if(merged, [](const Entry& entry) { return entry.route == nullptr; });

    wildcards_ -=
        static_cast<std::size_t>(std::count_if(before.begin(), before.end(), is_wildcard));
    wildcards_ +=
        static_cast<std::size_t>(std::count_if(merged.begin(), merged.end(), is_wildcard));
    if (shard.entries != no_entry) replaced.emplace_back(const_cast<Entry*>(shard.entries));
    if (merged.empty()) {
        shard = {no_entry, 0, 0};
        return;
    }
    const std::size_t capacity = std::bit_ceil(2 * merged.size());
    Array entries(new Entry[capacity]);
    for (const Entry& entry : merged) put(entries.get(), capacity - 1, entry);
    shard = {entries.release(), static_cast<std::uint32_t>(capacity - 1),
             static_cast<std::uint32_t>(merged.size())};
}

std::vector<HostTable::Array> HostTable::dissolve() {
    std::vector<Array> arrays;
    for (Shard& shard : shards_) {
        if (shard.entries != no_entry) arrays.emplace_back(const_cast<Entry*>(shard.entries));
        shard = {no_entry, 0, 0};
    }
    return arrays;
}

}  // namespace penstock::snapshot
