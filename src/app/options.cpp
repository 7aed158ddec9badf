#include "app/options.hpp"

#include <algorithm>
#include <cstdlib>
#include <functional>

#include <unistd.h>

#include "app/command_line.hpp"
#include "app/option_values.hpp"
#include "app/systemd_sockets.hpp"
#include "base/bytes.hpp"

namespace penstock::app {

namespace {

constexpr std::uint64_t most_auth_threads = 1'024;

void describe_listening(CommandLine& line, Options& options) {
    const std::string group = "Listening";
    line.list(
        group, "--http", "ADDR", "Listen here: ADDR:PORT, [::]:80, unix:PATH, fd:N; repeatable",
        [&](const std::string& text) {
            return assign(options.http, text, "--http", &parse_listen);
        },
        "0.0.0.0:8080");
    line.list(group, "--https", "ADDR",
              "Listen here for TLS, as --http; certificates come through the API; repeatable",
              [&](const std::string& text) {
                  return assign(options.https, text, "--https", &parse_listen);
              });
    line.one(group, "--https-public-port", "PORT",
             "The port to which autoHttps sends clients (default: the first --https port)",
             [&](const std::string& text) {
                 return assign(options.https_public_port, text, "--https-public-port", &parse_port);
             });
    line.list(group, "--trusted-proxy", "CIDR",
              "Whose X-Forwarded-* fields and PROXY headers are believed; repeatable",
              [&](const std::string& text) {
                  return assign(options.proxy.trusted_proxies, text, "--trusted-proxy",
                                &parse_network);
              });
    line.toggle(group, "--proxy-protocol",
                "Connections from trusted proxies begin with a PROXY header, v1 or v2",
                [&](const std::string&) -> Result<void> {
                    options.proxy.proxy_protocol = true;
                    return {};
                });
    line.one(
        group, "--node-name", "NAME", "The name in Via and Proxy-Status",
        [&](const std::string& text) {
            return assign(options.proxy.node_name, text, "--node-name", &parse_node_name);
        },
        "penstock- and 8 hex digits of the store's");
}

void describe_admin(CommandLine& line, Options& options) {
    const std::string group = "Administration";
    line.one(
        group, "--admin", "ADDR",
        "The REST API: ADDR:PORT, or unix:PATH; what is not loopback wants tokens and TLS",
        [&](const std::string& text) {
            return assign(options.admin, text, "--admin", &parse_admin);
        },
        "127.0.0.1:9080");
    line.list(group, "--admin-host", "NAME",
              "A further Host name that the API answers to; repeatable",
              [&](const std::string& text) -> Result<void> {
                  options.admin_hosts.push_back(to_lower(text));
                  return {};
              });
    const auto file = [&](const char* flag, const char* help, std::optional<std::string>& into) {
        line.one(group, flag, "FILE", help, [&into](const std::string& text) -> Result<void> {
            into = text;
            return {};
        });
    };
    file("--admin-token-file",
         "Bearer tokens of the API, one a line: TOKEN [read-only|read-write] [NAME]",
         options.admin_token_file);
    file("--admin-cert", "The API's certificate chain (PEM): it is then under TLS",
         options.admin_cert);
    file("--admin-key", "The certificate's private key (PEM)", options.admin_key);
    file("--admin-client-ca", "Who signs the certificates that the API's clients must show (PEM)",
         options.admin_client_ca);
}

/// Flags that say nothing, or too little, by themselves.
Result<void> check_admin(const Options& options) {
    const auto wants = [](const char* flag, const char* others) {
        return Failure{Error{std::string(flag) + " wants " + others + " as well"}};
    };
    if (options.admin_cert && !options.admin_key) return wants("--admin-cert", "--admin-key");
    if (options.admin_key && !options.admin_cert) return wants("--admin-key", "--admin-cert");
    if (options.admin_client_ca && !options.admin_cert)
        return wants("--admin-client-ca", "--admin-cert and --admin-key");
    const bool is_local = options.admin.family() == AF_UNIX || options.admin.is_loopback();
    if (is_local || (options.admin_token_file && options.admin_cert)) return {};
    return bad_value("--admin", options.admin.endpoint(),
                     "what is not loopback wants --admin-token-file, --admin-cert and --admin-key");
}

void describe_threads(CommandLine& line, Options& options) {
    const std::string group = "Threads and engine";
    line.one(
        group, "--workers", "N", "Data-plane threads",
        [&](const std::string& text) {
            return assign(options.workers, text, "--workers", &parse_workers);
        },
        "one for each allowed CPU");
    line.one(
        group, "--pin", "MODE", "auto, off, or the CPUs to pin workers to: 0,2-3",
        [&](const std::string& text) {
            return assign(options.pinning, text, "--pin", &parse_pinning);
        },
        "auto");
    line.one(
        group, "--auth-threads", "N", "Threads that check passwords",
        [&](const std::string& text) {
            return assign_number(options.auth_threads, text, "--auth-threads", most_auth_threads,
                                 1);
        },
        "1");
    line.one(
        group, "--io", "ENGINE", "auto, uring or epoll",
        [&](const std::string& text) {
            return assign(options.engine, text, "--io", &parse_engine);
        },
        "auto");
}

void describe_limits(CommandLine& line, Options& options) {
    const std::string group = "Limits";
    proxy::Settings& settings = options.proxy;
    const auto number = [&](const char* flag, const char* help, const char* fallback,
                            std::uint64_t most, auto& into) {
        line.one(
            group, flag, "N", help,
            [flag, most, &into](const std::string& text) {
                return assign_number(into, text, flag, most);
            },
            fallback);
    };
    const auto size = [&](const char* flag, const char* help, const char* fallback,
                          std::uint64_t least, std::uint64_t most, auto& into) {
        line.one(
            group, flag, "SIZE", help,
            [flag, least, most, &into](const std::string& text) {
                return assign_size(into, text, flag, least, most);
            },
            fallback);
    };
    line.one(
        group, "--max-connections", "N", "Client connections over all workers",
        [&](const std::string& text) -> Result<void> {
            options.max_connections.emplace();
            return assign_number(*options.max_connections, text, "--max-connections", 100'000'000,
                                 1);
        },
        "from RLIMIT_NOFILE");
    line.one(
        group, "--max-memory", "SIZE", "Past nine tenths of it requests are turned away (503); off",
        [&](const std::string& text) -> Result<void> {
            const auto bytes = parse_memory(text);
            if (!bytes) return bad_value("--max-memory", text, bytes.error().message);
            options.max_memory = *bytes;
            return {};
        },
        "auto: the control group's, or the machine's");
    number("--max-per-address", "Client connections of one address, 0: no limit", "0", UINT32_MAX,
           settings.max_per_address);
    size("--min-rate", "A body slower than this a second, after 30s, is cut (408); 0: off", "500",
         0, std::uint64_t{1} << 40, settings.min_rate);
    size("--max-header-bytes", "A request's whole head (431)", "32k", 256, 96 * 1024,
         settings.head.header_bytes);
    number("--max-headers", "Fields of a request, at most 256 (431)", "100", 256,
           settings.head.headers);
    size("--max-uri", "A request's target (414)", "8k", 16, 64 * 1024, settings.head.uri);
}

void describe_timeouts(CommandLine& line, Options& options) {
    const std::string group = "Time-outs";
    proxy::Settings& settings = options.proxy;
    const auto duration = [&](const char* flag, const char* help, const char* fallback,
                              auto& into) {
        line.one(
            group, flag, "TIME", help,
            [flag, &into](const std::string& text) { return assign_duration(into, text, flag); },
            fallback);
    };
    duration("--header-timeout", "A request's full head", "10s", settings.header_timeout);
    duration("--idle-timeout", "An idle keep-alive connection", "60s", settings.idle_timeout);
    duration("--body-timeout", "Between two reads or writes of a body", "30s",
             settings.body_timeout);
    duration("--connect-timeout", "TCP connect to a backend", "2s", settings.connect_timeout);
    duration("--response-timeout", "Last request byte to response head", "60s",
             settings.response_timeout);
    duration("--drain-timeout", "What SIGTERM and an upgrade give running requests", "30s",
             options.drain_timeout);
    duration("--upgrade-timeout", "What a new process may take to be ready (SIGUSR2)", "60s",
             options.upgrade_timeout);
    line.one(
        group, "--watchdog", "TIME",
        "A worker stuck this long ends the process, with its stack; 0: off",
        [&](const std::string& text) -> Result<void> {
            if (text != "0") return assign_duration(options.watchdog, text, "--watchdog");
            options.watchdog = {};
            return {};
        },
        "2s");
}

void describe_process(CommandLine& line, Options& options) {
    const std::string group = "Process";
    const auto text_into = [](std::optional<std::string>& into) {
        return [&into](const std::string& text) -> Result<void> {
            into = text;
            return {};
        };
    };
    line.one(group, "--config", "FILE",
             "A configuration document, applied at start when the store is empty or the file has "
             "changed",
             text_into(options.config_file));
    line.toggle(group, "--config-always", "Apply --config at each start",
                [&](const std::string&) -> Result<void> {
                    options.config_always = true;
                    return {};
                });
    line.list(
        group, "--resolver", "ADDR",
        "A DNS server for backends' names: ADDR or ADDR:PORT; repeatable, asked in turn",
        [&](const std::string& text) {
            return assign(options.resolvers, text, "--resolver", &parse_resolver);
        },
        "those of resolv.conf");
    line.one(
        group, "--store", "URL",
        "Where configuration lives: sqlite:PATH, or memory: for as long as the process",
        [&](const std::string& text) {
            return assign(options.store, text, "--store", &parse_store);
        },
        "sqlite:penstock.db");
    line.one(group, "--user", "NAME", "Run as this user once the sockets are bound",
             text_into(options.user));
    line.one(group, "--group", "NAME", "Run as this group once the sockets are bound",
             text_into(options.group));
    line.one(group, "--pid-file", "FILE", "Write the process id here", text_into(options.pid_file));
    line.one(
        group, "--sandbox", "MODE",
        "Confine the process to the files and system calls it needs: auto (what the kernel has), "
        "on, off",
        [&](const std::string& text) {
            return assign(options.sandbox, text, "--sandbox", &parse_sandbox);
        },
        "auto");
}

void describe_logs(CommandLine& line, Options& options) {
    const std::string group = "Logs";
    proxy::AccessLogOptions& logs = options.access_log;
    line.one(
        group, "--log-level", "LEVEL", "debug, info, warn, error or off",
        [&](const std::string& text) {
            return assign(options.log_level, text, "--log-level", &parse_log_level);
        },
        "info");
    line.one(
        group, "--log-format", "FORMAT", "json or text",
        [&](const std::string& text) {
            return assign(options.log_format, text, "--log-format", &parse_log_format);
        },
        "text on a terminal, else json");
    line.one(
        group, "--access-log", "FILE", "A line for each request: into a file, - for stdout, or off",
        [&](const std::string& text) -> Result<void> {
            logs.target = text == "off" ? "" : text;
            return {};
        },
        "off");
    line.list(
        group, "--access-log-fields", "NAMES", "What stands in a line, and in which order",
        [&](const std::string& text) {
            return assign(logs.fields, text, "--access-log-fields", &proxy::parse_log_line_field);
        },
        "all but cipher, spanId, userAgent, referer");
    line.one(
        group, "--access-log-sample", "N", "One request in N gets a line, and every error",
        [&](const std::string& text) {
            return assign_number(logs.sample, text, "--access-log-sample", UINT32_MAX, 1);
        },
        "1");
}

void describe_traces(CommandLine& line, Options& options) {
    const std::string group = "Traces";
    line.one(group, "--otlp", "URL",
             "Requests are spans, sent to this collector: OTLP over HTTP, as JSON; without a path "
             "to /v1/traces",
             [&](const std::string& text) -> Result<void> {
                 options.proxy.traces = true;
                 return assign(options.otlp, text, "--otlp", &parse_collector);
             });
    line.one(
        group, "--otlp-sample", "RATIO", "Of the traces that begin here, those that are sent",
        [&](const std::string& text) {
            return assign(options.proxy.trace_share, text, "--otlp-sample", &parse_share);
        },
        "1");
}

Result<void> check_logs(const Options& options) {
    const auto& fields = options.access_log.fields;
    for (auto field = fields.begin(); field != fields.end(); ++field) {
        if (std::find(fields.begin(), field, *field) != field)
            return Failure{Error{"--access-log-fields: a field stands there twice"}};
    }
    return {};
}

Options defaults() {
    Options options;
    options.proxy.node_name.clear();
    return options;
}

/// Where no flag says: on the sockets that systemd has passed on, else on the usual addresses.
void listen_where_not_told(Options& options) {
    const SystemdSockets passed = sockets_from_systemd();
    const bool is_told = !options.http.empty() || !options.https.empty();
    if (options.http.empty()) options.http.assign(passed.http.begin(), passed.http.end());
    if (options.https.empty()) options.https.assign(passed.https.begin(), passed.https.end());
    // Whoever passes a socket for TLS alone wants no other.
    if (options.http.empty() && (is_told || !passed.has_clients()))
        options.http.push_back(*net::Address::parse("0.0.0.0", 8080));
    if (options.admin.family() != AF_UNSPEC) return;
    options.admin_fd = passed.admin;
    options.admin = passed.admin ? net::Address::local_of(*passed.admin)
                                 : *net::Address::parse("127.0.0.1", 9080);
}

/// All flags, which write to `options`.
void describe(CommandLine& line, Options& options) {
    describe_listening(line, options);
    describe_admin(line, options);
    describe_threads(line, options);
    describe_limits(line, options);
    describe_timeouts(line, options);
    describe_process(line, options);
    describe_logs(line, options);
    describe_traces(line, options);
}

}  // namespace

void look_at_flags(const std::function<void(const CLI::App&)>& look) {
    Options options = defaults();
    CommandLine line;
    describe(line, options);
    line.add_check();
    look(line.app());
}

model::FieldErrors check_process(const model::ProcessFlags& process) {
    Options options = defaults();
    CommandLine line;
    describe(line, options);
    return line.take(process);
}

Result<CommandLineResult> parse_options(int argc, const char* const* argv,
                                        const ProcessSource& source) {
    Options options = defaults();
    CommandLine line;
    describe(line, options);
    line.add_check();
    auto other = line.parse(argc, argv);
    if (!other) return Failure{other.error()};
    if (*other) return std::move(**other);
    if (const auto converted = line.convert(); !converted) return Failure{converted.error()};
    if (source) {
        const auto process = source(options);
        if (!process) return Failure{process.error()};
        line.take(*process);  // checked by its source
    }
    if (options.config_always && !options.config_file)
        return Failure{Error{"--config-always wants --config"}};
    if (options.proxy.proxy_protocol && options.proxy.trusted_proxies.empty())
        return Failure{Error{"--proxy-protocol believes nobody without --trusted-proxy"}};
    listen_where_not_told(options);
    if (const auto checked = check_admin(options); !checked) return Failure{checked.error()};
    if (const auto checked = check_logs(options); !checked) return Failure{checked.error()};
    return CommandLineResult(std::move(options));
}

}  // namespace penstock::app
