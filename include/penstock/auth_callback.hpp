// AuthCallback: an auth provider that the embedding program is itself (SPEC section 13).
//
//   proxy.router().set_auth_callback(
//       {.id = "mine", .check = [](const penstock::AuthRequest& request, penstock::AuthReply reply)
//       {
//            ask_our_directory(request.field("X-Api-Key"), [reply](bool known) {
//                known ? reply.allow() : reply.refuse();
//            });
//        }});
//
// Routes name it as any other provider. It is of this process: neither the store nor the REST API
// has it, so that a stored route finds it again once the program has set it, and lets nobody in
// before.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace penstock {

/// A request that wants to pass. A copy: it may be kept for as long as the callback likes.
struct AuthRequest {
    std::string method;
    std::string target;  ///< as received
    std::string host;    ///< lower case, without port
    std::string client;  ///< its address, after trusted proxies
    std::vector<std::pair<std::string, std::string>> fields;  ///< all of them, in their order

    /// The first of that name, whose case does not matter; empty where there is none.
    std::string_view field(std::string_view name) const noexcept {
        const auto lower = [](char c) {
            return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
        };
        const auto same = [lower](char a, char b) { return lower(a) == lower(b); };
        for (const auto& [known, value] : fields) {
            if (std::equal(known.begin(), known.end(), name.begin(), name.end(), same))
                return value;
        }
        return {};
    }
};

enum class AuthAnswer : std::uint8_t { allow, refuse, forbid, fail };

/// Who waits for the answer; of AuthReply alone.
class AuthQuestion {
  public:
    virtual ~AuthQuestion() = default;
    virtual void answer(AuthAnswer answer) noexcept = 0;
};

/// Where the answer goes: once, from any thread, at once or later. The first counts, and where the
/// last copy goes without one, that is fail(). May outlive the request, and the proxy.
class AuthReply {
  public:
    explicit AuthReply(std::shared_ptr<AuthQuestion> question) noexcept
        : question_(std::move(question)) {}

    /// The request goes on.
    void allow() const noexcept { question_->answer(AuthAnswer::allow); }
    /// 401, with the callback's challenge.
    void refuse() const noexcept { question_->answer(AuthAnswer::refuse); }
    /// 403: who it is, is known, and may not.
    void forbid() const noexcept { question_->answer(AuthAnswer::forbid); }
    /// 503: it cannot be said.
    void fail() const noexcept { question_->answer(AuthAnswer::fail); }

  private:
    std::shared_ptr<AuthQuestion> question_;
};

struct AuthCallback {
    std::string id;  ///< that routes name; no other provider's
    /// Called on one of the auth threads (--auth-threads), several at once where there are several,
    /// and never after ProxyManager::stop() has returned. One that takes long holds up passwords:
    /// leave it to a thread of your own and answer later. What it throws is fail().
    std::function<void(const AuthRequest&, AuthReply)> check;
    std::chrono::milliseconds timeout{2'000};  ///< past it: 503
    std::string challenge = "Bearer";          ///< of 401: the value of WWW-Authenticate
    bool forward_credentials = false;          ///< false: Authorization stops here
};

}  // namespace penstock
