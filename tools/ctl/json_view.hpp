// JsonView: what an answer of the API says, read without fear: what is not there is empty.
//
// A view into a model::JsonDocument, which outlives it. Main thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <simdjson.h>

namespace penstock::ctl {

class JsonView {
  public:
    JsonView() = default;
    JsonView(simdjson::dom::element element) : element_(element) {}

    /// A member of an object.
    JsonView operator[](std::string_view key) const;
    /// The items of an array.
    std::vector<JsonView> items() const;
    std::vector<std::pair<std::string_view, JsonView>> members() const;

    /// Neither absent nor null.
    bool exists() const;
    bool is_object() const;
    bool is_array() const;
    bool is_true() const;
    /// A string's characters; numbers and truth values as JSON writes them; else nothing.
    std::string text() const;
    /// 0 where it is no number.
    double number() const;
    std::uint64_t count() const;
    /// As JSON, without spaces.
    std::string json() const;
    std::optional<simdjson::dom::element> element() const { return element_; }

  private:
    std::optional<simdjson::dom::element> element_;
};

}  // namespace penstock::ctl
