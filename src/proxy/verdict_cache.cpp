#include "proxy/verdict_cache.hpp"

#include <cstring>

#include <openssl/rand.h>

#include "base/assert.hpp"

namespace penstock::proxy {

VerdictCache::VerdictCache() {
    auto* const bytes = reinterpret_cast<unsigned char*>(secret_.data());
    PENSTOCK_ASSERT(RAND_bytes(bytes, static_cast<int>(secret_.size())) == 1);
}

/// Secret, serial, digest of the credentials: each of a fixed size.
VerdictCache::Key VerdictCache::key_of(const snapshot::AuthProvider& provider,
                                       std::string_view credentials) const noexcept {
    const auto inner = auth::TokenDigest::of(credentials);
    std::array<char, sizeof(secret_) + sizeof(provider.serial) + auth::TokenDigest::size> text;
    char* at = text.data();
    const auto append = [&at](const void* bytes, std::size_t size) {
        std::memcpy(at, bytes, size);
        at += size;
    };
    append(secret_.data(), secret_.size());
    append(&provider.serial, sizeof(provider.serial));
    append(inner.bytes().data(), inner.bytes().size());
    return auth::TokenDigest::of({text.data(), text.size()});
}

std::size_t VerdictCache::first_of(const Key& key) noexcept {
    return auth::TokenDigestHash()(key) % (places / set_size) * set_size;
}

std::optional<bool> VerdictCache::find(const Key& key, TimePoint now) const noexcept {
    if (entries_.empty()) return std::nullopt;
    const std::size_t first = first_of(key);
    for (std::size_t i = first; i < first + set_size; ++i) {
        if (entries_[i].until > now && entries_[i].key == key) return entries_[i].good;
    }
    return std::nullopt;
}

void VerdictCache::put(const Key& key, bool good, TimePoint now, TimePoint until) {
    if (entries_.empty()) entries_.resize(places);
    const std::size_t first = first_of(key);
    std::size_t place = first;
    for (std::size_t i = first; i < first + set_size; ++i) {
        if (entries_[i].until > now && entries_[i].key == key) {
            place = i;
            break;
        }
        if (entries_[i].until < entries_[place].until) place = i;
    }
    entries_[place] = {key, until, good};
}

}  // namespace penstock::proxy
