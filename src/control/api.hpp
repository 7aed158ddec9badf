// Api: what the REST API answers to one request, as a plain function (SPEC section 9).
//
// Control thread only. Reading requests, waiting for the workers and sending answers is
// api_server's part; this one knows no sockets.
#pragma once

#include <cstddef>
#include <string_view>
#include <utility>

#include "control/access.hpp"
#include "control/configuration.hpp"
#include "control/message.hpp"

namespace penstock::control {

class Api {
  public:
    /// Of a request's body, in bytes: 64 MiB for PUT /api/v1/config, else 1 MiB.
    static std::size_t most_body(std::string_view method, std::string_view target);

    Api(Configuration& configuration, AccessRules access)
        : configuration_(configuration), access_(std::move(access)) {}

    /// Checks access, finds the endpoint, checks body and query, calls the handler.
    ApiResponse handle(const ApiRequest& request);

    /// The answer to a body longer than that, whose rest need not be read.
    static ApiResponse body_too_large(std::size_t most);

    /// What /readyz says: true while workers serve and nothing drains.
    void set_ready(bool ready) noexcept { ready_ = ready; }

  private:
    Configuration& configuration_;
    AccessRules access_;
    bool ready_ = false;
};

}  // namespace penstock::control
