#include "auth/argon2_hash.hpp"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include <openssl/crypto.h>

#include "base/base64.hpp"
#include "base/bytes.hpp"

namespace penstock::auth {

namespace {

constexpr std::size_t shortest_salt = ARGON2_MIN_SALT_LENGTH;
constexpr std::size_t shortest_hash = 16;
constexpr std::size_t longest_part = 128;

/// Cuts off what stands before the next `delimiter`, or everything.
std::string_view take_until(std::string_view& text, char delimiter) noexcept {
    const std::size_t at = text.find(delimiter);
    const std::string_view taken = text.substr(0, at);
    text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
    return taken;
}

/// The number of "m=65536", say.
std::optional<std::uint32_t> take_number(std::string_view& text, std::string_view name) noexcept {
    std::string_view part = take_until(text, ',');
    if (!part.starts_with(name)) return {};
    part.remove_prefix(name.size());
    if (part.size() > 1 && part.front() == '0') return {};
    const auto number = parse_decimal(part, UINT32_MAX);
    if (!number) return {};
    return static_cast<std::uint32_t>(*number);
}

std::optional<argon2_type> type_of(std::string_view name) noexcept {
    if (name == "argon2id") return Argon2_id;
    if (name == "argon2i") return Argon2_i;
    if (name == "argon2d") return Argon2_d;
    return {};
}

Failure<Error> malformed() {
    return Failure{Error{"not an argon2 hash as argon2 writes it: $argon2id$v=19$m=…,t=…,p=…$…$…"}};
}

Failure<Error> too_costly() {
    return Failure{
        Error{"costs too much: an argon2 hash may take 256 MiB (m=262144), 1 GiB in all its passes "
              "(m times t), and 16 lanes (p)"}};
}

std::uint8_t* bytes_of(std::string& text) noexcept {
    return reinterpret_cast<std::uint8_t*>(text.data());
}

}  // namespace

Result<Argon2Hash> Argon2Hash::parse(std::string_view text) {
    Argon2Hash read;
    if (!is_one(text)) return malformed();
    text.remove_prefix(1);
    const auto type = type_of(take_until(text, '$'));
    if (!type) return malformed();
    read.type_ = *type;
    if (text.starts_with("v=")) {
        auto version = take_until(text, '$');
        const auto number = take_number(version, "v=");
        if (number != ARGON2_VERSION_10 && number != ARGON2_VERSION_13) return malformed();
        read.version_ = *number;
    }
    auto parameters = take_until(text, '$');
    const auto memory = take_number(parameters, "m=");
    const auto passes = take_number(parameters, "t=");
    const auto lanes = take_number(parameters, "p=");
    if (!memory || !passes || !lanes || !parameters.empty()) return malformed();
    if (*passes == 0 || *lanes == 0 || *memory / 8 < *lanes) return malformed();
    const bool is_affordable = *memory <= most_memory_kib && *lanes <= most_lanes &&
                               std::uint64_t{*memory} * *passes <= most_work_kib;
    if (!is_affordable) return too_costly();
    read.memory_kib_ = *memory;
    read.passes_ = *passes;
    read.lanes_ = *lanes;

    auto salt = decode_base64_unpadded(take_until(text, '$'));
    auto hash = decode_base64_unpadded(text);
    if (!salt || salt->size() < shortest_salt || salt->size() > longest_part) return malformed();
    if (!hash || hash->size() < shortest_hash || hash->size() > longest_part) return malformed();
    read.salt_ = *std::move(salt);
    read.hash_ = *std::move(hash);
    return read;
}

bool Argon2Hash::matches(std::string_view password) const {
    std::string given(password);
    std::string salt = salt_;
    std::string made(hash_.size(), '\0');
    argon2_context context{};
    context.out = bytes_of(made);
    context.outlen = static_cast<std::uint32_t>(made.size());
    context.pwd = bytes_of(given);
    context.pwdlen = static_cast<std::uint32_t>(given.size());
    context.salt = bytes_of(salt);
    context.saltlen = static_cast<std::uint32_t>(salt.size());
    context.version = version_;
    context.m_cost = memory_kib_;
    context.t_cost = passes_;
    context.lanes = lanes_;
    context.threads = 1;
    context.flags = ARGON2_DEFAULT_FLAGS;
    const bool is_made = argon2_ctx(&context, type_) == ARGON2_OK;
    const bool is_same = CRYPTO_memcmp(made.data(), hash_.data(), hash_.size()) == 0;
    OPENSSL_cleanse(given.data(), given.size());
    OPENSSL_cleanse(made.data(), made.size());
    return is_made && is_same;
}

}  // namespace penstock::auth
