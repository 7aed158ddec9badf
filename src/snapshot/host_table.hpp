// HostTable: from a host to its Route in a few cache lines, however many routes there are.
//
// A persistent hash table: 1,024 shards, each a small open-addressing array that never changes once
// it is published. A new version shares every array it does not touch, so that one change among
// 100,000 routes costs microseconds. Lookups are safe on any thread; versions are made and freed by
// the control thread alone. Copies are shallow: who replaces an array frees it (publisher.hpp).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.hpp"
#include "snapshot/route.hpp"

namespace penstock::snapshot {

/// How a canonical host pattern stands in the table: "*.example.com" as ".example.com", so that a
/// host's suffixes can be looked up in place; an exact host and "*" as they are.
std::string host_key(std::string_view pattern);

class HostTable {
  public:
    /// A place of a shard's array; tag 0 is a free one.
    struct Entry {
        std::uint64_t tag = 0;      // the key's hash, its lowest byte replaced by the key's length
        const char* key = nullptr;  // in the Route's keys
        const Route* route = nullptr;
    };
    using Array = std::unique_ptr<Entry[]>;

    /// Null: the key goes.
    struct Edit {
        std::string_view key;
        const Route* route = nullptr;
    };

    HostTable() noexcept;

    /// The route that answers for `host` (lower case, without port and trailing dot): exact, else
    /// the longest wildcard suffix, else "*"; null where there is none. Allocates nothing.
    const Route* match(std::string_view host) const noexcept {
        // Wildcards are keyed with their dot in front: a host may not spell such a key.
        if (!host.starts_with('.')) {
            if (const Route* exact = find(host)) return exact;
        }
        if (wildcards_ > 0) {
            if (const Route* wildcard = match_suffix(host)) return wildcard;
        }
        return any_;
    }

    /// Applies the edits in order, later ones winning. Arrays that no longer belong to this version
    /// are added to `replaced`: older versions may still read them.
    void apply(std::span<const Edit> edits, std::vector<Array>& replaced);

    /// Gives up every array of this version, to be freed by the caller.
    std::vector<Array> dissolve();

  private:
    static constexpr std::size_t shard_count = 1'024;
    static constexpr std::size_t longest_key = 255;

    struct Shard {
        const Entry* entries;
        std::uint32_t mask;  // of an index; capacity − 1
        std::uint32_t used;
    };

    struct Probe {
        std::uint64_t tag;
        std::size_t shard;
        std::size_t index;
    };
    static Probe probe(std::string_view key) noexcept {
        const std::uint64_t hash = hash_bytes(key);
        return {(hash & ~std::uint64_t{0xff}) | key.size(), hash >> 54, hash >> 8};
    }

    const Route* find(std::string_view key) const noexcept {
        if (key.empty() || key.size() > longest_key) return nullptr;
        const Probe at = probe(key);
        const Shard& shard = shards_[at.shard];
        for (std::size_t i = at.index;; ++i) {
            const Entry& entry = shard.entries[i & shard.mask];
            if (entry.tag == at.tag && std::memcmp(entry.key, key.data(), key.size()) == 0) {
                return entry.route;
            }
            if (entry.tag == 0) return nullptr;
        }
    }

    const Route* match_suffix(std::string_view host) const noexcept;
    void edit_shard(Shard& shard, std::span<const Edit> edits, std::vector<Array>& replaced);
    static void put(Entry* entries, std::size_t mask, const Entry& entry) noexcept;

    std::array<Shard, shard_count> shards_;
    const Route* any_ = nullptr;
    std::size_t wildcards_ = 0;
};

}  // namespace penstock::snapshot
