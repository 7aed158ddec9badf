// Api: what the REST API answers to one request, as a plain function (SPEC section 9).
//
// Control thread only. Reading requests, waiting for the workers and sending answers is
// api_server's part; this one knows no sockets.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "control/access.hpp"
#include "control/audit.hpp"
#include "control/configuration.hpp"
#include "control/message.hpp"
#include "control/tokens.hpp"
#include "control/upgrade.hpp"

namespace penstock::control {

class EventFeed;
class Metrics;

/// What can be said of a request before its body has been read.
struct Admission {
    Caller caller;
    /// Empty: the body is to be read, and handle() asked.
    std::optional<ApiResponse> refusal;
    std::size_t most_body = 0;  // bytes
};

class Api {
  public:
    /// Without `tokens` whoever reaches the API may do everything.
    Api(Configuration& configuration, EventFeed& events, Metrics& metrics, AccessRules access,
        std::optional<TokenFile> tokens = {})
        : configuration_(configuration),
          events_(events),
          metrics_(metrics),
          access_(std::move(access)),
          tokens_(std::move(tokens)) {}

    /// Called with each write that has been answered, be it refused.
    void on_audit(std::function<void(const AuditRecord&)> callback) {
        audit_ = std::move(callback);
    }

    /// Host and Origin, then the token, and only then what is asked for: who has no token learns
    /// nothing of what there is, and has no body read. `request` has none yet.
    Admission admit(const ApiRequest& request);

    /// Admits it once more, for a token may have been withdrawn while the body came; then finds the
    /// endpoint, checks body and query, calls the handler.
    ApiResponse handle(const ApiRequest& request);

    /// The same for several in turn, each of which may_share_commit(): they share a commit and a
    /// publication. Where that fails each is tried alone, as if it had come alone.
    std::vector<ApiResponse> handle_together(std::span<const ApiRequest* const> requests);
    /// Whether the request is a write that may be made together with others.
    static bool may_share_commit(const ApiRequest& request);

    /// What is answered instead of handle(): goes into the audit where it was a write.
    ApiResponse refused(const ApiRequest& request, const Caller& caller, ApiResponse refusal);

    /// What ApiResponse::later has given goes into the audit.
    void audit_later(const ApiRequest& request, const ApiResponse& response);

    /// Any other method may change something.
    static bool is_read(std::string_view method) noexcept;

    /// The answer to a body longer than that, whose rest need not be read.
    static ApiResponse body_too_large(std::size_t most);

    /// What /readyz says: true while workers serve and nothing drains.
    void set_ready(bool ready) noexcept { ready_ = ready; }
    /// While the store is lent: what needs it is to be asked again, then of whoever has it.
    void set_lent(bool lent) noexcept { lent_ = lent; }
    void on_upgrade(RequestUpgrade request) { upgrade_ = std::move(request); }

  private:
    /// A request that has been executed, for the audit.
    struct Executed {
        const ApiRequest& request;
        Caller caller;
        std::uint64_t revision_before = 0;
        std::uint64_t revision_after = 0;
        ApiResponse response;
    };

    Executed execute(const ApiRequest& request);
    std::optional<ApiResponse> identify(const ApiRequest& request, Caller& caller);
    ApiResponse answer(const ApiRequest& request, const Caller& caller);
    void audit(const Executed& executed);

    Configuration& configuration_;
    EventFeed& events_;
    Metrics& metrics_;
    AccessRules access_;
    std::optional<TokenFile> tokens_;
    std::function<void(const AuditRecord&)> audit_;
    RequestUpgrade upgrade_;
    bool ready_ = false;
    bool lent_ = false;
};

}  // namespace penstock::control
