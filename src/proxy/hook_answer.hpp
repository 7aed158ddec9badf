// HookAnswer: what an auth provider of type `http` has said of a request.
//
// Immutable once it is there; of one worker, shared by the requests that asked the same.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace penstock::proxy {

struct HookAnswer {
    struct Field {
        std::string name;
        std::string value;
    };

    std::uint16_t status = 0;
    /// 2xx: what goes onto the request (`copyHeaders`); else what the client is to see.
    std::vector<Field> fields;
    std::string body;        // for the client
    bool is_for_all = true;  // who asks the same may be told the same: no cookie is set by it
    bool is_to_last = true;  // and later, too: the hook has not said no-store

    bool passes() const noexcept { return status >= 200 && status < 300; }
};

}  // namespace penstock::proxy
