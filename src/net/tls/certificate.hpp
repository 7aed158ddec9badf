// Certificate: a certificate chain with its private key, checked and immutable.
//
// Shared by snapshots and handshakes through std::shared_ptr; any thread. What OpenSSL owns is
// freed with the last reference, the key's memory cleansed. No I/O. Nothing here, errors included,
// ever quotes a key.
#pragma once

#include <array>
#include <cstdint>
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/safestack.h>
#include <openssl/types.h>
#include <penstock/result.hpp>

#include "net/tls/openssl_ptr.hpp"

namespace penstock::net::tls {

/// Why a certificate was refused.
struct CertificateError {
    enum class Kind : std::uint8_t {
        // of the chain
        chain_malformed,     // not PEM, or not certificates
        chain_empty,         // no certificate in it
        chain_holds_key,     // a private key among the certificates
        chain_out_of_order,  // a certificate is not issued by the next one
        expired,             // one of the chain
        not_yet_valid,       // one of the chain
        no_names,            // no DNS name among the subject alternative names
        weak,                // a key or signature that OpenSSL's security level refuses
        // of the key
        key_malformed,
        key_missing,
        key_encrypted,
        several_keys,
        key_unsupported,  // neither RSA, nor ECDSA, nor EdDSA
        key_mismatch,     // not the one that the leaf certifies
        // of the OCSP response
        ocsp_malformed,
        ocsp_unsuccessful,  // the responder's own error
        ocsp_foreign,       // says nothing of the leaf, or not with its issuer's signature
        ocsp_not_good,      // says that the leaf is revoked, or not known
        ocsp_not_current,
    };
    /// Which of what was given is to be mended.
    enum class Part : std::uint8_t { chain, key, ocsp };

    Kind kind{};
    std::string message;  // for people, without full stop

    Part part() const noexcept;
};

/// "certificate-expired" and so on: what tells the kinds apart for machines.
std::string_view name_of(CertificateError::Kind kind) noexcept;

class Certificate {
  public:
    enum class KeyKind : std::uint8_t { rsa, ecdsa, ed25519 /* EdDSA */ };
    static constexpr std::size_t key_kinds = 3;
    using Parsed = Result<std::shared_ptr<const Certificate>, CertificateError>;

    /// In the place of `now`: nothing is too old or too new. For what was accepted once.
    static constexpr std::time_t any_time = -1;

    /// PEM in, and optionally an OCSP response in DER. Checks: all of it parses, each certificate
    /// is issued by the next one, the key fits the leaf, keys and signatures are strong enough, the
    /// leaf has DNS names, nothing has expired at `now`.
    static Parsed parse(std::string_view chain_pem, std::string_view key_pem, std::time_t now,
                        std::string_view ocsp_der = {});

    /// What is wrong with a key by itself: for an answer that names all faults though the chain has
    /// one too.
    static std::optional<CertificateError> fault_of_key(std::string_view key_pem);

    Certificate(const Certificate&) = delete;
    Certificate& operator=(const Certificate&) = delete;

    // Borrowed; chain(): what is sent after the leaf, which is not in it.
    X509* leaf() const noexcept { return leaf_.get(); }
    STACK_OF(X509) * chain() const noexcept { return chain_.get(); }
    EVP_PKEY* key() const noexcept { return key_.get(); }

    KeyKind key_kind() const noexcept { return key_kind_; }
    /// The leaf's DNS names, lower case; "*.example.com" kept as it is.
    const std::vector<std::string>& names() const noexcept { return names_; }
    /// Whether a client that asks for `host` (lower case) takes the leaf for it (RFC 9525): a
    /// wildcard stands for one label.
    bool covers(std::string_view host) const noexcept;
    /// DER to be stapled; empty for none.
    std::string_view ocsp_response() const noexcept { return ocsp_response_; }

    const std::string& issuer() const noexcept { return issuer_; }  // RFC 2253
    const std::string& serial() const noexcept { return serial_; }  // upper-case hexadecimal
    std::time_t not_before() const noexcept { return not_before_; }
    std::time_t not_after() const noexcept { return not_after_; }  // of the leaf
    /// SHA-256 of the leaf, lower-case hexadecimal, and its 32 raw bytes.
    const std::string& fingerprint() const noexcept { return fingerprint_; }
    std::string_view id() const noexcept { return {id_.data(), id_.size()}; }
    int key_bits() const noexcept { return key_bits_; }

  private:
    Certificate() = default;
    void describe();

    OpensslPtr<X509> leaf_;
    OpensslPtr<STACK_OF(X509)> chain_;
    OpensslPtr<EVP_PKEY> key_;
    KeyKind key_kind_{};
    std::vector<std::string> names_;
    std::string ocsp_response_;
    std::string issuer_;
    std::string serial_;
    std::time_t not_before_ = 0;
    std::time_t not_after_ = 0;
    std::string fingerprint_;
    std::array<char, 32> id_{};
    int key_bits_ = 0;
};

}  // namespace penstock::net::tls
