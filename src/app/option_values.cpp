#include "app/option_values.hpp"

#include <algorithm>

#include <sched.h>

#include "app/systemd_sockets.hpp"
#include "base/bytes.hpp"
#include "control/store/open.hpp"
#include "model/http_url.hpp"

namespace penstock::app {

namespace {

constexpr unsigned most_workers = 1'024;
constexpr std::size_t longest_node_name = 64;
constexpr std::uint64_t least_memory = 32 * 1024 * 1024;

Failure<Error> wrong(std::string why) {
    return Failure{Error{std::move(why)}};
}

}  // namespace

Result<ListenOn> parse_listen(std::string_view text) {
    if (text.starts_with("fd:")) {
        const auto fd = parse_decimal(text.substr(3), 1 << 20);
        if (!fd || !is_listening(static_cast<int>(*fd))) return wrong("not a listening socket");
        return ListenOn(static_cast<int>(*fd));
    }
    const auto address = net::Address::parse_endpoint(text);
    if (!address) return wrong("ADDR:PORT, [V6]:PORT, unix:PATH or fd:N is wanted");
    return ListenOn(*address);
}

Result<std::uint16_t> parse_port(std::string_view text) {
    const auto port = parse_decimal(text, 65'535);
    if (!port || *port == 0) return wrong("a port is wanted, 1 to 65535");
    return static_cast<std::uint16_t>(*port);
}

Result<net::Address> parse_admin(std::string_view text) {
    const auto address = net::Address::parse_endpoint(text);
    if (!address) return wrong("ADDR:PORT or unix:PATH is wanted");
    return *address;
}

Result<net::Address> parse_resolver(std::string_view text) {
    constexpr std::uint16_t dns_port = 53;
    if (const auto address = net::Address::parse(text, dns_port)) return *address;
    const auto address = net::Address::parse_endpoint(text);
    if (!address || address->family() == AF_UNIX || address->port() == 0)
        return wrong("ADDR or ADDR:PORT is wanted, an IPv6 ADDR before a port in brackets");
    return *address;
}

Result<net::Network> parse_network(std::string_view text) {
    const auto network = net::Network::parse(text);
    if (!network) return wrong("an address block like 10.0.0.0/8 is wanted");
    return *network;
}

Result<std::string> parse_node_name(std::string_view text) {
    // A token (RFC 9110) and a structured-field token (RFC 8941) at once: it stands in Via and in
    // Proxy-Status.
    const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
    const bool fits = !text.empty() && text.size() <= longest_node_name &&
                      is_letter(text.front()) && std::all_of(text.begin(), text.end(), [&](char c) {
                          return is_letter(c) || is_digit(c) || c == '-' || c == '.' || c == '_';
                      });
    if (!fits) return wrong("a letter, then letters, digits, '-', '.', '_': at most 64");
    return std::string(text);
}

Result<unsigned> parse_workers(std::string_view text) {
    const auto count = parse_decimal(text, most_workers);
    if (!count || *count == 0)
        return wrong("a number from 1 to " + std::to_string(most_workers) + " is wanted");
    return static_cast<unsigned>(*count);
}

Result<Pinning> parse_pinning(std::string_view text) {
    if (text == "auto") return Pinning(PinAuto{});
    if (text == "off") return Pinning(PinOff{});
    std::vector<unsigned> cpus;
    bool valid = true;
    for_each_element(text, [&](std::string_view range) {
        const std::size_t dash = range.find('-');
        const auto first = parse_decimal(range.substr(0, dash), CPU_SETSIZE - 1);
        const auto last = dash == std::string_view::npos
                              ? first
                              : parse_decimal(range.substr(dash + 1), CPU_SETSIZE - 1);
        valid = valid && first && last && *first <= *last;
        for (std::uint64_t cpu = first.value_or(1); valid && cpu <= last.value_or(0); ++cpu) {
            cpus.push_back(static_cast<unsigned>(cpu));
        }
    });
    if (!valid || cpus.empty()) return wrong("auto, off, or CPUs like 0,2-3 are wanted");
    return Pinning(std::move(cpus));
}

Result<EngineChoice> parse_engine(std::string_view text) {
    if (text == "auto") return EngineChoice::automatic;
    if (text == "uring") return EngineChoice::uring;
    if (text == "epoll") return EngineChoice::epoll;
    return wrong("auto, uring or epoll is wanted");
}

Result<std::optional<std::uint64_t>> parse_memory(std::string_view text) {
    if (text == "auto") return std::optional<std::uint64_t>();
    if (text == "off") return std::optional<std::uint64_t>(0);
    const auto bytes = model::parse_size(std::string(text));
    if (bytes && *bytes >= least_memory) return std::optional<std::uint64_t>(*bytes);
    return wrong("auto, off, or a size of 32m or more is wanted");
}

Result<SandboxChoice> parse_sandbox(std::string_view text) {
    if (text == "auto") return SandboxChoice::automatic;
    if (text == "on") return SandboxChoice::on;
    if (text == "off") return SandboxChoice::off;
    return wrong("auto, on or off is wanted");
}

Result<LogLevel> parse_log_level(std::string_view text) {
    if (text == "debug") return LogLevel::debug;
    if (text == "info") return LogLevel::info;
    if (text == "warn") return LogLevel::warn;
    if (text == "error") return LogLevel::error;
    if (text == "off") return LogLevel::off;
    return wrong("debug, info, warn, error or off is wanted");
}

Result<LogFormat> parse_log_format(std::string_view text) {
    if (text == "json") return LogFormat::json;
    if (text == "text") return LogFormat::text;
    return wrong("json or text is wanted");
}

Result<std::string> parse_store(std::string_view text) {
    if (const auto good = control::check_store_url(text); !good) return Failure{good.error()};
    return std::string(text);
}

Result<std::string> parse_collector(std::string_view text) {
    const auto url = model::HttpUrl::parse(text);
    if (!url) return Failure{url.error()};
    if (url->target != "/") return std::string(text);
    if (text.ends_with('/')) text.remove_suffix(1);
    return std::string(text) + "/v1/traces";
}

Result<std::uint64_t> parse_share(std::string_view text) {
    double share = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), share);
    const bool is_share =
        error == std::errc{} && end == text.data() + text.size() && share >= 0 && share <= 1;
    if (!is_share) return wrong("a number from 0 to 1 is wanted");
    return static_cast<std::uint64_t>(share * 4'294'967'296.0);
}

}  // namespace penstock::app
