// Exposition: metrics as text (Prometheus text exposition format 0.0.4).
//
// Any thread; appends to a string of its own. All samples of a family stand together behind its
// HELP and TYPE, so a family is begun once.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace penstock::control {

/// `name="value"`, escaped.
std::string label(std::string_view name, std::string_view value);

class Exposition {
  public:
    static constexpr std::string_view content_type = "text/plain; version=0.0.4; charset=utf-8";

    enum class Kind : std::uint8_t { counter, gauge, histogram };

    /// What follows is of this family; `help` is plain text on one line.
    void begin(std::string_view name, Kind kind, std::string_view help);

    /// `labels`, and `more` behind them: parts of a list as label() gives them, or empty.
    void sample(std::string_view labels, std::uint64_t value, std::string_view more = {});
    void sample(std::string_view labels, double value, std::string_view more = {});
    /// One of a histogram's: `suffix` is "_bucket", "_sum" or "_count".
    void part(std::string_view suffix, std::string_view labels, std::uint64_t value,
              std::string_view more = {});
    void part(std::string_view suffix, std::string_view labels, double value);

    std::string take() && { return std::move(text_); }

  private:
    void start_line(std::string_view suffix, std::string_view labels, std::string_view more);
    void end_line(std::uint64_t value);
    void end_line(double value);

    std::string text_;
    std::string name_;
};

}  // namespace penstock::control
