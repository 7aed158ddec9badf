// Where in a text a JSON pointer points: for a person who mends a file.
//
// One owner, one thread; the text must outlive it, and be JSON.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include <simdjson.h>

namespace penstock::model {

/// Line and column count from 1, columns in bytes.
struct TextPlace {
    std::size_t line = 1;
    std::size_t column = 1;

    bool operator==(const TextPlace&) const = default;
};

/// That of the byte at `offset`, or behind the last one.
TextPlace place_at(std::string_view text, std::size_t offset) noexcept;

class JsonLocations {
  public:
    explicit JsonLocations(std::string_view text);

    /// Where the value begins; of what is not there, where that begins which it is missing from.
    TextPlace of(std::string_view pointer);

  private:
    std::size_t offset_of(std::string_view pointer);

    simdjson::padded_string text_;
    simdjson::ondemand::parser parser_;
};

}  // namespace penstock::model
