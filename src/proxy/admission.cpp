#include "proxy/admission.hpp"

#include <utility>

#include "base/assert.hpp"
#include "io/ring.hpp"

namespace penstock::proxy {

using snapshot::AdmissionGate;

Admission::~Admission() {
    PENSTOCK_ASSERT(state_ != State::waiting);
    release();
}

std::optional<Admission::Verdict> Admission::try_enter(const snapshot::Route& route) noexcept {
    PENSTOCK_ASSERT(state_ == State::outside);
    if (!route.is_gated) return Verdict::admitted;
    AdmissionGate& gate = route.live->gate;
    switch (gate.enter(*this)) {
        case AdmissionGate::Entry::granted:
            gate_ = &gate;
            state_ = State::inside;
            return Verdict::admitted;
        case AdmissionGate::Entry::queued:
            gate_ = &gate;
            state_ = State::waiting;
            longest_wait_ = route.queue_timeout;
            return std::nullopt;
        case AdmissionGate::Entry::full:
            return Verdict::queue_full;
        case AdmissionGate::Entry::closed:
            break;
    }
    return Verdict::route_gone;
}

io::Task<Admission::Verdict> Admission::wait_turn() {
    if (state_ == State::waiting) ring_.timers().arm(*this, ring_.now() + longest_wait_);
    co_await decided_.wait();
    ring_.timers().disarm(*this);
    co_return verdict_;
}

void Admission::give_up(Verdict verdict) noexcept {
    if (state_ != State::waiting) return;
    if (gate_->cancel(*this))
        decide(State::outside, verdict);
    else if (!given_up_)
        given_up_ = verdict;
}

void Admission::release() noexcept {
    if (state_ != State::inside) return;
    state_ = State::outside;
    std::exchange(gate_, nullptr)->leave();
}

void Admission::decide(State state, Verdict verdict) noexcept {
    state_ = state;
    verdict_ = verdict;
    if (state == State::outside) gate_ = nullptr;
    decided_.set();
}

/// On the thread that gives the answer. Once it is posted, this may be gone.
void Admission::on_answer(Waiter& waiter, AdmissionGate::Answer answer) noexcept {
    auto& self = static_cast<Admission&>(waiter);
    self.answer_ = answer;
    self.ring_.mailbox().post(self);
}

void Admission::on_delivery(Message& message) {
    auto& self = static_cast<Admission&>(message);
    PENSTOCK_ASSERT(self.state_ == State::waiting);
    switch (self.answer_) {
        case AdmissionGate::Answer::granted:
            if (!self.given_up_) return self.decide(State::inside, Verdict::admitted);
            self.gate_->leave();
            return self.decide(State::outside, *self.given_up_);
        case AdmissionGate::Answer::route_gone:
            return self.decide(State::outside, self.given_up_.value_or(Verdict::route_gone));
        case AdmissionGate::Answer::no_backend:
            return self.decide(State::outside, self.given_up_.value_or(Verdict::no_backend));
    }
}

void Admission::on_timeout(Timer& timer) {
    auto& self = static_cast<Admission&>(timer);
    // An answer that is on its way has come in time.
    if (self.is_waiting() && self.gate_->cancel(self)) {
        self.decide(State::outside, Verdict::timed_out);
    }
}

OwnResponse response_to(Admission::Verdict refusal) noexcept {
    using http::Status;
    switch (refusal) {
        case Admission::Verdict::queue_full:
            return {Status::service_unavailable, "connection_limit_reached",
                    "too many requests wait for this route", "Retry-After: 10\r\n"};
        case Admission::Verdict::timed_out:
            return {Status::service_unavailable,
                    "connection_limit_reached",
                    "the request has waited for too long",
                    {}};
        case Admission::Verdict::route_gone:
            return {Status::service_unavailable,
                    "destination_unavailable",
                    "the route has been removed",
                    {}};
        default:
            return {Status::service_unavailable,
                    "destination_unavailable",
                    "the route has no backend that takes requests",
                    {}};
    }
}

}  // namespace penstock::proxy
