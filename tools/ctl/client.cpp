#include "ctl/client.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <netdb.h>

#include "control/secret_file.hpp"
#include "ctl/interruption.hpp"

namespace penstock::ctl {

namespace {

constexpr std::size_t longest_pem = std::size_t{1} << 20;
constexpr std::size_t longest_token_file = std::size_t{64} << 10;
constexpr Duration longest_connect = std::chrono::seconds(5);

Result<SecretText> read_file(const char* flag, const std::string& path, std::size_t most,
                             control::FilePrivacy privacy) {
    auto file = control::read_secret_file(path, most, privacy);
    if (!file) return Failure{Error{fmt::format("{} {}: {}", flag, path, file.error().message)}};
    return std::move(file->text);
}

/// The first word of the first line that is neither empty nor a comment: the daemon's own form,
/// which may name rights and an owner behind it.
std::string_view first_token(std::string_view text) {
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        line.remove_prefix(std::min(line.find_first_not_of(" \t\r"), line.size()));
        if (line.empty() || line.front() == '#') continue;
        return line.substr(0, line.find_first_of(" \t\r"));
    }
    return {};
}

}  // namespace

Client::Client(Endpoint endpoint, std::unique_ptr<io::Ring> ring)
    : endpoint_(std::move(endpoint)), ring_(std::move(ring)) {}

Client::~Client() = default;

Result<std::unique_ptr<Client>> Client::create(const ConnectionOptions& options) {
    auto endpoint = parse_endpoint(options.admin);
    if (!endpoint) return Failure{endpoint.error()};
    // A small one: one connection at a time.
    auto ring = io::Ring::create(io::Engine::epoll);
    if (!ring) return Failure{ring.error()};
    std::unique_ptr<Client> client(new Client(std::move(*endpoint), std::move(*ring)));
    client->callee_.authority = client->endpoint_.authority();
    client->callee_.timeout = options.timeout;
    client->callee_.silence = options.timeout;
    client->callee_.connect_timeout = std::min(options.timeout, longest_connect);
    if (const auto done = client->set_up_tls(options); !done) return Failure{done.error()};
    if (const auto done = client->find_addresses(); !done) return Failure{done.error()};
    if (!options.token_file.empty()) {
        if (const auto done = client->read_token(options.token_file); !done)
            return Failure{done.error()};
    }
    return client;
}

Result<void> Client::set_up_tls(const ConnectionOptions& options) {
    using control::FilePrivacy;
    const bool wants_tls =
        !options.ca.empty() || !options.client_cert.empty() || !options.server_name.empty();
    if (options.client_cert.empty() != options.client_key.empty())
        return Failure{Error{"--client-cert and --client-key go together"}};
    if (wants_tls && !endpoint_.is_tls && !endpoint_.is_unix())
        return Failure{Error{fmt::format(
            "--ca, --client-cert and --server-name go with https, not with {}", endpoint_.url)}};
    if (!endpoint_.is_tls && !wants_tls) return {};
    SecretText authorities, chain, key;
    const auto read = [](const char* flag, const std::string& path, FilePrivacy privacy,
                         SecretText& into) -> Result<void> {
        if (path.empty()) return {};
        auto text = read_file(flag, path, longest_pem, privacy);
        if (!text) return Failure{text.error()};
        into = std::move(*text);
        return {};
    };
    if (const auto done = read("--ca", options.ca, FilePrivacy::open, authorities); !done)
        return done;
    if (const auto done = read("--client-cert", options.client_cert, FilePrivacy::open, chain);
        !done)
        return done;
    if (const auto done = read("--client-key", options.client_key, FilePrivacy::private_, key);
        !done)
        return done;
    auto context = net::tls::ClientContext::create(
        {.authorities = authorities.view(), .chain = chain.view(), .key = key.view()});
    if (!context) return Failure{context.error()};
    callee_.tls = std::move(*context);
    callee_.server = net::tls::ServerIdentity::of(
        options.server_name.empty() ? endpoint_.host : options.server_name);
    return {};
}

Result<void> Client::read_token(const std::string& path) {
    if (const auto fine = check_token_stays_private(); !fine) return fine;
    const auto text =
        read_file("--token-file", path, longest_token_file, control::FilePrivacy::private_);
    if (!text) return Failure{text.error()};
    const std::string_view token = first_token(text->view());
    const bool is_printable =
        std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c < 0x7f; });
    if (token.empty() || !is_printable)
        return Failure{Error{fmt::format("--token-file {}: there is no token in it", path)}};
    credentials_.append("Authorization: Bearer ");
    credentials_.append(token);
    credentials_.append("\r\n");
    return {};
}

/// Whoever listens in would have it.
Result<void> Client::check_token_stays_private() const {
    if (callee_.tls != nullptr || endpoint_.is_unix()) return {};
    const bool is_local = std::all_of(callee_.addresses.begin(), callee_.addresses.end(),
                                      [](const auto& address) { return address.is_loopback(); });
    if (is_local) return {};
    return Failure{Error{
        fmt::format("a token is not sent to {} without TLS: give it as https://", endpoint_.url)}};
}

Result<void> Client::find_addresses() {
    if (endpoint_.is_unix()) {
        callee_.addresses.push_back(*net::Address::unix_path(endpoint_.unix_path));
        return {};
    }
    if (const auto address = net::Address::parse(endpoint_.host, endpoint_.port)) {
        callee_.addresses.push_back(*address);
        return {};
    }
    const addrinfo wanted{.ai_flags = AI_ADDRCONFIG,
                          .ai_family = AF_UNSPEC,
                          .ai_socktype = SOCK_STREAM,
                          .ai_protocol = 0,
                          .ai_addrlen = 0,
                          .ai_addr = nullptr,
                          .ai_canonname = nullptr,
                          .ai_next = nullptr};
    addrinfo* found = nullptr;
    const int error = ::getaddrinfo(endpoint_.host.c_str(), nullptr, &wanted, &found);
    if (error != 0) {
        return Failure{
            Error{fmt::format("cannot connect to {}: {}", endpoint_.url, ::gai_strerror(error))}};
    }
    for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
        callee_.addresses.push_back(
            net::Address::from(at->ai_addr, at->ai_addrlen).with_port(endpoint_.port));
    }
    ::freeaddrinfo(found);
    return {};
}

void Client::limit_patience(Duration patience) noexcept {
    callee_.timeout = std::min(callee_.timeout, patience);
    callee_.connect_timeout = std::min(callee_.connect_timeout, patience);
}

void Client::extend_patience(Duration patience) noexcept {
    callee_.timeout = std::max(callee_.timeout, patience);
}

void Client::expect_silence(Duration longest) noexcept {
    callee_.silence = longest;
}

Result<Answer> Client::ask(const Request& request) {
    return call(request, {});
}

Result<Answer> Client::follow(const Request& request, const ApiCall::TakePiece& take) {
    return call(request, take);
}

Result<Answer> Client::call(const Request& request, const ApiCall::TakePiece& take) {
    if (is_interrupted()) return Failure{Error{"interrupted"}};
    ApiCall call(*ring_, callee_, request, credentials_.view(), take);
    if (interruption_) interruption_->ends(&call);
    ring_->wait(Clock::now());  // its clock stood still since the last call
    io::spawn(call.run());
    ring_->run_until([&] { return call.has_ended(); });
    if (interruption_) interruption_->ends(nullptr);
    auto outcome = call.take_outcome();
    if (outcome) return outcome;
    const std::string_view what =
        call.has_failed_to_connect() ? "cannot connect to" : "no answer from";
    return Failure{Error{fmt::format("{} {}: {}", what, url(), outcome.error().message)}};
}

void Client::catch_interrupts() {
    if (!interruption_) interruption_ = Interruption::install(*ring_);
}

bool Client::is_interrupted() const noexcept {
    return interruption_ != nullptr && interruption_->has_come();
}

bool Client::sleep(Duration duration) {
    if (is_interrupted()) return false;
    if (interruption_) return interruption_->sleep(duration);
    const TimePoint end = Clock::now() + duration;
    while (Clock::now() < end) {
        ring_->wait(end);
        ring_->run_ready();
    }
    return true;
}

}  // namespace penstock::ctl
