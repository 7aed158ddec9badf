#include "net/tls/ticket_keys.hpp"

#include <algorithm>
#include <string_view>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "base/assert.hpp"

namespace penstock::net::tls {

namespace {

/// Periods that a process slept through at once (a suspended machine): nothing of before is good.
constexpr int most_steps = 100'000;

/// HMAC-SHA256 of a label, keyed with the secret: one-way, and unlike for each label.
void derive(std::span<const unsigned char> secret, std::string_view label,
            std::span<unsigned char> into) noexcept {
    std::array<unsigned char, EVP_MAX_MD_SIZE> whole;
    unsigned size = 0;
    const auto* made = HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
                            reinterpret_cast<const unsigned char*>(label.data()), label.size(),
                            whole.data(), &size);
    PENSTOCK_ASSERT(made != nullptr && size >= into.size());
    std::copy_n(whole.begin(), into.size(), into.begin());
    OPENSSL_cleanse(whole.data(), whole.size());
}

void advance(std::array<unsigned char, TicketSeed::size>& secret) noexcept {
    std::array<unsigned char, TicketSeed::size> next;
    derive(secret, "next", next);
    secret = next;
    OPENSSL_cleanse(next.data(), next.size());
}

}  // namespace

TicketSeed TicketSeed::make(TimePoint now) {
    TicketSeed seed;
    const int made = RAND_bytes(seed.secret.data(), static_cast<int>(seed.secret.size()));
    PENSTOCK_ASSERT(made == 1);
    seed.since = now;
    return seed;
}

TicketSeed TicketSeed::at(TimePoint now) const noexcept {
    TicketSeed seed = *this;
    for (int steps = 0; now - seed.since >= 2 * TicketKeys::period && steps < most_steps; ++steps) {
        advance(seed.secret);
        seed.since += TicketKeys::period;
    }
    return seed;
}

TicketKeys::TicketKeys(const TicketSeed& seed) noexcept : secret_(seed.secret), since_(seed.since) {
    derive_current();
    previous_ = current_;
}

TicketKeys::~TicketKeys() {
    OPENSSL_cleanse(secret_.data(), secret_.size());
    OPENSSL_cleanse(&current_, sizeof(current_));
    OPENSSL_cleanse(&previous_, sizeof(previous_));
}

void TicketKeys::derive_current() noexcept {
    derive(secret_, "name", current_.name);
    derive(secret_, "cipher", current_.cipher);
    derive(secret_, "mac", current_.mac);
}

void TicketKeys::advance_to(TimePoint now) noexcept {
    for (int steps = 0; now - since_ >= period && steps < most_steps; ++steps) {
        advance(secret_);
        since_ += period;
        previous_ = current_;
        derive_current();
    }
}

const TicketKeys::Key& TicketKeys::current(TimePoint now) noexcept {
    advance_to(now);
    return current_;
}

const TicketKeys::Key* TicketKeys::find(std::span<const unsigned char, 16> name,
                                        TimePoint now) noexcept {
    advance_to(now);
    for (const Key* key : {&current_, &previous_}) {
        if (CRYPTO_memcmp(key->name.data(), name.data(), name.size()) == 0) return key;
    }
    return nullptr;
}

}  // namespace penstock::net::tls
