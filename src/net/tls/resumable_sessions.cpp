#include "net/tls/resumable_sessions.hpp"

#include <algorithm>
#include <ctime>
#include <utility>

#include <openssl/ssl.h>

namespace penstock::net::tls {

namespace {

bool is_usable(const SSL_SESSION* session) noexcept {
    return SSL_SESSION_is_resumable(session) == 1 &&
           SSL_SESSION_get_time(session) + SSL_SESSION_get_timeout(session) > std::time(nullptr);
}

}  // namespace

void ResumableSessions::keep(OpensslPtr<SSL_SESSION> session) noexcept {
    if (size_ == most) {
        std::move(sessions_.begin() + 1, sessions_.end(), sessions_.begin());
        --size_;
    }
    sessions_[size_++] = std::move(session);
}

OpensslPtr<SSL_SESSION> ResumableSessions::take() noexcept {
    while (size_ > 0) {
        OpensslPtr<SSL_SESSION>& newest = sessions_[size_ - 1];
        if (is_usable(newest.get()) &&
            SSL_SESSION_get_protocol_version(newest.get()) < TLS1_3_VERSION) {
            SSL_SESSION_up_ref(newest.get());
            return OpensslPtr<SSL_SESSION>(newest.get());
        }
        --size_;
        auto taken = std::exchange(newest, nullptr);
        if (is_usable(taken.get())) return taken;
    }
    return nullptr;
}

}  // namespace penstock::net::tls
