// Hosts: patterns of the configuration, hosts of requests, and the table between them beside a
// search through a list. An input is lines, each of which is tried as each of these.
#include "model/host_pattern.hpp"

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "http/framing.hpp"
#include "snapshot/host_table.hpp"
#include "target.hpp"

namespace {

using namespace penstock;
using namespace penstock::fuzz;
using model::canonical_host_pattern;
using model::canonical_hostname;

constexpr std::size_t most_lines = 64;

std::vector<std::string_view> lines_of(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty() && lines.size() < most_lines) {
        const std::size_t end = text.find('\n');
        lines.push_back(text.substr(0, end));
        text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    }
    return lines;
}

std::string to_upper(std::string_view text) {
    std::string upper(text);
    for (char& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 0x20) : c;
    return upper;
}

/// The host that a request with this Host field asks for; "" where it is malformed.
std::string host_of(std::string_view authority) {
    http::RequestHead head;
    return http::parse_authority(authority, head) ? std::string(head.host()) : std::string();
}

bool is_canonical_byte(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') ||
           std::string_view("-_.*:[]").find(c) != std::string_view::npos;
}

/// A request reaches what was configured, however it writes the name.
void check_reachable(const std::string& host) {
    PENSTOCK_ASSERT(host_of(host) == host);
    PENSTOCK_ASSERT(host_of(to_upper(host)) == host);
    PENSTOCK_ASSERT(host_of(host + ":8080") == host);
    if (host.front() != '[') PENSTOCK_ASSERT(host_of(host + ".") == host);
}

/// The canonical form of a line, which is its own; "" where it is no pattern.
std::string check_pattern(std::string_view line) {
    const auto pattern = canonical_host_pattern(line);
    if (!pattern) {
        PENSTOCK_ASSERT(!pattern.error().message.empty());
        return {};
    }
    for (const char c : line) PENSTOCK_ASSERT(c > ' ' && c < 0x7f);
    for (const char c : *pattern) PENSTOCK_ASSERT(is_canonical_byte(c));
    PENSTOCK_ASSERT(!pattern->empty() && pattern->size() <= model::longest_host);
    PENSTOCK_ASSERT(canonical_host_pattern(*pattern).value() == *pattern);
    PENSTOCK_ASSERT(canonical_host_pattern(to_upper(*pattern)).value() == *pattern);
    if (*pattern == "*") return "*";
    const bool is_wildcard = pattern->starts_with("*.");
    PENSTOCK_ASSERT(pattern->find('*', is_wildcard ? 1 : 0) == std::string::npos);
    check_reachable(is_wildcard ? "a" + pattern->substr(1) : *pattern);
    return *pattern;
}

void check_hostname(std::string_view line) {
    const auto name = canonical_hostname(line);
    if (!name) return;
    for (const char c : line) PENSTOCK_ASSERT(c > ' ' && c < 0x7f);
    PENSTOCK_ASSERT(canonical_hostname(*name).value() == *name);
    const bool is_ipv6 = name->find(':') != std::string::npos;
    PENSTOCK_ASSERT(host_of(model::authority_of(*name, 80)) ==
                    (is_ipv6 ? "[" + *name + "]" : *name));
}

void check_host(const std::string& host) {
    if (host.empty()) return;
    PENSTOCK_ASSERT(host.size() <= http::RequestHead::longest_host);
    PENSTOCK_ASSERT(to_lower(host) == host);
    PENSTOCK_ASSERT(host_of(host) == host);
}

using Routes = std::map<std::string, const snapshot::Route*>;

/// Exact, else the longest suffix, else "*".
const snapshot::Route* search(const Routes& routes, std::string_view host) {
    if (const auto exact = routes.find(std::string(host)); exact != routes.end())
        return exact->second;
    const snapshot::Route* best = nullptr;
    std::size_t longest = 0;
    for (const auto& [pattern, route] : routes) {
        if (!pattern.starts_with("*.")) continue;
        const std::string_view suffix = std::string_view(pattern).substr(1);
        if (host.size() <= suffix.size() || !host.ends_with(suffix)) continue;
        if (suffix.size() <= longest) continue;
        longest = suffix.size();
        best = route;
    }
    if (best != nullptr) return best;
    const auto any = routes.find("*");
    return any == routes.end() ? nullptr : any->second;
}

/// A table and the list that it must agree with.
class Table {
  public:
    ~Table() {
        for (auto& array : table_.dissolve()) arrays_.push_back(std::move(array));
    }

    void set(const std::vector<std::string>& patterns) {
        std::vector<snapshot::HostTable::Edit> edits;
        for (const std::string& pattern : patterns) {
            auto route = std::make_unique<snapshot::Route>();
            route->keys.push_back(snapshot::host_key(pattern));
            edits.push_back({route->keys[0], route.get()});
            expected_[pattern] = route.get();
            routes_.push_back(std::move(route));
        }
        table_.apply(edits, arrays_);
    }
    void erase(const std::string& pattern) {
        const std::string key = snapshot::host_key(pattern);
        const snapshot::HostTable::Edit edit{key, nullptr};
        table_.apply({&edit, 1}, arrays_);
        expected_.erase(pattern);
    }
    void check(const std::vector<std::string>& hosts) const {
        for (const std::string& host : hosts)
            PENSTOCK_ASSERT(table_.match(host) == search(expected_, host));
    }

  private:
    std::vector<snapshot::HostTable::Array> arrays_;
    std::vector<std::unique_ptr<snapshot::Route>> routes_;
    Routes expected_;
    snapshot::HostTable table_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::vector<std::string> patterns;
    std::vector<std::string> hosts;
    for (const std::string_view line : lines_of(text_of(data, size))) {
        check_hostname(line);
        const std::string host = host_of(line);
        check_host(host);
        if (!host.empty()) hosts.push_back(host);
        const std::string pattern = check_pattern(line);
        if (pattern.empty()) continue;
        patterns.push_back(pattern);
        for (const char* inside : {"", "x", "x.y"})
            hosts.push_back(inside + pattern.substr(pattern.starts_with('*') ? 1 : 0));
    }
    Table table;
    table.check(hosts);
    table.set(patterns);
    table.check(hosts);
    for (std::size_t i = 0; i < patterns.size(); i += 2) table.erase(patterns[i]);
    table.check(hosts);
    table.set(patterns);
    table.check(hosts);
    return 0;
}
