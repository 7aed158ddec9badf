#include "app/options.hpp"

#include <cstdlib>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "model/json_document.hpp"

using namespace penstock;
using namespace penstock::app;
using namespace std::chrono_literals;

namespace {

using Arguments = std::vector<const char*>;
using Parsed = Result<CommandLineResult>;

Parsed parse(Arguments arguments) {
    arguments.insert(arguments.begin(), "penstock");
    return parse_options(static_cast<int>(arguments.size()), arguments.data());
}

Options options(Arguments arguments) {
    const Parsed parsed = parse(std::move(arguments));
    if (!parsed) FAIL(parsed.error().message);
    REQUIRE(std::holds_alternative<Options>(*parsed));
    return std::get<Options>(*parsed);
}

std::string printout(Arguments arguments) {
    const Parsed parsed = parse(std::move(arguments));
    REQUIRE(parsed.has_value());
    REQUIRE(std::holds_alternative<Printout>(*parsed));
    return std::get<Printout>(*parsed).text;
}

std::string error(Arguments arguments) {
    const Parsed parsed = parse(std::move(arguments));
    return parsed ? "none" : parsed.error().message;
}

/// An environment variable for as long as this lives.
class Environment {
  public:
    Environment(const char* name, const std::string& value) : name_(name) {
        ::setenv(name, value.c_str(), 1);
    }
    ~Environment() { ::unsetenv(name_); }
    Environment(const Environment&) = delete;
    Environment& operator=(const Environment&) = delete;

  private:
    const char* name_;
};

/// A listening Unix socket at a descriptor of our choice; what stood there comes back at the end.
class ListeningAt {
  public:
    explicit ListeningAt(int fd) : fd_(fd), before_(::dup(fd)) {
        const int made = ::socket(AF_UNIX, SOCK_STREAM, 0);
        const sockaddr_un unnamed{AF_UNIX, {}};
        const auto* address = reinterpret_cast<const sockaddr*>(&unnamed);
        REQUIRE(::bind(made, address, sizeof(sa_family_t)) == 0);  // the kernel picks a name
        REQUIRE(::listen(made, 1) == 0);
        if (made == fd_) return;
        REQUIRE(::dup2(made, fd_) == fd_);
        ::close(made);
    }
    ~ListeningAt() {
        ::close(fd_);
        if (before_ < 0) return;
        ::dup2(before_, fd_);
        ::close(before_);
    }
    ListeningAt(const ListeningAt&) = delete;
    ListeningAt& operator=(const ListeningAt&) = delete;

  private:
    int fd_;
    int before_;
};

std::vector<std::string> listeners(const std::vector<ListenOn>& all) {
    std::vector<std::string> found;
    for (const ListenOn& listener : all) {
        const int* fd = std::get_if<int>(&listener);
        found.push_back(fd != nullptr ? "fd:" + std::to_string(*fd)
                                      : std::get<net::Address>(listener).endpoint());
    }
    return found;
}

std::vector<std::string> listeners(const Options& options) {
    return listeners(options.http);
}

using Lines = std::vector<std::string>;

bool names(const std::string& message, std::string_view what) {
    return message.find(what) != std::string::npos && message.find('\n') == std::string::npos;
}

}  // namespace

TEST_CASE("without flags everything is at SPEC's defaults", "[app]") {
    const Options given = options({});
    CHECK(listeners(given) == Lines{"0.0.0.0:8080"});
    CHECK(given.https.empty());
    CHECK_FALSE(given.https_public_port.has_value());
    CHECK(given.admin.endpoint() == "127.0.0.1:9080");
    CHECK_FALSE(given.workers.has_value());
    CHECK(std::holds_alternative<PinAuto>(given.pinning));
    CHECK(given.engine == EngineChoice::automatic);
    CHECK_FALSE(given.max_connections.has_value());
    CHECK(given.proxy.max_per_address == 0);
    CHECK(given.proxy.min_rate == 500);
    CHECK(given.proxy.head.header_bytes == 32 * 1024);
    CHECK(given.proxy.head.headers == 100);
    CHECK(given.proxy.head.uri == 8 * 1024);
    CHECK(given.proxy.header_timeout == 10s);
    CHECK(given.proxy.idle_timeout == 60s);
    CHECK(given.proxy.body_timeout == 30s);
    CHECK(given.proxy.connect_timeout == 2s);
    CHECK(given.proxy.response_timeout == 60s);
    CHECK(given.drain_timeout == 30s);
    CHECK(given.log_level == LogLevel::info);
    CHECK(given.proxy.node_name.empty());  // the store's
}

TEST_CASE("listeners for TLS, and the port that their clients know, reach their options", "[app]") {
    const Options given = options(
        {"--https", "127.0.0.1:443", "--https", "unix:/run/s.sock", "--https-public-port", "8443"});
    CHECK(listeners(given) == Lines{"0.0.0.0:8080"});
    CHECK(listeners(given.https) == Lines{"127.0.0.1:443", "unix:/run/s.sock"});
    CHECK(given.https_public_port == 8443);
    for (const char* port : {"0", "65536", "x", ""})
        CHECK(names(error({"--https-public-port", port}), "--https-public-port"));
    CHECK(names(error({"--https", "443"}), "--https"));
}

TEST_CASE("flags of listening reach their options", "[app]") {
    const ListeningAt seven(7);
    const Options given =
        options({"--http", "127.0.0.1:0", "--http", "[::]:81", "--http=unix:/run/p.sock", "--http",
                 "fd:7", "--admin", "[::1]:9081", "--admin-host", "Admin.Example", "--node-name",
                 "n1", "--trusted-proxy", "10.0.0.0/8", "--trusted-proxy", "::1"});
    CHECK(listeners(given) == Lines{"127.0.0.1:0", "[::]:81", "unix:/run/p.sock", "fd:7"});
    CHECK(given.admin.endpoint() == "[::1]:9081");
    CHECK(given.admin_hosts == Lines{"admin.example"});
    CHECK(given.proxy.node_name == "n1");
    REQUIRE(given.proxy.trusted_proxies.size() == 2);
    CHECK(given.proxy.trusted_proxies[0].contains(*net::Address::parse("10.9.8.7", 1)));
    CHECK_FALSE(given.proxy.trusted_proxies[0].contains(*net::Address::parse("11.0.0.1", 1)));
    CHECK(options({"--admin", "unix:/run/a.sock"}).admin.endpoint() == "unix:/run/a.sock");
}

TEST_CASE("flags of threads and the process reach their options", "[app]") {
    const Options given = options(
        {"--workers=3", "--pin=off", "--io=epoll", "--store=memory:", "--config=c.json",
         "--log-level=warn", "--log-format=json", "--user=u", "--group=g", "--pid-file=p.pid"});
    CHECK(given.workers == 3);
    CHECK(std::holds_alternative<PinOff>(given.pinning));
    CHECK(given.engine == EngineChoice::epoll);
    CHECK(given.store == "memory:");
    CHECK(options({"--store=sqlite:a/b.db"}).store == "sqlite:a/b.db");
    CHECK(options({}).store == "sqlite:penstock.db");
    CHECK(options({"--config=c", "--config-always"}).config_always);
    CHECK(names(error({"--config-always"}), "--config"));
    CHECK(given.config_file == "c.json");
    CHECK(given.log_level == LogLevel::warn);
    CHECK(given.log_format == LogFormat::json);
    CHECK(given.user == "u");
    CHECK(given.group == "g");
    CHECK(given.pid_file == "p.pid");
}

TEST_CASE("limits and time-outs reach their options", "[app]") {
    const Options given =
        options({"--max-connections=9", "--max-per-address=8", "--min-rate=1k",
                 "--max-header-bytes=16k", "--max-headers=50", "--max-uri=4k",
                 "--header-timeout=1s", "--idle-timeout=500ms", "--body-timeout=2s",
                 "--connect-timeout=3s", "--response-timeout=4s", "--drain-timeout=5m"});
    CHECK(given.max_connections == 9);
    CHECK(given.proxy.max_per_address == 8);
    CHECK(given.proxy.min_rate == 1024);
    CHECK(given.proxy.head.header_bytes == 16 * 1024);
    CHECK(given.proxy.head.headers == 50);
    CHECK(given.proxy.head.uri == 4096);
    CHECK(given.proxy.header_timeout == 1s);
    CHECK(given.proxy.idle_timeout == 500ms);
    CHECK(given.proxy.body_timeout == 2s);
    CHECK(given.proxy.connect_timeout == 3s);
    CHECK(given.proxy.response_timeout == 4s);
    CHECK(given.drain_timeout == 5min);
}

TEST_CASE("the CPUs to pin to are a list of numbers and ranges", "[app]") {
    using Cpus = std::vector<unsigned>;
    CHECK(std::get<Cpus>(options({"--pin", "0,2-4"}).pinning) == Cpus{0, 2, 3, 4});
    CHECK(std::get<Cpus>(options({"--pin", "5"}).pinning) == Cpus{5});
    for (const char* bad : {"4-2", "a", ",", "1-", "-1", "0-99999999", "on"}) {
        CAPTURE(bad);
        CHECK(names(error({"--pin", bad}), "--pin"));
    }
}

TEST_CASE("a flag can stand in the environment, and the command line wins", "[app]") {
    const Environment workers("PENSTOCK_WORKERS", "5");
    const Environment size("PENSTOCK_MAX_HEADER_BYTES", "8k");
    const Environment http("PENSTOCK_HTTP", "127.0.0.1:81,127.0.0.1:82");
    CHECK(options({}).workers == 5);
    CHECK(options({}).proxy.head.header_bytes == 8192);
    CHECK(listeners(options({})) == Lines{"127.0.0.1:81", "127.0.0.1:82"});
    CHECK(options({"--workers", "6"}).workers == 6);
    CHECK(options({}).auth_threads == 1);
    CHECK(options({"--auth-threads", "4"}).auth_threads == 4);
    CHECK(listeners(options({"--http", "127.0.0.1:83"})) == Lines{"127.0.0.1:83"});
    const Environment bad("PENSTOCK_IDLE_TIMEOUT", "soon");
    CHECK(names(error({}), "--idle-timeout"));
}

TEST_CASE("a bad value is refused in one line that names its flag", "[app]") {
    const std::vector<std::pair<const char*, const char*>> bad{{"--http", "8080"},
                                                               {"--http", "host:80"},
                                                               {"--http", "127.0.0.1:70000"},
                                                               {"--http", ""},
                                                               {"--http", "unix:"},
                                                               {"--http", "fd:x"},
                                                               {"--http", "fd:999"},
                                                               {"--http", "::1:80"},
                                                               {"--admin", "0.0.0.0:9080"},
                                                               {"--admin", "[::]:9080"},
                                                               {"--admin", "192.0.2.1:1"},
                                                               {"--admin", ""},
                                                               {"--workers", "0"},
                                                               {"--workers", "-1"},
                                                               {"--workers", "many"},
                                                               {"--auth-threads", "0"},
                                                               {"--io", "kqueue"},
                                                               {"--store", "etcd:x"},
                                                               {"--store", "sqlite:"},
                                                               {"--store", "memory:x"},
                                                               {"--max-connections", "0"},
                                                               {"--max-per-address", "x"},
                                                               {"--min-rate", "fast"},
                                                               {"--max-header-bytes", "1"},
                                                               {"--max-headers", "100000"},
                                                               {"--max-uri", "1t"},
                                                               {"--header-timeout", "10"},
                                                               {"--idle-timeout", "0s"},
                                                               {"--body-timeout", "1d"},
                                                               {"--drain-timeout", ""},
                                                               {"--trusted-proxy", "10.0.0.0/33"},
                                                               {"--trusted-proxy", "lan"},
                                                               {"--resolver", "dns.example"},
                                                               {"--resolver", "127.0.0.1:0"},
                                                               {"--resolver", "unix:/run/dns"},
                                                               {"--log-level", "loud"},
                                                               {"--log-format", "xml"},
                                                               {"--node-name", "two words"},
                                                               {"--node-name", ""}};
    for (const auto& [flag, value] : bad) {
        CAPTURE(flag, value);
        CHECK(names(error({flag, value}), flag));
    }
}

TEST_CASE("DNS servers have a port or port 53", "[app]") {
    CHECK(options({}).resolvers.empty());
    Lines servers;
    for (const net::Address& server :
         options({"--resolver", "192.0.2.1,192.0.2.2:5353", "--resolver", "::1", "--resolver",
                  "[::1]:5353", "--resolver", "[::2]"})
             .resolvers)
        servers.push_back(server.endpoint());
    CHECK(servers == Lines{"192.0.2.1:53", "192.0.2.2:5353", "[::1]:53", "[::1]:5353", "[::2]:53"});
}

TEST_CASE("what is no flag is named", "[app]") {
    CHECK(names(error({"--bogus"}), "--bogus"));
    CHECK(names(error({"bogus"}), "bogus"));
    CHECK(names(error({"--workers"}), "--workers"));
    CHECK(names(error({"--workers", "1", "--workers", "2"}), "--workers"));
}

TEST_CASE("the access log's target, fields and sampling", "[app]") {
    using proxy::LogLineField;
    CHECK(options({}).access_log.target.empty());
    CHECK(options({"--access-log", "off"}).access_log.target.empty());
    CHECK(options({"--access-log", "-"}).access_log.target == "-");
    const auto chosen =
        options({"--access-log", "/var/log/a.log", "--access-log-fields", "status,path",
                 "--access-log-fields", "userAgent", "--access-log-sample", "100"})
            .access_log;
    CHECK(chosen.target == "/var/log/a.log");
    CHECK(chosen.fields ==
          proxy::LogLineFields{LogLineField::status, LogLineField::path, LogLineField::user_agent});
    CHECK(chosen.sample == 100);
    CHECK(names(error({"--access-log-fields", "status,colour"}), "colour"));
    CHECK(names(error({"--access-log-fields", "status,colour"}), "userAgent"));
    CHECK(names(error({"--access-log-fields", "status,path,status"}), "twice"));
    CHECK(names(error({"--access-log-sample", "0"}), "--access-log-sample 0"));
}

TEST_CASE("the collector's URL gets the usual path where it has none", "[app]") {
    CHECK_FALSE(options({}).proxy.traces);
    const auto collector = [](const char* url) {
        const Options traced = options({"--otlp", url});
        CHECK(traced.proxy.traces);
        return traced.otlp;
    };
    CHECK(collector("http://127.0.0.1:4318") == "http://127.0.0.1:4318/v1/traces");
    CHECK(collector("http://127.0.0.1:4318/") == "http://127.0.0.1:4318/v1/traces");
    CHECK(collector("https://otel.example/a/b") == "https://otel.example/a/b");
    CHECK(names(error({"--otlp", "otel.example:4318"}), "--otlp otel.example:4318: must begin"));
    CHECK(names(error({"--otlp", "http://u:p@otel.example"}), "passwords"));
}

TEST_CASE("the share of traces that are kept", "[app]") {
    constexpr std::uint64_t all = std::uint64_t{1} << 32;
    CHECK(options({}).proxy.trace_share == all);
    CHECK(options({"--otlp-sample", "1"}).proxy.trace_share == all);
    CHECK(options({"--otlp-sample", "0"}).proxy.trace_share == 0);
    CHECK(options({"--otlp-sample", "0.25"}).proxy.trace_share == all / 4);
    for (const char* text : {"1.1", "-0.1", "nan", "half", "0.5x", "inf"}) {
        CAPTURE(text);
        CHECK(names(error({"--otlp-sample", text}), "from 0 to 1"));
    }
}

TEST_CASE("an API beyond loopback wants tokens and TLS", "[app]") {
    for (const char* address : {"0.0.0.0:9080", "[::]:9080", "192.0.2.1:1", "[2001:db8::1]:9080"}) {
        CAPTURE(address);
        for (const Arguments& with : std::vector<Arguments>{
                 {},
                 {"--admin-token-file", "t"},
                 {"--admin-cert", "c", "--admin-key", "k"},
                 {"--admin-cert", "c", "--admin-key", "k", "--admin-client-ca", "a"}}) {
            Arguments arguments{"--admin", address};
            arguments.insert(arguments.end(), with.begin(), with.end());
            const std::string refusal = error(arguments);
            CHECK(names(refusal, "--admin"));
            CHECK(names(refusal, "--admin-token-file"));
            CHECK(names(refusal, "--admin-cert"));
        }
        const Options given = options({"--admin", address, "--admin-token-file", "t",
                                       "--admin-cert", "c", "--admin-key", "k"});
        CHECK(given.admin.endpoint() == address);
        CHECK(given.admin_token_file == "t");
        CHECK((given.admin_cert == "c" && given.admin_key == "k"));
    }
    CHECK(options({"--admin", "127.8.8.8:1"}).admin.port() == 1);
}

TEST_CASE("the API's certificate has its key, and the client CA both", "[app]") {
    CHECK(names(error({"--admin-cert", "c"}), "--admin-cert wants --admin-key"));
    CHECK(names(error({"--admin-key", "k"}), "--admin-key wants --admin-cert"));
    CHECK(names(error({"--admin-client-ca", "a"}), "--admin-client-ca wants --admin-cert"));
    CHECK(options({"--admin-cert", "c", "--admin-key", "k", "--admin-client-ca", "a"})
              .admin_client_ca == "a");
    const Environment token("PENSTOCK_ADMIN_TOKEN_FILE", "f");
    CHECK(options({}).admin_token_file == "f");
}

TEST_CASE("a switch can stand in the environment", "[app]") {
    const Environment always("PENSTOCK_CONFIG_ALWAYS", "1");
    CHECK(options({"--config", "c.json"}).config_always);
}

TEST_CASE("PROXY headers are taken from trusted proxies, so there must be some", "[app]") {
    CHECK_FALSE(options({}).proxy.proxy_protocol);
    CHECK(options({"--proxy-protocol", "--trusted-proxy", "10.0.0.0/8"}).proxy.proxy_protocol);
    CHECK(names(error({"--proxy-protocol"}), "--trusted-proxy"));
    const Environment proxy("PENSTOCK_PROXY_PROTOCOL", "1");
    CHECK(options({"--trusted-proxy", "::1"}).proxy.proxy_protocol);
}

TEST_CASE("sockets that systemd passes are listened on", "[app]") {
    const ListeningAt three(3);
    const ListeningAt four(4);
    const Environment fds("LISTEN_FDS", "2");
    {
        const Environment pid("LISTEN_PID", std::to_string(::getpid()));
        CHECK(listeners(options({})) == Lines{"fd:3", "fd:4"});
        CHECK(listeners(options({"--http", "127.0.0.1:1"})) == Lines{"127.0.0.1:1"});
    }
    const Environment other("LISTEN_PID", std::to_string(::getpid() + 1));
    CHECK(listeners(options({})) == Lines{"0.0.0.0:8080"});
}

TEST_CASE("help lists what is built, with its defaults, and nothing else", "[app]") {
    const std::string help = printout({"--help"});
    for (const char* flag :
         {"--http", "--https", "--https-public-port", "--admin-host", "--workers", "--pin",
          "--max-uri", "--drain-timeout", "--trusted-proxy", "--node-name", "0.0.0.0:8080",
          "127.0.0.1:9080", "32k", "PENSTOCK_"}) {
        CAPTURE(flag);
        CHECK(help.find(flag) != std::string::npos);
    }
}

TEST_CASE("the version names the libraries", "[app]") {
    CHECK(printout({"--version"}).find("llhttp") != std::string::npos);
}

TEST_CASE("check FILE is a document to check; its file is wanted", "[app]") {
    const auto parsed = parse({"check", "f.json"});
    REQUIRE(parsed.has_value());
    CHECK(std::get<FileToCheck>(*parsed).path == "f.json");
    CHECK(names(error({"check"}), "FILE"));
    CHECK(names(error({"check", "a", "b"}), "b"));
}

namespace {

ProcessSource document(std::string_view json) {
    return [json = std::string(json)](const Options&) -> Result<model::ProcessFlags> {
        const auto parsed = model::JsonDocument::parse(json);
        model::FieldErrors errors;
        auto process = model::read_process(parsed->root(), "/process", errors);
        CHECK(errors.empty());
        CHECK(check_process(process).empty());
        return process;
    };
}

Options with_document(std::string_view json, Arguments arguments) {
    arguments.insert(arguments.begin(), "penstock");
    const auto parsed =
        parse_options(static_cast<int>(arguments.size()), arguments.data(), document(json));
    REQUIRE(parsed.has_value());
    return std::get<Options>(*parsed);
}

std::vector<std::string> faults(std::string_view json) {
    const auto parsed = model::JsonDocument::parse(json);
    model::FieldErrors errors;
    const auto process = model::read_process(parsed->root(), "/process", errors);
    std::vector<std::string> lines;
    for (const auto& error : check_process(process))
        lines.push_back(error.pointer + ": " + error.detail);
    return lines;
}

}  // namespace

TEST_CASE("a document's process stands for flags that are given nowhere else", "[app]") {
    constexpr std::string_view json = R"({"workers":3,"headerTimeout":"7s",
        "trustedProxy":["10.0.0.0/8","::1"],"proxyProtocol":true})";
    const Options options = with_document(json, {});
    CHECK(options.workers == 3u);
    CHECK(options.proxy.header_timeout == std::chrono::seconds(7));
    CHECK(options.proxy.trusted_proxies.size() == 2);
    CHECK(options.proxy.proxy_protocol);
    const Environment timeout("PENSTOCK_HEADER_TIMEOUT", "8s");
    const Options both = with_document(json, {"--workers", "5", "--trusted-proxy", "127.0.0.1"});
    CHECK(both.workers == 5u);
    CHECK(both.proxy.header_timeout == std::chrono::seconds(8));
    CHECK(both.proxy.trusted_proxies.size() == 1);
    CHECK_FALSE(with_document(R"({"proxyProtocol":false})", {}).proxy.proxy_protocol);
}

TEST_CASE("what a document's process cannot say is named", "[app]") {
    CHECK(faults(R"({"header-timeout":"1s","bogus":1})") ==
          Lines{"/process/header-timeout: is no flag of the program",
                "/process/bogus: is no flag of the program"});
    CHECK(faults(R"({"workers":["1"]})") == Lines{"/process/workers: takes one value"});
    CHECK(faults(R"({"proxyProtocol":1})") ==
          Lines{"/process/proxyProtocol: must be true or false"});
    for (const char* outside : {"store", "config", "configAlways"}) {
        CAPTURE(outside);
        CHECK(names(faults(std::string(R"({")") + outside + R"(":"x"})").at(0), "command line"));
    }
    CHECK(names(faults(R"({"workers":"many"})").at(0), "--workers many"));
    CHECK(faults(R"({"workers":2,"io":"epoll","http":["127.0.0.1:1"],"maxHeaderBytes":"16k"})")
              .empty());
}
