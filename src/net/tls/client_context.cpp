#include "net/tls/client_context.hpp"

#include <array>
#include <utility>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "net/address.hpp"
#include "net/tls/choices.hpp"
#include "net/tls/pem.hpp"

namespace penstock::net::tls {

namespace {

using Part = CredentialFault::Part;
using Kind = CertificateError::Kind;

/// More than any system's bundle has.
constexpr int most_authorities = 1'000;
/// ALPN (RFC 7301): length, name.
bool offer(SSL* ssl, std::string_view protocol) noexcept {
    std::array<unsigned char, 16> list{};
    if (protocol.size() >= list.size()) return false;
    list[0] = static_cast<unsigned char>(protocol.size());
    std::copy(protocol.begin(), protocol.end(), list.begin() + 1);
    return SSL_set_alpn_protos(ssl, list.data(), static_cast<unsigned>(protocol.size() + 1)) == 0;
}

const char* last_reason() noexcept {
    const char* reason = ERR_reason_error_string(ERR_peek_last_error());
    return reason != nullptr ? reason : "refused";
}

struct Parts {
    OpensslPtr<STACK_OF(X509)> authorities;
    OpensslPtr<STACK_OF(X509)> chain;  // with the leaf
    OpensslPtr<EVP_PKEY> key;
};

/// The leaf is the first of `chain`; OpenSSL wants it apart.
bool show(SSL_CTX* context, const Parts& parts) {
    OpensslPtr<STACK_OF(X509)> rest(X509_chain_up_ref(parts.chain.get()));
    const OpensslPtr<X509> leaf(sk_X509_shift(rest.get()));
    return SSL_CTX_use_cert_and_key(context, leaf.get(), parts.key.get(), rest.get(), 1) == 1;
}

/// Asks OpenSSL, which looks at the signature algorithms' strength too.
void check_pair(const Parts& parts, std::vector<CredentialFault>& faults) {
    X509* const leaf = sk_X509_value(parts.chain.get(), 0);
    if (X509_check_private_key(leaf, parts.key.get()) != 1) {
        faults.push_back({Part::key, {Kind::key_mismatch, "not the key of this certificate"}});
        return;
    }
    const OpensslPtr<SSL_CTX> trial(SSL_CTX_new(TLS_client_method()));
    if (trial != nullptr && show(trial.get(), parts)) return;
    faults.push_back(
        {Part::chain, {Kind::weak, std::string("OpenSSL refuses to show it: ") + last_reason()}});
}

Parts parse(const ClientCredentials& credentials, std::vector<CredentialFault>& faults) {
    Parts parts;
    const auto take = [&](Part part, auto parsed, auto& into) {
        if (parsed)
            into = std::move(*parsed);
        else
            faults.push_back({part, parsed.error()});
    };
    ERR_clear_error();
    if (!credentials.authorities.empty()) {
        take(Part::authorities, read_chain(credentials.authorities, most_authorities),
             parts.authorities);
    }
    if (!credentials.chain.empty()) {
        take(Part::chain, read_chain(credentials.chain), parts.chain);
        take(Part::key, read_key(credentials.key), parts.key);
        if (parts.chain != nullptr && parts.key != nullptr) check_pair(parts, faults);
    }
    ERR_clear_error();
    return parts;
}

/// Whoever is named is trusted, be it no root: an intermediate CA, or the server's own certificate.
bool trust(SSL_CTX* context, const STACK_OF(X509) * authorities) {
    if (authorities == nullptr) return SSL_CTX_set_default_verify_paths(context) == 1;
    X509_STORE* const store = SSL_CTX_get_cert_store(context);
    for (int i = 0; i < sk_X509_num(authorities); ++i) {
        if (X509_STORE_add_cert(store, sk_X509_value(authorities, i)) != 1) return false;
    }
    return X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) == 1;
}

int keep_session(SSL* ssl, SSL_SESSION* session) {
    ResumableSessions* const sessions = Session::of(ssl).sessions();
    if (sessions == nullptr) return 0;
    sessions->keep(OpensslPtr<SSL_SESSION>(session));
    return 1;  // it is ours now
}

bool expect_server(SSL* ssl, const ServerIdentity& server) noexcept {
    X509_VERIFY_PARAM* const wanted = SSL_get0_param(ssl);
    if (server.is_address) return X509_VERIFY_PARAM_set1_ip_asc(wanted, server.name.c_str()) == 1;
    // RFC 9525: subject alternative names alone, a wildcard for one whole label.
    X509_VERIFY_PARAM_set_hostflags(
        wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    // SSL_set_tlsext_host_name(), whose macro casts as C does.
    return X509_VERIFY_PARAM_set1_host(wanted, server.name.data(), server.name.size()) == 1 &&
           SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                    const_cast<char*>(server.name.c_str())) == 1;
}

}  // namespace

ServerIdentity ServerIdentity::of(std::string_view host) {
    if (const auto address = Address::parse(host, 0)) return {address->host(), true};
    if (host.ends_with('.')) host.remove_suffix(1);
    return {std::string(host), false};
}

std::vector<CredentialFault> ClientContext::faults_of(const ClientCredentials& credentials) {
    std::vector<CredentialFault> faults;
    parse(credentials, faults);
    return faults;
}

Result<std::shared_ptr<const ClientContext>> ClientContext::create(
    const ClientCredentials& credentials) {
    const auto refusal = [](std::string_view what) {
        return Failure{Error{std::string("TLS: ").append(what).append(": ") + last_reason()}};
    };
    std::vector<CredentialFault> faults;
    const Parts parts = parse(credentials, faults);
    if (!faults.empty()) return Failure{Error{"TLS: " + faults.front().error.message}};
    const std::shared_ptr<ClientContext> made(new ClientContext());
    made->context_.reset(SSL_CTX_new(TLS_client_method()));
    SSL_CTX* const context = made->context_.get();
    if (context == nullptr) return refusal("no context");
    if (const char* refused = apply_choices(context)) return refusal(refused);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    if (!trust(context, parts.authorities.get())) return refusal("trusted certificates");
    if (parts.chain != nullptr && !show(context, parts)) return refusal("client certificate");
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, &keep_session);
    ERR_clear_error();  // of certificates that stand in the store twice, and of files that are not
                        // there
    return std::shared_ptr<const ClientContext>(made);
}

std::unique_ptr<Session> ClientContext::connect(io::Socket& socket, const ServerIdentity& server,
                                                ResumableSessions* sessions,
                                                std::string_view protocol) const noexcept {
    ERR_clear_error();
    OpensslPtr<SSL> ssl(SSL_new(context_.get()));
    if (ssl == nullptr || !expect_server(ssl.get(), server) || !offer(ssl.get(), protocol))
        return nullptr;
    SSL_set_connect_state(ssl.get());
    if (sessions != nullptr) {
        if (const auto earlier = sessions->take()) SSL_set_session(ssl.get(), earlier.get());
    }
    auto session = std::make_unique<Session>(socket, std::move(ssl));
    session->keep_in(sessions);
    return session;
}

}  // namespace penstock::net::tls
