#include "ctl/confirm.hpp"

#include <cstdio>
#include <memory>

#include <unistd.h>

namespace penstock::ctl {

bool confirm(std::string_view question) {
    if (::isatty(STDERR_FILENO) != 1) return true;
    // Not stdin: the document may come from there.
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> terminal(std::fopen("/dev/tty", "re"),
                                                                   &std::fclose);
    if (terminal == nullptr) return true;
    std::fprintf(stderr, "%.*s [y/N] ", static_cast<int>(question.size()), question.data());
    const int first = std::fgetc(terminal.get());
    return first == 'y' || first == 'Y';
}

}  // namespace penstock::ctl
