#include "control/admin_tls.hpp"

#include <algorithm>
#include <ctime>
#include <utility>

#include "base/log.hpp"

namespace penstock::control {

namespace {

using Part = net::tls::ServerCredentialFault::Part;

constexpr std::size_t most_bytes = 1024 * 1024;
constexpr Duration look_period = std::chrono::seconds(1);

const char* flag_of(Part part) noexcept {
    switch (part) {
        case Part::chain:
            return "--admin-cert";
        case Part::key:
            return "--admin-key";
        case Part::client_authorities:
            break;
    }
    return "--admin-client-ca";
}

Failure<Error> refuse(Part part, const std::string& path, const std::string& why) {
    return Failure{Error{std::string(flag_of(part)) + " " + path + ": " + why}};
}

}  // namespace

Result<std::unique_ptr<AdminTls>> AdminTls::open(AdminTlsFiles files) {
    std::unique_ptr<AdminTls> tls(new AdminTls(std::move(files)));
    if (auto read = tls->read(); !read) return Failure{read.error()};
    return tls;
}

AdminTls::Versions AdminTls::versions() const {
    Versions found;
    const std::string* const paths[] = {&files_.cert, &files_.key, &files_.client_ca};
    for (std::size_t i = 0; i < found.size(); ++i) {
        if (paths[i]->empty()) continue;
        found[i] = FileVersion::of(*paths[i]);
    }
    return found;
}

Result<void> AdminTls::read() {
    const auto chain = read_secret_file(files_.cert, most_bytes, FilePrivacy::open);
    if (!chain) return refuse(Part::chain, files_.cert, chain.error().message);
    const auto key = read_secret_file(files_.key, most_bytes, FilePrivacy::private_);
    if (!key) return refuse(Part::key, files_.key, key.error().message);
    Result<SecretFile> authorities = SecretFile{};
    if (!files_.client_ca.empty()) {
        authorities = read_secret_file(files_.client_ca, most_bytes, FilePrivacy::open);
        if (!authorities)
            return refuse(Part::client_authorities, files_.client_ca, authorities.error().message);
        if (authorities->text.size() == 0)
            return refuse(Part::client_authorities, files_.client_ca, "it is empty");
    }
    auto context =
        net::tls::FixedServerContext::create({.chain = chain->text.view(),
                                              .key = key->text.view(),
                                              .client_authorities = authorities->text.view()});
    if (!context) {
        const Part part = context.error().part;
        const std::string& path = part == Part::chain ? files_.cert
                                  : part == Part::key ? files_.key
                                                      : files_.client_ca;
        return refuse(part, path, context.error().message);
    }
    context_ = std::move(*context);
    if (authorities->text.view() != authorities_) {
        authorities_ = authorities->text.view();
        ++trust_;
    }
    if (context_->not_after() < std::time(nullptr)) {
        log(LogLevel::warn, "the admin side's certificate has expired",
            {{"file", std::string_view(files_.cert)}});
    }
    return {};
}

const net::tls::FixedServerContext& AdminTls::context(TimePoint now) {
    look(now);
    return *context_;
}

std::uint64_t AdminTls::trust(TimePoint now) {
    look(now);
    return trust_;
}

void AdminTls::look(TimePoint now) {
    if (now < next_look_) return;
    next_look_ = now + look_period;
    const Versions found = versions();
    if (found == seen_) return;
    const auto done = read();
    if (!done) {
        log(LogLevel::error,
            "the admin side's TLS files cannot be used; what was read before stays",
            {{"reason", std::string_view(done.error().message)}});
    }
    seen_.reset();
    const auto settled = [](const auto& version) { return !version || version->is_settled(); };
    if (std::all_of(found.begin(), found.end(), settled)) seen_ = found;
}

}  // namespace penstock::control
