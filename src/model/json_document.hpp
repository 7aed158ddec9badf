// A parsed JSON text (RFC 8259), strict: UTF-8, one value, bounded depth, and errors that say
// where.
//
// One owner, one thread. The elements point into the document and must not outlive it.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include <penstock/result.hpp>
#include <simdjson.h>

#include "model/field_error.hpp"

namespace penstock::model {

/// Deeper than any document of ours: what follows may recurse without a thought for the stack.
inline constexpr std::size_t deepest_json = 32;

/// Text that is not JSON. Line and column count from 1, columns in bytes; 0 where the place is not
/// known.
struct SyntaxError {
    std::string message;
    std::size_t line = 0;
    std::size_t column = 0;

    /// "line 3, column 7: expected ':'".
    std::string text() const;
};

class JsonDocument {
  public:
    static Result<JsonDocument, SyntaxError> parse(std::string_view text);

    simdjson::dom::element root() const noexcept { return root_; }

    /// One error for each key that an object holds twice, at any depth: simdjson keeps both, RFC
    /// 8259 leaves the meaning open, and two readers could disagree. Up to most_errors; a key too
    /// long to be quoted is told of at what it stands in.
    FieldErrors duplicate_keys() const;
    /// Whether there are any.
    bool has_duplicate_keys() const;

  private:
    JsonDocument() : parser_(std::make_unique<simdjson::dom::parser>()) {}

    std::unique_ptr<simdjson::dom::parser> parser_;
    simdjson::dom::element root_;
};

}  // namespace penstock::model
