#include "net/tls/server_context.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include "base/bytes.hpp"
#include "net/tls/choices.hpp"

namespace penstock::net::tls {

namespace {

/// One is enough for a client that comes again; every further one costs bytes and a sealing.
constexpr std::size_t tickets_a_handshake = 1;

constexpr std::size_t longest_name = 255;

/// A client's server_name extension (RFC 6066 section 3), in lower case.
struct ServerName {
    std::array<char, longest_name> text;
    std::size_t size = 0;

    std::string_view view() const noexcept { return {text.data(), size}; }
};

/// Nothing: malformed. An empty name: none was given.
std::optional<ServerName> server_name_of(SSL* ssl) noexcept {
    ServerName name;
    const unsigned char* data = nullptr;
    std::size_t size = 0;
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &data, &size) != 1) return name;
    // A list of one entry: its length, the type host_name, the name's length, the name.
    constexpr std::size_t frame = 5;
    if (size <= frame) return std::nullopt;
    const std::size_t list = static_cast<std::size_t>(data[0] << 8 | data[1]);
    const std::size_t length = static_cast<std::size_t>(data[3] << 8 | data[4]);
    if (list != size - 2 || data[2] != TLSEXT_NAMETYPE_host_name || length != size - frame ||
        length > longest_name)
        return std::nullopt;
    std::string_view text(reinterpret_cast<const char*>(data) + frame, length);
    if (text.ends_with('.')) text.remove_suffix(1);
    if (text.empty() || text.find('\0') != text.npos) return std::nullopt;
    std::transform(text.begin(), text.end(), name.text.begin(), ascii_lower);
    name.size = text.size();
    return name;
}

Error refusal(const char* what) {
    const char* reason = ERR_reason_error_string(ERR_peek_last_error());
    return Error{std::string("TLS: ") + what + ": " + (reason != nullptr ? reason : "refused")};
}

}  // namespace

struct ServerContext::Callbacks {
    static ServerContext& of(SSL* ssl) noexcept {
        return *static_cast<ServerContext*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
    }
    static TimePoint now() noexcept { return Clock::now(); }

    /// Runs before OpenSSL looks at a ticket or a cipher.
    static int choose_certificate(SSL* ssl, int* alert, void*) noexcept {
        const auto name = server_name_of(ssl);
        if (!name) {
            *alert = SSL_AD_DECODE_ERROR;
            return SSL_CLIENT_HELLO_ERROR;
        }
        const CertificateSource::Found found = of(ssl).source_.certificates_for(name->view());
        if (found.empty()) {
            Session::of(ssl).blame("no certificate for the name that was asked for");
            *alert = SSL_AD_UNRECOGNIZED_NAME;
            return SSL_CLIENT_HELLO_ERROR;
        }
        if (!use(ssl, found, of(ssl).source_.authentication_of(name->view()))) {
            *alert = SSL_AD_INTERNAL_ERROR;
            return SSL_CLIENT_HELLO_ERROR;
        }
        return SSL_CLIENT_HELLO_SUCCESS;
    }

    /// RSA and ECDSA side by side: OpenSSL takes the one that the client can check.
    static bool use(SSL* ssl, CertificateSource::Found found,
                    std::string_view authentication) noexcept {
        EVP_MD_CTX* const hash = EVP_MD_CTX_new();
        bool well = hash != nullptr && EVP_DigestInit_ex(hash, EVP_sha256(), nullptr) == 1;
        for (const auto& one : found) {
            if (one == nullptr) continue;
            well = well && SSL_use_cert_and_key(ssl, one->leaf(), one->key(), one->chain(), 1) == 1;
            well = well && EVP_DigestUpdate(hash, one->id().data(), one->id().size()) == 1;
            Session::of(ssl).present(one);
        }
        // Behind digests of one size: what comes last needs no mark.
        well = well && EVP_DigestUpdate(hash, authentication.data(), authentication.size()) == 1;
        // A ticket resumes only under the certificates, and before the authentication, that it was
        // given out with.
        std::array<unsigned char, SSL_MAX_SID_CTX_LENGTH> context{};
        static_assert(SSL_MAX_SID_CTX_LENGTH == 32);
        well = well && EVP_DigestFinal_ex(hash, context.data(), nullptr) == 1 &&
               SSL_set_session_id_context(ssl, context.data(), context.size()) == 1;
        EVP_MD_CTX_free(hash);
        return well;
    }

    /// Of ALPN (RFC 7301): h2 before http/1.1, or nothing.
    static int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_size,
                               const unsigned char* offered, unsigned offered_size,
                               void*) noexcept {
        for (const std::string_view ours : {"h2", "http/1.1"}) {
            for (unsigned at = 0; at < offered_size; at += 1U + offered[at]) {
                const std::string_view theirs(reinterpret_cast<const char*>(offered) + at + 1,
                                              offered[at]);
                if (theirs != ours) continue;
                *out = offered + at + 1;
                *out_size = offered[at];
                return SSL_TLSEXT_ERR_OK;
            }
        }
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }

    /// OCSP stapling (RFC 6066 section 8): what was supplied with the chosen certificate.
    static int staple(SSL* ssl, void*) noexcept {
        const Certificate* const certificate = chosen(ssl);
        if (certificate == nullptr || certificate->ocsp_response().empty())
            return SSL_TLSEXT_ERR_NOACK;
        const std::string_view response = certificate->ocsp_response();
        void* const copy = OPENSSL_memdup(response.data(), response.size());
        if (copy == nullptr) return SSL_TLSEXT_ERR_NOACK;
        SSL_set_tlsext_status_ocsp_resp(ssl, copy, static_cast<long>(response.size()));
        return SSL_TLSEXT_ERR_OK;
    }

    /// Of the presented ones the one that OpenSSL has chosen.
    static const Certificate* chosen(SSL* ssl) noexcept {
        const char* const name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
        std::string lower(name != nullptr ? name : "");
        std::transform(lower.begin(), lower.end(), lower.begin(), ascii_lower);
        for (const auto& one : of(ssl).source_.certificates_for(lower)) {
            if (one != nullptr && one->leaf() == SSL_get_certificate(ssl)) return one.get();
        }
        return nullptr;
    }

    static int ticket_key(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                          EVP_MAC_CTX* mac, int seals) noexcept {
        TicketKeys& keys = of(ssl).ticket_keys_;
        const std::span<unsigned char, 16> key_name(name, 16);
        const TicketKeys::Key* key = nullptr;
        if (seals != 0) {
            key = &keys.current(now());
            std::copy(key->name.begin(), key->name.end(), key_name.begin());
            if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1) return -1;
        } else {
            key = keys.find(key_name, now());
            if (key == nullptr) return 0;
        }
        if (EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key->cipher.data(), iv, seals) !=
            1)
            return -1;
        char digest[] = "SHA256";
        std::array<OSSL_PARAM, 3> parameters{
            OSSL_PARAM_construct_octet_string(
                OSSL_MAC_PARAM_KEY, const_cast<unsigned char*>(key->mac.data()), key->mac.size()),
            OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
            OSSL_PARAM_construct_end()};
        if (EVP_MAC_CTX_set_params(mac, parameters.data()) != 1) return -1;
        const bool is_old = seals == 0 && key != &keys.current(now());
        // Clients of TLS 1.3 use a ticket once: without another the next connection has none.
        const bool is_spent = seals == 0 && SSL_version(ssl) >= TLS1_3_VERSION;
        return is_old || is_spent ? 2 : 1;  // 2: good, and to be renewed
    }
};

Result<std::unique_ptr<ServerContext>> ServerContext::create(CertificateSource& source,
                                                             const TicketSeed& tickets) {
    auto context = std::unique_ptr<ServerContext>(new ServerContext(source, tickets));
    if (auto ready = context->set_up(); !ready) return Failure{ready.error()};
    return context;
}

Result<void> ServerContext::set_up() {
    ERR_clear_error();
    context_.reset(SSL_CTX_new(TLS_server_method()));
    if (context_ == nullptr) return Failure{refusal("no context")};
    SSL_CTX* const context = context_.get();
    SSL_CTX_set_app_data(context, this);
    if (const char* refused = apply_choices(context)) return Failure{refusal(refused)};
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);  // tickets, and nothing stored
    SSL_CTX_set_num_tickets(context, tickets_a_handshake);
    SSL_CTX_set_tlsext_ticket_key_evp_cb(context, &Callbacks::ticket_key);
    SSL_CTX_set_client_hello_cb(context, &Callbacks::choose_certificate, nullptr);
    SSL_CTX_set_alpn_select_cb(context, &Callbacks::choose_protocol, nullptr);
    // SSL_CTX_set_tlsext_status_cb(), whose macro casts as C does.
    SSL_CTX_callback_ctrl(context, SSL_CTRL_SET_TLSEXT_STATUS_REQ_CB,
                          reinterpret_cast<void (*)()>(&Callbacks::staple));
    return {};
}

std::unique_ptr<Session> ServerContext::accept(io::Socket& socket) noexcept {
    OpensslPtr<SSL> ssl(SSL_new(context_.get()));
    if (ssl == nullptr) return nullptr;
    SSL_set_accept_state(ssl.get());
    return std::make_unique<Session>(socket, std::move(ssl));
}

}  // namespace penstock::net::tls
