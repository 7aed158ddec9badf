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
    if (size_ == most) drop_oldest();
    sessions_[size_++] = std::move(session);
    ++limit_.total_;
    unlink();
    limit_.holders_.push_back(*this);
    if (limit_.total_ > limit_.most_) limit_.holders_.front().drop_oldest();
}

OpensslPtr<SSL_SESSION> ResumableSessions::take() noexcept {
    while (size_ > 0) {
        SSL_SESSION* const newest = sessions_[size_ - 1].get();
        const bool is_good = is_usable(newest);
        if (is_good && SSL_SESSION_get_protocol_version(newest) < TLS1_3_VERSION) {
            SSL_SESSION_up_ref(newest);
            return OpensslPtr<SSL_SESSION>(newest);
        }
        auto taken = pop_newest();
        if (is_good) return taken;
    }
    return nullptr;
}

void ResumableSessions::clear() noexcept {
    while (size_ > 0) pop_newest();
}

void ResumableSessions::drop_oldest() noexcept {
    std::move(sessions_.begin() + 1, sessions_.end(), sessions_.begin());
    one_less();
}

OpensslPtr<SSL_SESSION> ResumableSessions::pop_newest() noexcept {
    auto newest = std::move(sessions_[size_ - 1]);
    one_less();
    return newest;
}

void ResumableSessions::one_less() noexcept {
    --limit_.total_;
    if (--size_ == 0) unlink();
}

}  // namespace penstock::net::tls
