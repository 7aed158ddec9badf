// Admission: one request's place at its route's gate (SPEC section 4; snapshot/admission_gate.hpp).
//
// Part of an exchange, on its worker's thread; only the gate's answer comes from elsewhere, through
// the worker's mailbox. The exchange holds the Route for as long as there is a place. A route
// without a limit costs nothing: no atomics, no waiting.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "io/event.hpp"
#include "io/mailbox.hpp"
#include "io/task.hpp"
#include "io/timer_wheel.hpp"
#include "proxy/own_response.hpp"
#include "snapshot/admission_gate.hpp"
#include "snapshot/route.hpp"

namespace penstock::proxy {

class Admission final : snapshot::AdmissionGate::Waiter, io::Message, io::Timer {
  public:
    enum class Verdict : std::uint8_t {
        admitted,
        queue_full,
        timed_out,
        route_gone,
        no_backend,
        abandoned,
    };

    explicit Admission(io::Ring& ring) noexcept
        : Waiter(&Admission::on_answer),
          Message(&Admission::on_delivery),
          Timer(&Admission::on_timeout),
          ring_(ring),
          decided_(ring) {}
    /// Gives back what is left. Nobody waits any more.
    ~Admission();

    /// Once a request, without waiting: admitted, or refused, or empty where it has queued. Then
    /// wait_turn() must follow, whatever happens meanwhile.
    std::optional<Verdict> try_enter(const snapshot::Route& route) noexcept;

    /// Its turn, or why that will not come; after `queue_timeout` at the latest.
    io::Task<Verdict> wait_turn();

    /// The request is not to go on: its place in the queue is free at once, and wait_turn() ends
    /// with `verdict` in this loop turn. Where an answer of the gate is on its way already,
    /// wait_turn() ends when that has come, a moment later; a slot goes on to the next waiter.
    /// Without effect for one that does not wait.
    void give_up(Verdict verdict) noexcept;
    /// The client has left, or the exchange is being aborted.
    void abandon() noexcept { give_up(Verdict::abandoned); }

    bool is_waiting() const noexcept { return state_ == State::waiting; }

    /// Gives the slot back, or on to the next; does nothing where there is none.
    void release() noexcept;

  private:
    enum class State : std::uint8_t { outside, waiting, inside };

    static void on_answer(Waiter& waiter, snapshot::AdmissionGate::Answer answer) noexcept;
    static void on_delivery(Message& message);
    static void on_timeout(Timer& timer);
    void decide(State state, Verdict verdict) noexcept;

    io::Ring& ring_;
    io::Event decided_;
    snapshot::AdmissionGate* gate_ = nullptr;  // while waiting or inside
    std::chrono::milliseconds longest_wait_{};
    State state_ = State::outside;
    Verdict verdict_ = Verdict::admitted;
    std::optional<Verdict> given_up_;           // although an answer is on its way
    snapshot::AdmissionGate::Answer answer_{};  // written by the answering thread, then posted
};

/// What a client is told whose request was refused here.
OwnResponse response_to(Admission::Verdict refusal) noexcept;

}  // namespace penstock::proxy
