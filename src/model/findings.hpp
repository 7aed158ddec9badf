// Findings: what is wrong with one part of a configuration, collected with pointers below it; and
// the checks that parts of several kinds share.
//
// One owner, one thread.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "model/field_error.hpp"

namespace penstock::model {

/// The errors of one part, below the pointer of which `at` and `below` stand.
class Findings {
  public:
    explicit Findings(std::string_view base) : base_(base) {}

    void add(std::string_view below, std::string detail,
             FieldErrorKind kind = FieldErrorKind::invalid) {
        errors_.push_back({base_ + std::string(below), std::move(detail), kind});
    }
    void conflict(std::string_view below, std::string detail) {
        add(below, std::move(detail), FieldErrorKind::conflict);
    }
    FieldErrors take() { return std::move(errors_); }

  private:
    std::string base_;
    FieldErrors errors_;
};

/// Of a route, a backend or an auth provider; may be empty.
void check_id(const std::string& id, std::string_view at, Findings& findings);

/// From 1ms to longest_duration.
void check_duration(std::chrono::milliseconds value, std::string_view at, Findings& findings);
void check_duration(const std::optional<std::chrono::milliseconds>& value, std::string_view at,
                    Findings& findings);

/// Control characters of ASCII.
bool has_controls(std::string_view text) noexcept;

}  // namespace penstock::model
