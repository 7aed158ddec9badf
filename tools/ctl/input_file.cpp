#include "ctl/input_file.hpp"

#include <array>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

namespace penstock::ctl {

namespace {

/// What the API takes at most, for a whole configuration.
constexpr std::size_t longest = std::size_t{64} << 20;

}  // namespace

Result<std::string> read_input(const std::string& path) {
    const bool is_stdin = path == "-";
    const auto failure = [&](const char* reason) {
        return Failure{Error{fmt::format("{}: {}", is_stdin ? "stdin" : path, reason)}};
    };
    const int fd = is_stdin ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return failure(std::strerror(errno));
    std::string text;
    std::array<char, 65'536> piece;
    ssize_t got = 1;
    int error = 0;
    while (got != 0 && error == 0 && text.size() <= longest) {
        got = ::read(fd, piece.data(), piece.size());
        if (got > 0) text.append(piece.data(), static_cast<std::size_t>(got));
        if (got < 0 && errno != EINTR) error = errno;
    }
    if (!is_stdin) ::close(fd);
    if (error != 0) return failure(std::strerror(error));
    if (text.size() > longest) return failure("more than 64 MiB");
    return text;
}

}  // namespace penstock::ctl
