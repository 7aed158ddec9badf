// What goes to the API and comes from it, as plain values.
//
// Any thread.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace penstock::ctl {

using Fields = std::vector<std::pair<std::string, std::string>>;

struct Request {
    std::string method = "GET";
    std::string path;  // with its query, percent-encoded
    std::string body;  // JSON; empty: none
    Fields fields;     // beside those that every request has
};

struct Answer {
    unsigned status = 0;
    Fields fields;  // names in lower case
    std::string body;

    bool is_success() const noexcept { return status >= 200 && status < 300; }
    /// Empty where there is none; `name` in lower case.
    std::string_view field(std::string_view name) const noexcept {
        for (const auto& [known, value] : fields) {
            if (known == name) return value;
        }
        return {};
    }
};

}  // namespace penstock::ctl
