#include "control/health_probe.hpp"

#include <cerrno>

#include <fmt/format.h>

#include "http/h1/h1_upstream.hpp"
#include "http/h1/writer.hpp"
#include "http/h2/client_stream.hpp"
#include "io/both.hpp"
#include "net/proxy_protocol.hpp"

namespace penstock::control {

namespace {

/// Past this many 1xx it is no answer.
constexpr int most_interim = 16;

/// A connect to a dead port of this machine's own can meet itself there (RFC 9293 section 3.5's
/// simultaneous open).
bool met_itself(const io::Socket& socket) {
    const auto own = net::Address::local_of(socket.fd());
    return own.endpoint() == net::Address::peer_of(socket.fd()).endpoint();
}

}  // namespace

io::Task<bool> HealthProbe::run() {
    auto made = ring_.connect_socket(target_.address.family());
    if (!made) co_return false;  // a want of ours; it is asked again in time
    io::Socket& socket = **made;
    stream_.emplace(socket);
    const TimePoint deadline = ring_.now() + target_.timeout;
    const int error =
        co_await socket.connect(target_.address.data(), target_.address.size(), deadline);
    bool lives = error == 0 && !met_itself(socket);
    if (lives && target_.proxy_protocol != 0) {
        const auto header = net::ProxyHeaderText::own(net::ProxyProtocol{target_.proxy_protocol});
        lives = co_await send(header.bytes());
    }
    if (lives && target_.tls != nullptr) {
        // In full each time: a session that is resumed proves nothing anew.
        net::tls::Session::Cause cause;
        const int refused =
            co_await target_.tls->secure(*stream_, target_.protocol, nullptr, deadline, cause);
        lives = refused == 0;
    }
    if (lives && target_.path) lives = co_await ask(deadline);
    stream_->close();
    stream_.reset();
    co_return lives;
}

io::Task<bool> HealthProbe::send(std::string_view bytes) {
    iovec piece = http::h1::piece_of(bytes);
    const int error = co_await stream_->send(&piece, 1, target_.timeout);
    co_return error == 0;
}

io::Task<bool> HealthProbe::ask(TimePoint deadline) {
    request_ = fmt::format(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: penstock-probe\r\nAccept: */*\r\n"
        "Connection: close\r\n\r\n",
        *target_.path, target_.host);
    if (target_.protocol != BackendProtocol::http1) co_return co_await ask_over_http_2(deadline);
    http::h1::H1Upstream backend(*stream_);
    co_return co_await judge(backend, deadline);
}

io::Task<bool> HealthProbe::ask_over_http_2(TimePoint deadline) {
    const http::h2::ClientLimits limits{.idle_limit = target_.timeout,
                                        .stall_limit = target_.timeout};
    http::h2::ClientSession session(*stream_, limits);
    bool lives = false;
    io::Task<void> running = session.run();
    io::Task<void> asking = ask_on(session, deadline, lives);
    co_await io::both(running, asking);
    co_return lives;
}

io::Task<void> HealthProbe::ask_on(http::h2::ClientSession& session, TimePoint deadline,
                                   bool& lives) {
    http::h2::ClientStream backend(session);
    lives = co_await judge(backend, deadline);
    backend.leave();
    session.retire();
}

io::Task<bool> HealthProbe::judge(http::Upstream& backend, TimePoint deadline) {
    const http::Outgoing request{.head = request_, .last = true};
    const int error = co_await backend.send(request, target_.timeout);
    if (error != 0) co_return false;
    http::ResponseHead response;
    for (int heads = 0; heads < most_interim; ++heads) {
        const http::ReadResult read =
            co_await backend.read_response(response, http::Method::get, deadline);
        if (!read.ok()) co_return false;
        if (!response.is_interim()) co_return response.status >= 200 && response.status < 400;
    }
    co_return false;
}

void HealthProbe::interrupt() noexcept {
    if (stream_) stream_->interrupt(ECANCELED);
}

}  // namespace penstock::control
