// EventStream: server-sent events out of a body's bytes (HTML Living Standard, section 9.2).
//
// Takes them in pieces of any size. One owner, one thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace penstock::ctl {

struct ServerEvent {
    std::string id;    // the last one that was told; empty: none was
    std::string type;  // "message" where it has none of its own
    std::string data;
};

class EventStream {
  public:
    using Deliver = std::function<void(const ServerEvent&)>;

    explicit EventStream(Deliver deliver) : deliver_(std::move(deliver)) {}

    /// False where a line is too long to be one.
    bool take(std::string_view piece);
    /// The connection has ended: an event that is not whole is none.
    void restart();

    /// What is to be sent as Last-Event-ID.
    const std::string& last_id() const noexcept { return last_id_; }
    /// How long to wait before connecting anew.
    std::chrono::milliseconds retry() const noexcept { return retry_; }

  private:
    static constexpr std::size_t longest_line = std::size_t{1} << 20;

    void take_line(std::string_view line);
    void dispatch();

    Deliver deliver_;
    std::string line_;  // that has not ended yet
    std::string type_;
    std::string data_;
    std::string id_;  // of the event that is being read
    std::string last_id_;
    std::chrono::milliseconds retry_{1'000};
    bool after_cr_ = false;  // a LF that follows belongs to it
};

}  // namespace penstock::ctl
