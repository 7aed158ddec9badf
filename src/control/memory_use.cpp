#include "control/memory_use.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <string_view>

#include <fcntl.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/bytes.hpp"

namespace penstock::control {

namespace {

constexpr std::string_view groups = "/sys/fs/cgroup";

std::optional<std::uint64_t> number_in(const std::string& path) {
    std::ifstream file(path);
    std::string word;
    if (!(file >> word)) return std::nullopt;
    return parse_decimal(word);  // "max" is none
}

std::uint64_t of_machine() {
    struct sysinfo info {};
    return ::sysinfo(&info) == 0 ? std::uint64_t{info.totalram} * info.mem_unit : 0;
}

/// The path of our own group: the line "0::/path" of /proc/self/cgroup.
std::string own_group() {
    std::ifstream file("/proc/self/cgroup");
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with("0::/")) return line == "0::/" ? "" : line.substr(3);
    }
    return {};
}

int open_to_read(const std::string& path) {
    return ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
}

/// A file of the kernel's, as it is now.
class Content {
  public:
    explicit Content(int fd) {
        const ssize_t size = fd < 0 ? -1 : ::pread(fd, bytes_.data(), bytes_.size(), 0);
        text_ = std::string_view(bytes_.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
    }
    /// The first number behind `name` at the start of a line; or, without a name, of all.
    std::uint64_t number(std::string_view name = {}) const {
        std::size_t at = 0;
        while (!text_.substr(at).starts_with(name)) {
            at = text_.find('\n', at);
            if (at == std::string_view::npos) return 0;
            ++at;
        }
        std::string_view rest = text_.substr(at + name.size());
        return parse_decimal(rest.substr(0, rest.find_first_of(" \n"))).value_or(0);
    }
    /// The word behind the first blank.
    std::uint64_t second() const {
        const std::size_t blank = text_.find(' ');
        if (blank == std::string_view::npos) return 0;
        const std::string_view rest = text_.substr(blank + 1);
        return parse_decimal(rest.substr(0, rest.find(' '))).value_or(0);
    }

  private:
    std::array<char, 8'192> bytes_;
    std::string_view text_;
};

}  // namespace

MemoryBound memory_bound(std::optional<std::uint64_t> chosen) {
    if (chosen) return {.bytes = *chosen, .group = {}};
    MemoryBound bound{.bytes = of_machine(), .group = {}};
    for (std::string path = own_group();; path.erase(path.rfind('/'))) {
        const std::string folder = std::string(groups) + path;
        for (const char* file : {"/memory.max", "/memory.high"}) {
            const auto limit = number_in(folder + file);
            if (limit && *limit != 0 && *limit < bound.bytes)
                bound = {.bytes = *limit, .group = folder};
        }
        if (path.empty()) return bound;
    }
}

MemoryUse::MemoryUse(const MemoryBound& bound) {
    if (bound.bytes == 0) return;
    resident_ = open_to_read("/proc/self/statm");
    if (bound.group.empty()) return;
    charged_ = open_to_read(bound.group + "/memory.current");
    parts_ = open_to_read(bound.group + "/memory.stat");
}

MemoryUse::~MemoryUse() {
    for (const int fd : {resident_, charged_, parts_}) {
        if (fd >= 0) ::close(fd);
    }
}

std::uint64_t MemoryUse::read() const {
    const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    const std::uint64_t resident = Content(resident_).second() * page;
    return std::max(resident, of_group());
}

std::uint64_t MemoryUse::of_group() const {
    const std::uint64_t charged = Content(charged_).number();
    const Content parts(parts_);
    const std::uint64_t cached = parts.number("inactive_file ") + parts.number("active_file ");
    return charged > cached ? charged - cached : 0;
}

}  // namespace penstock::control
