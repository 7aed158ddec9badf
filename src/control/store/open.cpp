#include "control/store/open.hpp"

#include <array>
#include <string>

#include <unistd.h>

#include "base/assert.hpp"
#include "control/store/memory.hpp"
#include "control/store/sqlite.hpp"

namespace penstock::control {

namespace {

struct Kind {
    std::string_view prefix;
    bool wants_rest;  // something after the prefix
    Result<std::unique_ptr<Store>> (*open)(const std::string& rest, int content);
};

Result<std::unique_ptr<Store>> in_memory(int content) {
    if (content < 0) return std::unique_ptr<Store>(std::make_unique<MemoryStore>());
    auto read = read_content(content);
    if (!read) return Failure{read.error()};
    return std::unique_ptr<Store>(std::make_unique<MemoryStore>(std::move(*read)));
}

constexpr std::array kinds{
    Kind{"sqlite:", true, [](const std::string& path, int) { return SqliteStore::open(path); }},
    Kind{"memory:", false, [](const std::string&, int content) { return in_memory(content); }},
};

const Kind* kind_of(std::string_view url) noexcept {
    for (const Kind& kind : kinds) {
        const bool has_rest = url.size() > kind.prefix.size();
        if (url.starts_with(kind.prefix) && has_rest == kind.wants_rest) return &kind;
    }
    return nullptr;
}

}  // namespace

Result<void> check_store_url(std::string_view url) {
    if (kind_of(url) != nullptr) return {};
    if (url.starts_with("etcd:")) return Failure{Error{"not supported yet; sqlite:PATH is"}};
    return Failure{Error{"sqlite:PATH or memory: is wanted"}};
}

Result<std::unique_ptr<Store>> open_store(std::string_view url, int content) {
    const Kind* const kind = kind_of(url);
    PENSTOCK_ASSERT(kind != nullptr);
    return kind->open(std::string(url.substr(kind->prefix.size())), content);
}

void give_store_to(std::string_view url, uid_t user, gid_t group) noexcept {
    constexpr std::string_view prefix = "sqlite:";
    if (!url.starts_with(prefix)) return;
    const std::string path(url.substr(prefix.size()));
    for (const std::string& name : {path, path + "-wal"}) {
        // Whoever cannot open it says so, when he does.
        if (::lchown(name.c_str(), user, group) != 0) continue;
    }
}

}  // namespace penstock::control
