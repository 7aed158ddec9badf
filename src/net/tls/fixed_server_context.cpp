#include "net/tls/fixed_server_context.hpp"

#include <ctime>
#include <utility>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "net/tls/choices.hpp"
#include "net/tls/pem.hpp"

namespace penstock::net::tls {

namespace {

using Part = ServerCredentialFault::Part;

constexpr int most_authorities = 1'000;
constexpr std::size_t longest_name = 256;
constexpr std::string_view http_1_1 = "http/1.1";

Failure<ServerCredentialFault> refuse(Part part, std::string message) {
    return Failure{ServerCredentialFault{part, std::move(message)}};
}

Failure<ServerCredentialFault> refused_by_openssl(Part part, const char* what) {
    const char* reason = ERR_reason_error_string(ERR_peek_last_error());
    auto refusal =
        refuse(part, std::string(what) + ": " + (reason != nullptr ? reason : "refused"));
    ERR_clear_error();
    return refusal;
}

/// ALPN (RFC 7301): clients that offer protocols have to offer ours.
int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_size,
                    const unsigned char* offered, unsigned offered_size, void*) noexcept {
    for (unsigned at = 0; at < offered_size; at += 1U + offered[at]) {
        const std::string_view theirs(reinterpret_cast<const char*>(offered) + at + 1, offered[at]);
        if (theirs != http_1_1) continue;
        *out = offered + at + 1;
        *out_size = offered[at];
        return SSL_TLSEXT_ERR_OK;
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/// Whoever is named is trusted, be it no root; clients are told the names, to choose by.
bool expect_clients(SSL_CTX* context, const STACK_OF(X509) * authorities) {
    X509_STORE* const store = SSL_CTX_get_cert_store(context);
    for (int i = 0; i < sk_X509_num(authorities); ++i) {
        X509* const authority = sk_X509_value(authorities, i);
        if (X509_STORE_add_cert(store, authority) != 1) return false;
        if (SSL_CTX_add_client_CA(context, authority) != 1) return false;
    }
    if (X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) != 1) return false;
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    return true;
}

void resume_nothing(SSL_CTX* context) {
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(context, 0);
}

std::time_t end_of(const X509* certificate) {
    std::tm parts{};
    return ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &parts) == 1 ? ::timegm(&parts) : 0;
}

/// As a name that stands in logs and JSON: printable ASCII, and no longer than anybody reads.
std::string presentable(std::string_view name) {
    std::string shown(name.substr(0, longest_name));
    for (char& c : shown) {
        if (c < 0x20 || c > 0x7e) c = '?';
    }
    return shown;
}

std::string subject_of(const X509* certificate) {
    const OpensslPtr<BIO> text(BIO_new(BIO_s_mem()));
    if (text == nullptr) return {};
    X509_NAME_print_ex(text.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
    char* bytes = nullptr;
    const long size = BIO_get_mem_data(text.get(), &bytes);
    return size > 0 ? std::string(bytes, static_cast<std::size_t>(size)) : std::string();
}

std::string first_alternative_of(X509* certificate) {
    const OpensslPtr<GENERAL_NAMES> names(static_cast<GENERAL_NAMES*>(
        X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
    for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
        int kind = 0;
        const auto* value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names.get(), i), &kind);
        if (kind != GEN_DNS && kind != GEN_EMAIL && kind != GEN_URI) continue;
        const auto* text = static_cast<const ASN1_STRING*>(value);
        return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                static_cast<std::size_t>(ASN1_STRING_length(text))};
    }
    return {};
}

}  // namespace

FixedServerContext::Created FixedServerContext::create(const ServerCredentials& credentials) {
    ERR_clear_error();
    const auto chain = read_chain(credentials.chain);
    if (!chain) return refuse(Part::chain, chain.error().message);
    const auto key = read_key(credentials.key);
    if (!key) return refuse(Part::key, key.error().message);

    const std::shared_ptr<FixedServerContext> made(new FixedServerContext());
    made->context_.reset(SSL_CTX_new(TLS_server_method()));
    SSL_CTX* const context = made->context_.get();
    if (context == nullptr) return refused_by_openssl(Part::chain, "no context");
    if (const char* refused = apply_choices(context))
        return refused_by_openssl(Part::chain, refused);
    resume_nothing(context);
    SSL_CTX_set_mode(context, SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_alpn_select_cb(context, &choose_protocol, nullptr);

    const OpensslPtr<STACK_OF(X509)> rest(X509_chain_up_ref(chain->get()));
    const OpensslPtr<X509> leaf(sk_X509_shift(rest.get()));
    if (X509_check_private_key(leaf.get(), key->get()) != 1) {
        ERR_clear_error();
        return refuse(Part::key, "it is not the key of the certificate");
    }
    if (SSL_CTX_use_cert_and_key(context, leaf.get(), key->get(), rest.get(), 1) != 1)
        return refused_by_openssl(Part::chain, "OpenSSL refuses to show it");
    made->not_after_ = end_of(leaf.get());

    if (!credentials.client_authorities.empty()) {
        const auto authorities = read_chain(credentials.client_authorities, most_authorities);
        if (!authorities) return refuse(Part::client_authorities, authorities.error().message);
        if (!expect_clients(context, authorities->get()))
            return refused_by_openssl(Part::client_authorities, "OpenSSL refuses to trust it");
    }
    ERR_clear_error();
    return std::shared_ptr<const FixedServerContext>(made);
}

std::unique_ptr<Session> FixedServerContext::accept(io::Socket& socket) const noexcept {
    OpensslPtr<SSL> ssl(SSL_new(context_.get()));
    if (ssl == nullptr) return nullptr;
    SSL_set_accept_state(ssl.get());
    return std::make_unique<Session>(socket, std::move(ssl));
}

std::string client_name(const Session& session) {
    const OpensslPtr<X509> shown(SSL_get1_peer_certificate(session.native()));
    if (shown == nullptr) return {};
    const std::string subject = subject_of(shown.get());
    return presentable(subject.empty() ? first_alternative_of(shown.get()) : subject);
}

}  // namespace penstock::net::tls
