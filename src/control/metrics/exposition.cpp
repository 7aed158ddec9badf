#include "control/metrics/exposition.hpp"

#include <iterator>

#include <fmt/format.h>

namespace penstock::control {

namespace {

std::string_view name_of(Exposition::Kind kind) noexcept {
    switch (kind) {
        case Exposition::Kind::counter:
            return "counter";
        case Exposition::Kind::gauge:
            return "gauge";
        case Exposition::Kind::histogram:
            break;
    }
    return "histogram";
}

}  // namespace

std::string label(std::string_view name, std::string_view value) {
    std::string text(name);
    text += "=\"";
    for (const char c : value) {
        if (c == '\n') {
            text += "\\n";
            continue;
        }
        if (c == '"' || c == '\\') text += '\\';
        text += c;
    }
    text += '"';
    return text;
}

void Exposition::begin(std::string_view name, Kind kind, std::string_view help) {
    name_ = name;
    fmt::format_to(std::back_inserter(text_), "# HELP {} {}\n# TYPE {} {}\n", name, help, name,
                   name_of(kind));
}

void Exposition::sample(std::string_view labels, std::uint64_t value, std::string_view more) {
    start_line({}, labels, more);
    end_line(value);
}

void Exposition::sample(std::string_view labels, double value, std::string_view more) {
    start_line({}, labels, more);
    end_line(value);
}

void Exposition::part(std::string_view suffix, std::string_view labels, std::uint64_t value,
                      std::string_view more) {
    start_line(suffix, labels, more);
    end_line(value);
}

void Exposition::part(std::string_view suffix, std::string_view labels, double value) {
    start_line(suffix, labels, {});
    end_line(value);
}

void Exposition::start_line(std::string_view suffix, std::string_view labels,
                            std::string_view more) {
    text_ += name_;
    text_ += suffix;
    if (!labels.empty() || !more.empty()) {
        text_ += '{';
        text_ += labels;
        if (!labels.empty() && !more.empty()) text_ += ',';
        text_ += more;
        text_ += '}';
    }
    text_ += ' ';
}

void Exposition::end_line(std::uint64_t value) {
    const fmt::format_int digits(value);
    text_.append(digits.data(), digits.size());
    text_ += '\n';
}

void Exposition::end_line(double value) {
    fmt::format_to(std::back_inserter(text_), "{}\n", value);
}

}  // namespace penstock::control
