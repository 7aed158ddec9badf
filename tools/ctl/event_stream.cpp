#include "ctl/event_stream.hpp"

#include <algorithm>
#include <utility>

#include "base/bytes.hpp"

namespace penstock::ctl {

bool EventStream::take(std::string_view piece) {
    for (const char c : piece) {
        if (std::exchange(after_cr_, c == '\r') && c == '\n') continue;
        if (c != '\r' && c != '\n') {
            if (line_.size() == longest_line) return false;
            line_ += c;
            continue;
        }
        take_line(line_);
        line_.clear();
    }
    return true;
}

void EventStream::restart() {
    line_.clear();
    type_.clear();
    data_.clear();
    id_ = last_id_;
    after_cr_ = false;
}

void EventStream::take_line(std::string_view line) {
    if (line.empty()) return dispatch();
    const std::size_t colon = line.find(':');
    const std::string_view name = line.substr(0, colon);
    std::string_view value = colon == std::string_view::npos ? "" : line.substr(colon + 1);
    if (value.starts_with(' ')) value.remove_prefix(1);
    if (name == "event") {
        type_ = value;
    } else if (name == "data") {
        data_.append(value) += '\n';
    } else if (name == "id" && value.find('\0') == std::string_view::npos) {
        id_ = value;
    } else if (name == "retry") {
        // A server that says so may not make us ask all the time, or never again.
        const auto wait = parse_decimal(value, 60'000);
        if (wait) retry_ = std::chrono::milliseconds(std::max<std::uint64_t>(*wait, 100));
    }
}

void EventStream::dispatch() {
    last_id_ = id_;
    if (!data_.empty()) {
        data_.pop_back();
        deliver_({.id = last_id_, .type = type_.empty() ? "message" : type_, .data = data_});
    }
    data_.clear();
    type_.clear();
}

}  // namespace penstock::ctl
