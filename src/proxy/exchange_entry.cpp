// Exchange's entry: who may pass, and whose turn it is, before any backend hears of the request.
#include <cerrno>

#include "io/ring.hpp"
#include "proxy/exchange.hpp"
#include "proxy/worker.hpp"
#include "snapshot/eligible.hpp"

namespace penstock::proxy {

/// Before anything else that costs: neither the queue nor a backend hears of who may not pass.
io::Task<bool> Exchange::pass_guard() {
    const GuardedClient client{identity_, is_secured() ? "https" : "http"};
    Guard guard(worker_, *route_, request_, client, *this);
    guard_ = &guard;
    const Verdict verdict = co_await guard.check();
    guard_ = nullptr;
    hook_ = verdict.hook;
    if (abort_error_ == ETIMEDOUT) {
        fail(response_to_route_timeout());
    } else if (!verdict.passes) {
        fail(verdict.answer);
    }
    co_return verdict.passes && !failure_ && !client_gone_ && abort_error_ == 0;
}

void Exchange::on_guard_waits() noexcept {
    client_.expect_input();
    worker_.tracker().queued_for_auth(*route_);
    if (client_.peer_finished()) client_left();
}

void Exchange::on_guard_goes_on() noexcept {
    worker_.tracker().dequeued_from_auth(*route_);
}

/// In the route's queue. Nothing more of the request is read, but its client's leaving is seen.
io::Task<bool> Exchange::wait_turn() {
    client_.expect_input();
    // Looked at only now that it waits: whoever makes the last backend die answers those who wait.
    if (!snapshot::takes_requests(*route_, worker_.ring().now()))
        admission_.give_up(Admission::Verdict::no_backend);
    if (client_.peer_finished()) client_left();
    const TimePoint began = worker_.ring().now();
    worker_.tracker().queued(*route_);
    const Admission::Verdict verdict = co_await admission_.wait_turn();
    worker_.tracker().dequeued(*route_);
    queued_for_ = worker_.ring().now() - began;
    if (abort_error_ == ETIMEDOUT) {
        fail(response_to_route_timeout());
    } else if (verdict != Admission::Verdict::admitted) {
        fail(response_to(verdict));
    }
    co_return verdict == Admission::Verdict::admitted && !failure_ && !client_gone_;
}

}  // namespace penstock::proxy
