#include "snapshot/backend_tls.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <utility>

#include <openssl/evp.h>

#include "base/assert.hpp"
#include "base/log.hpp"
#include "model/credentials.hpp"
#include "net/tls/openssl_ptr.hpp"

namespace penstock::snapshot {

namespace {

/// SHA-256 over all parts, each with its length: no key stays in memory for being looked up by.
std::string digest_of(std::initializer_list<std::string_view> parts) {
    const net::tls::OpensslPtr<EVP_MD_CTX> hash(EVP_MD_CTX_new());
    std::string digest(32, '\0');
    bool well = hash != nullptr && EVP_DigestInit_ex(hash.get(), EVP_sha256(), nullptr) == 1;
    for (const std::string_view part : parts) {
        const std::uint64_t size = part.size();
        well = well && EVP_DigestUpdate(hash.get(), &size, sizeof(size)) == 1 &&
               EVP_DigestUpdate(hash.get(), part.data(), part.size()) == 1;
    }
    well = well && EVP_DigestFinal_ex(hash.get(), reinterpret_cast<unsigned char*>(digest.data()),
                                      nullptr) == 1;
    PENSTOCK_ASSERT(well);
    return digest;
}

}  // namespace

io::Task<int> BackendTls::secure(net::Stream& stream, BackendProtocol protocol,
                                 net::tls::ResumableSessions* sessions, TimePoint deadline,
                                 net::tls::Session::Cause& cause) const {
    using Fault = net::tls::Session::Fault;
    const bool is_http_2 = protocol != BackendProtocol::http1;
    std::unique_ptr<net::tls::Session> session;
    if (context != nullptr)
        session =
            context->connect(stream.socket(), server, sessions, is_http_2 ? "h2" : "http/1.1");
    if (session == nullptr) {
        cause = {Fault::protocol, "no TLS can be spoken"};
        co_return EPROTO;
    }
    stream.secure(std::move(session));
    const int error = co_await stream.session().handshake(deadline);
    if (error == EPROTO) cause = stream.session().cause();
    if (error == 0 && is_http_2 && stream.session().alpn() != "h2") {
        cause = {Fault::protocol, "the backend does not speak h2"};
        co_return EPROTO;
    }
    co_return error;
}

std::shared_ptr<const BackendTls> ClientContexts::of(const Backend& backend) {
    if (!backend.tls) return nullptr;
    const auto credentials = model::credentials_of(backend);
    const std::string digest =
        digest_of({credentials.authorities, credentials.chain, credentials.key});
    auto tls = std::make_shared<BackendTls>();
    tls->context = context_of(backend, digest);
    tls->server = net::tls::ServerIdentity::of(backend.server_name.value_or(backend.hostname));
    tls->id = digest_of({digest, tls->server.name});
    return tls;
}

std::shared_ptr<const net::tls::ClientContext> ClientContexts::context_of(
    const Backend& backend, const std::string& digest) {
    const auto known = made_.find(digest);
    if (known != made_.end()) {
        if (auto context = known->second.lock()) return context;
    }
    auto made = Context::create(model::credentials_of(backend));
    if (!made) {  // it was checked, but perhaps by an OpenSSL that allowed more
        log(LogLevel::error, "a backend's TLS cannot be set up",
            {{"backend", backend.id}, {"error", made.error().message}});
        return nullptr;
    }
    if (made_.size() >= sweep_at_) {
        std::erase_if(made_, [](const auto& entry) { return entry.second.expired(); });
        sweep_at_ = std::max<std::size_t>(64, made_.size() * 2);
    }
    made_[digest] = *made;
    return *made;
}

}  // namespace penstock::snapshot
