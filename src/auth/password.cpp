#include "auth/password.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>

#include <crypt.h>
#include <openssl/crypto.h>

#include "auth/argon2_hash.hpp"
#include "base/bytes.hpp"
#include "base/hash.hpp"

namespace penstock::auth {

namespace {

static_assert(longest_password == CRYPT_MAX_PASSPHRASE_SIZE - 1);

constexpr int most_bcrypt_cost = 16;
constexpr std::uint64_t fewest_sha_rounds = 1'000;  // fewer are raised by crypt, and match nothing
constexpr std::uint64_t most_sha_rounds = 1'000'000;
constexpr std::uint64_t most_memory = std::uint64_t{256} << 20;
constexpr std::size_t longest_sha_salt = 16;
constexpr std::size_t longest_salt = 86;  // of yescrypt and scrypt: 64 bytes
constexpr std::size_t sum_size = 43;      // of yescrypt and scrypt: 32 bytes

// crypt's own order of the 64 characters.
constexpr std::string_view itoa64 =
    "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

using Refusal = std::optional<std::string>;

bool is_itoa64(std::string_view text) noexcept {
    return text.find_first_not_of(itoa64) == std::string_view::npos;
}

Refusal malformed(std::string_view name) {
    return "not a " + std::string(name) + " hash as crypt(5) describes it: is it cut off?";
}

Refusal too_much_memory(std::string_view name) {
    return "costs too much: a " + std::string(name) + " hash may take 256 MiB";
}

/// `2b$12$` and 53 characters.
Refusal fault_of_bcrypt(std::string_view hash) {
    constexpr std::size_t whole = 60;
    if (hash.size() != whole || hash[6] != '$') return malformed("bcrypt");
    const auto cost = parse_decimal(hash.substr(4, 2));
    if (!cost || *cost < 4 || *cost > 31 || !is_itoa64(hash.substr(7))) return malformed("bcrypt");
    if (*cost > most_bcrypt_cost) {
        return "costs too much: bcrypt's cost may be at most " + std::to_string(most_bcrypt_cost);
    }
    return {};
}

/// `$6$`, `rounds=…$` or nothing, salt, `$`, `sum_characters` characters.
Refusal fault_of_sha_crypt(std::string_view hash, std::string_view name,
                           std::size_t sum_characters) {
    hash.remove_prefix(3);
    constexpr std::string_view rounds_are = "rounds=";
    if (hash.starts_with(rounds_are)) {
        hash.remove_prefix(rounds_are.size());
        const std::size_t end = std::min(hash.find('$'), hash.size());
        const auto rounds = parse_decimal(hash.substr(0, end));
        if (!rounds || hash.front() == '0' || end == hash.size()) return malformed(name);
        if (*rounds < fewest_sha_rounds || *rounds > most_sha_rounds)
            return "rounds must be from 1000 to 1000000";
        hash.remove_prefix(end + 1);
    }
    const std::size_t salt = hash.find('$');
    if (salt == std::string_view::npos || salt > longest_sha_salt) return malformed(name);
    if (hash.find_first_of(":\n\\!*") < salt) return malformed(name);
    hash.remove_prefix(salt + 1);
    if (hash.size() != sum_characters || !is_itoa64(hash)) return malformed(name);
    return {};
}

/// Salt, `$`, sum.
bool is_salt_and_sum(std::string_view text) noexcept {
    const std::size_t salt = text.find('$');
    return salt <= longest_salt && text.size() == salt + 1 + sum_size &&
           is_itoa64(text.substr(0, salt)) && is_itoa64(text.substr(salt + 1));
}

/// 128 · N · r bytes, N given as its logarithm.
bool is_affordable(std::uint64_t log_n, std::uint64_t r) noexcept {
    return log_n <= 28 && r <= most_memory >> 7 && (r << log_n) <= most_memory >> 7;
}

/// `$y$j9T$`, salt, `$`, sum. The parameters are variable in number and size; these three
/// characters are what crypt_gensalt(3) writes: the flavour, N's logarithm, r.
Refusal fault_of_yescrypt(std::string_view hash) {
    hash.remove_prefix(3);
    constexpr std::size_t of_one_character = 48;  // a higher one begins a longer number
    if (hash.size() < 4 || hash[0] != 'j' || hash[3] != '$' || !is_salt_and_sum(hash.substr(4)))
        return malformed("yescrypt");
    const std::size_t n = itoa64.find(hash[1]);
    const std::size_t r = itoa64.find(hash[2]);
    if (n >= of_one_character || r >= of_one_character) return malformed("yescrypt");
    if (!is_affordable(n + 1, r + 1)) return too_much_memory("yescrypt");
    return {};
}

/// Five characters, the lowest six bits first; `text` has been found to be itoa64.
std::uint64_t number_of(std::string_view text) noexcept {
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < 5; ++i) number |= std::uint64_t{itoa64.find(text[i])} << 6 * i;
    return number;
}

/// `$7$`, N's logarithm in one character, r and p in five each, salt, `$`, sum.
Refusal fault_of_scrypt(std::string_view hash) {
    hash.remove_prefix(3);
    constexpr std::size_t parameters = 11;
    if (hash.size() < parameters || !is_itoa64(hash.substr(0, parameters)) ||
        !is_salt_and_sum(hash.substr(parameters)))
        return malformed("scrypt");
    const std::uint64_t n = itoa64.find(hash[0]);
    const std::uint64_t r = number_of(hash.substr(1));
    const std::uint64_t p = number_of(hash.substr(6));
    if (n == 0 || r == 0 || p == 0) return malformed("scrypt");
    // p times over, one after the other: it counts as if it were memory.
    if (!is_affordable(n, r * p)) return too_much_memory("scrypt");
    return {};
}

Refusal fault_of_argon2(std::string_view hash) {
    const auto parsed = Argon2Hash::parse(hash);
    if (parsed) return {};
    return parsed.error().message;
}

Refusal fault_of_other(std::string_view hash) {
    constexpr std::string_view make_one = ": make one with `htpasswd -B`";
    const auto refused = [make_one](std::string_view what) {
        return std::string(what) + std::string(make_one);
    };
    if (hash.starts_with("$apr1$") || hash.starts_with("$1$"))
        return refused("MD5 hashes are too quickly guessed");
    if (hash.starts_with("{SHA}") || hash.starts_with("{SSHA}"))
        return refused("SHA-1 hashes are too quickly guessed");
    if (hash.starts_with("$2x$")) return refused("$2x$ marks hashes of a broken bcrypt");
    if (!hash.starts_with('$'))
        return refused("neither plain text nor crypt's old DES hashes are taken");
    return refused(
        "not a form of hash that is known (bcrypt, yescrypt, scrypt, SHA-crypt, argon2)");
}

/// 32 KiB of crypt's working memory, wiped when done.
class CryptMemory {
  public:
    CryptMemory() : memory_(std::make_unique<crypt_data>()) {}
    CryptMemory(const CryptMemory&) = delete;
    CryptMemory& operator=(const CryptMemory&) = delete;
    ~CryptMemory() { OPENSSL_cleanse(memory_.get(), sizeof(crypt_data)); }

    crypt_data* get() noexcept { return memory_.get(); }

  private:
    std::unique_ptr<crypt_data> memory_;
};

bool crypt_matches(std::string_view password, const std::string& hash) {
    CryptMemory memory;
    std::string given(password);
    // Not crypt_r itself: ASan has one of its own, for which the linker leaves the library's out.
    const char* made =
        crypt_rn(given.c_str(), hash.c_str(), memory.get(), static_cast<int>(sizeof(crypt_data)));
    OPENSSL_cleanse(given.data(), given.size());
    const std::string_view text = made == nullptr ? std::string_view() : made;
    return text.size() == hash.size() && CRYPTO_memcmp(text.data(), hash.data(), text.size()) == 0;
}

}  // namespace

std::optional<std::string> unusable_hash(std::string_view hash) {
    if (hash.starts_with("$2a$") || hash.starts_with("$2b$") || hash.starts_with("$2y$"))
        return fault_of_bcrypt(hash);
    if (hash.starts_with("$y$")) return fault_of_yescrypt(hash);
    if (hash.starts_with("$7$")) return fault_of_scrypt(hash);
    if (hash.starts_with("$5$")) return fault_of_sha_crypt(hash, "SHA-256-crypt", 43);
    if (hash.starts_with("$6$")) return fault_of_sha_crypt(hash, "SHA-512-crypt", 86);
    if (Argon2Hash::is_one(hash)) return fault_of_argon2(hash);
    return fault_of_other(hash);
}

bool password_matches(std::string_view password, const std::string& hash) {
    if (password.size() > longest_password || password.find('\0') != std::string_view::npos)
        return false;
    if (unusable_hash(hash)) return false;
    if (!Argon2Hash::is_one(hash)) return crypt_matches(password, hash);
    const auto parsed = Argon2Hash::parse(hash);
    return parsed && parsed->matches(password);
}

const std::string& decoy_hash(std::string_view user, std::span<const std::string> hashes) {
    static const std::string own = "$2y$10$k3iXTroSXSJmqGJ3JugZXeDL3iMP7CinRhPJ6O1hMtoj/5Z/fDFt.";
    if (hashes.empty()) return own;
    return hashes[hash_bytes(user) % hashes.size()];
}

}  // namespace penstock::auth
