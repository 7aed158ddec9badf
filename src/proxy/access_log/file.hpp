// Where the access log's lines go: a file, a FIFO, or standard output, whatever that is.
//
// The log's thread alone, but for open(). Nothing here waits for a reader: what a pipe, a terminal
// or a socket does not take at once is not taken. A regular file is written as the kernel writes
// it, which may take as long as the disk does.
#pragma once

#include <string>
#include <string_view>

#include <penstock/result.hpp>
#include <sys/types.h>

namespace penstock::proxy {

class LogFile {
  public:
    LogFile() = default;
    LogFile(LogFile&& other) noexcept;
    LogFile& operator=(LogFile&& other) noexcept;
    ~LogFile();

    /// "-" is standard output. A file that is not there is made, with mode 0640; a FIFO is opened
    /// whether anybody reads it or not.
    static Result<LogFile> open(const std::string& target);

    struct Written {
        std::size_t size = 0;
        int error = 0;  // EAGAIN: it takes nothing now
    };
    /// Whole lines as far as it can: to a pipe each write(2) is one that no other writer's bytes
    /// come between.
    Written write(std::string_view lines) noexcept;

    /// Where it is a file or a FIFO of that name. Without the right to, nothing happens.
    void give_to(uid_t user, gid_t group) noexcept;

    /// To be polled for POLLOUT behind EAGAIN.
    int fd() const noexcept { return fd_; }

  private:
    enum class Kind : unsigned char { regular, pipe, socket };

    LogFile(int fd, bool is_owned) noexcept;
    static Result<LogFile> open_standard_output();

    int fd_ = -1;
    bool is_owned_ = false;
    bool is_named_ = false;  // a file or a FIFO, not standard output
    Kind kind_ = Kind::regular;
};

}  // namespace penstock::proxy
