#include <ares.h>
#include <fmt/format.h>
#include <llhttp.h>
#include <simdjson.h>
#include <sqlite3.h>

#include "app/options.hpp"
#include "app/penstock_version.hpp"
#include "io/ring.hpp"
#ifdef PENSTOCK_WITH_URING
#include <liburing.h>
#endif

namespace penstock::app {

namespace {

std::string simdjson_version() {
    return fmt::format("{}.{}.{}", static_cast<int>(simdjson::SIMDJSON_VERSION_MAJOR),
                       static_cast<int>(simdjson::SIMDJSON_VERSION_MINOR),
                       static_cast<int>(simdjson::SIMDJSON_VERSION_REVISION));
}

}  // namespace

std::string version_text() {
#ifdef PENSTOCK_WITH_URING
    const std::string uring =
        fmt::format("liburing {}.{}, ", ::io_uring_major_version(), ::io_uring_minor_version());
#else
    const std::string uring;
#endif
    const auto probed = io::probe_uring();
    return fmt::format(
        "penstock {} ({})\n{}llhttp {}.{}.{}, simdjson {}, fmt {}.{}.{}, c-ares {}, "
        "SQLite {}\nengines: {}\n",
        PENSTOCK_VERSION, PENSTOCK_COMMIT, uring, LLHTTP_VERSION_MAJOR, LLHTTP_VERSION_MINOR,
        LLHTTP_VERSION_PATCH, simdjson_version(), FMT_VERSION / 10'000, FMT_VERSION / 100 % 100,
        FMT_VERSION % 100, ares_version(nullptr), sqlite3_libversion(),
        probed ? "uring, epoll" : "epoll (no uring: " + probed.error().message + ")");
}

}  // namespace penstock::app
