// HandoverChannel: what an old process and the new one that takes its place say to each other, and
// the sockets that go with it (docs/decisions/0022-upgrade.md).
//
// One end each of a pair of Unix sockets (SOCK_SEQPACKET): a word, its text, descriptors. The old
// process speaks first:
//
//   old  listens NAME  (its sockets)     as often as it has names and sockets
//   old  all
//   new  store                           once its flags are good: it wants the store
//   old  store         (its content)     let go of; a descriptor where it lives in memory alone
//   new  takes NAME                      for each that it listens on as well
//   new  ready                           all is set up; it accepts nothing yet
//   old  go                              accepts nothing any more
//   new  failed TEXT                     in place of what would come next, before it ends
//
// Main thread of either process.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <penstock/result.hpp>

#include "base/clock.hpp"

namespace penstock::app {

/// Listening sockets of one address, as they are handed over: "client 0.0.0.0:8080".
struct HandedSockets {
    std::string name;
    std::vector<int> fds;
};

class HandoverChannel {
  public:
    struct Message {
        std::string word;
        std::string text;
        std::vector<int> fds;  // the receiver's; no program that it starts inherits them
    };
    enum class Heard : std::uint8_t { message, nothing, end };

    /// Two ends that belong together.
    static Result<void> make(HandoverChannel& one, HandoverChannel& other);

    HandoverChannel() noexcept = default;
    explicit HandoverChannel(int fd) noexcept : fd_(fd) {}
    HandoverChannel(HandoverChannel&& other) noexcept;
    HandoverChannel& operator=(HandoverChannel&& other) noexcept;
    ~HandoverChannel();

    int fd() const noexcept { return fd_; }
    void close() noexcept;

    /// False where the other has gone, or has not read for seconds.
    bool send(std::string_view word, std::string_view text = {}, const std::vector<int>& fds = {});
    /// Waits until there is something, the other has gone, or `deadline`.
    Heard receive(Message& message, TimePoint deadline = never);

  private:
    int fd_ = -1;
};

}  // namespace penstock::app
