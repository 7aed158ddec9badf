// Argon2Hash: a password's argon2 hash (RFC 9106) out of its text,
// `$argon2id$v=19$m=…,t=…,p=…$…$…`.
//
// A value, any thread. Read here and not by libargon2, for two reasons: what it costs is to be
// known before it is paid, and libargon2 would start a thread for each lane.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <argon2.h>
#include <penstock/result.hpp>

namespace penstock::auth {

class Argon2Hash {
  public:
    /// Bounds on what one check may take. Two seconds' work at most on a machine of today.
    static constexpr std::uint32_t most_memory_kib = 256 * 1024;
    static constexpr std::uint32_t most_lanes = 16;
    /// Memory times passes.
    static constexpr std::uint64_t most_work_kib = 4 * std::uint64_t{most_memory_kib};

    static bool is_one(std::string_view text) noexcept { return text.starts_with("$argon2"); }

    /// The error says what is wrong, and quotes nothing.
    static Result<Argon2Hash> parse(std::string_view text);

    /// False also where there is no memory for it. Compares in constant time.
    bool matches(std::string_view password) const;

  private:
    Argon2Hash() = default;

    argon2_type type_ = Argon2_id;
    std::uint32_t version_ = ARGON2_VERSION_10;
    std::uint32_t memory_kib_ = 0;
    std::uint32_t passes_ = 0;
    std::uint32_t lanes_ = 0;
    std::string salt_;
    std::string hash_;
};

}  // namespace penstock::auth
