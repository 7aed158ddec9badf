#include "snapshot/certificates.hpp"

#include <algorithm>

#include "base/hash.hpp"
#include "snapshot/host_table.hpp"

namespace penstock::snapshot {

bool CertificateSet::empty() const noexcept {
    return std::all_of(by_kind.begin(), by_kind.end(),
                       [](const CertificatePtr& one) { return one == nullptr; });
}

std::size_t CertificateTable::shard_of(std::string_view key) noexcept {
    return hash_bytes(key) % shard_count;
}

const CertificateSet* CertificateTable::find_key(std::string_view key) const noexcept {
    const Shard* shard = shards_[shard_of(key)].get();
    if (shard == nullptr) return nullptr;
    const auto at = shard->find(key);
    return at == shard->end() ? nullptr : &at->second;
}

const CertificateSet* CertificateTable::find_own(std::string_view host) const noexcept {
    // Wildcards are keyed with their dot in front: a host may not spell such a key, nor the
    // default's.
    if (host.empty() || host.starts_with('.') || host == "*") return nullptr;
    if (const CertificateSet* exact = find_key(host)) return exact;
    for (auto dot = host.find('.', 1); dot != host.npos; dot = host.find('.', dot + 1)) {
        if (const CertificateSet* wildcard = find_key(host.substr(dot))) return wildcard;
    }
    return nullptr;
}

const CertificateSet* CertificateTable::find(std::string_view sni) const noexcept {
    const CertificateSet* own = find_own(sni);
    return own == nullptr ? any_ : own;
}

const CertificateSet* CertificateTable::without_sni() const noexcept {
    return any_ == nullptr ? first_ : any_;
}

const CertificateSet* CertificateTable::find_first() const noexcept {
    const Shard::value_type* first = nullptr;
    for (const auto& shard : shards_) {
        if (shard == nullptr) continue;
        const auto& candidate = *shard->begin();
        if (first == nullptr || candidate.first < first->first) first = &candidate;
    }
    return first == nullptr ? nullptr : &first->second;
}

std::shared_ptr<const CertificateTable> CertificateTable::with(std::span<const Edit> edits) const {
    auto next = std::make_shared<CertificateTable>(*this);
    std::map<std::size_t, Shard> changed;
    for (const Edit& edit : edits) {
        const std::string key = host_key(edit.name);
        const std::size_t place = shard_of(key);
        const auto [at, fresh] = changed.try_emplace(place);
        if (fresh && shards_[place] != nullptr) at->second = *shards_[place];
        if (edit.certificates.empty())
            at->second.erase(key);
        else
            at->second.insert_or_assign(key, edit.certificates);
    }
    for (auto& [place, shard] : changed) {
        next->shards_[place] =
            shard.empty() ? nullptr : std::make_shared<const Shard>(std::move(shard));
    }
    next->any_ = next->find_key("*");
    next->first_ = next->find_first();
    return next;
}

}  // namespace penstock::snapshot
