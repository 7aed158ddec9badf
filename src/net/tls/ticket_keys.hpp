// TicketKeys: what session tickets are sealed with (RFC 5077, RFC 8446 section 4.6.1).
//
// Every worker has one of its own and all of them the same keys, without a word between them: the
// keys of a period come out of a secret that only goes forward, secret(n+1) = H(secret(n)). A
// ticket is good in its period and the next. What is over cannot be computed any more: whoever
// learns today's secret reads no ticket of yesterday. One thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "base/clock.hpp"

namespace penstock::net::tls {

/// Where all keys of a process come from: random, and of one moment.
struct TicketSeed {
    static constexpr std::size_t size = 32;

    std::array<unsigned char, size> secret{};
    TimePoint since{};

    /// Out of OpenSSL's generator.
    static TicketSeed make(TimePoint now);
    /// The same keys from that moment on, with the secret of the earliest period whose tickets are
    /// still good: what to keep over a restart.
    TicketSeed at(TimePoint now) const noexcept;
};

class TicketKeys {
  public:
    static constexpr Duration period = std::chrono::hours(1);

    struct Key {
        std::array<unsigned char, 16> name{};
        std::array<unsigned char, 32> cipher{};  // AES-256-CBC
        std::array<unsigned char, 32> mac{};     // HMAC-SHA256
    };

    explicit TicketKeys(const TicketSeed& seed) noexcept;
    TicketKeys(const TicketKeys&) = delete;
    TicketKeys& operator=(const TicketKeys&) = delete;
    ~TicketKeys();

    /// What a ticket is sealed with now.
    const Key& current(TimePoint now) noexcept;
    /// Which of the keys that are still good has this name; null: none.
    const Key* find(std::span<const unsigned char, 16> name, TimePoint now) noexcept;

  private:
    void advance_to(TimePoint now) noexcept;
    void derive_current() noexcept;

    std::array<unsigned char, TicketSeed::size> secret_;  // of the present period
    TimePoint since_;                                     // when that began
    Key current_;
    Key previous_;
};

}  // namespace penstock::net::tls
