// User names and passwords: out of the field, then PasswordChecks.
#include <string>

#include <openssl/crypto.h>

#include "auth/password.hpp"
#include "base/base64.hpp"
#include "model/auth_provider.hpp"
#include "proxy/guards/method.hpp"
#include "proxy/password_checks.hpp"
#include "proxy/worker.hpp"

namespace penstock::proxy::guards {

namespace {

using Outcome = PasswordChecks::Outcome;

constexpr std::size_t longest_pair = model::longest_user_name + 1 + auth::longest_password;

/// "name:password" as it came; gone from memory with this.
class Pair {
  public:
    /// base64 of RFC 7617 section 2, in one piece.
    explicit Pair(std::string_view encoded) {
        if (encoded.size() > (longest_pair + 2) / 3 * 4) return;
        if (encoded.find_first_of(" \t") != std::string_view::npos) return;
        auto decoded = decode_base64(encoded);
        if (!decoded) return;
        text_ = std::move(*decoded);
        name_size_ = text_.find(':');
    }
    Pair(const Pair&) = delete;
    Pair& operator=(const Pair&) = delete;
    ~Pair() { OPENSSL_cleanse(text_.data(), text_.size()); }

    bool is_whole() const noexcept { return name_size_ != std::string::npos; }
    std::string_view text() const noexcept { return text_; }
    std::string_view name() const noexcept { return text().substr(0, name_size_); }

  private:
    std::string text_;
    std::size_t name_size_ = std::string::npos;
};

Verdict verdict_of(Outcome outcome, const Guard& guard) noexcept {
    switch (outcome) {
        case Outcome::good:
            return Guard::pass();
        case Outcome::bad:
            return guard.refuse();
        case Outcome::overloaded:
            return Guard::unavailable("too many passwords are being checked");
        case Outcome::timed_out:
        case Outcome::abandoned:
            break;
    }
    return Guard::unavailable("the password could not be checked in time");
}

}  // namespace

io::Task<Verdict> basic(Guard& guard) {
    const std::string_view encoded = guard.credentials("basic");
    if (encoded.empty()) co_return guard.ask();
    const Pair pair(encoded);
    if (!pair.is_whole()) co_return guard.refuse();
    PasswordChecks& checks = guard.worker().password_checks();
    const Outcome outcome =
        co_await checks.check(guard.provider(), pair.text(), pair.name(), guard);
    co_return verdict_of(outcome, guard);
}

}  // namespace penstock::proxy::guards
