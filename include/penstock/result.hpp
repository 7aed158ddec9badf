// Result: a value or an error, for everything that may fail at run time.
//
// std::expected is not in C++20; this is the small part of it that Penstock needs. A Result is as
// thread-safe as the T and E in it. Reading the wrong side aborts.
#pragma once

#include <cstdlib>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

namespace penstock {

/// What went wrong, in words a user can act on.
struct Error {
    std::string message;
};

/// Marks a value as the error side of a Result: `return Failure{Error{"..."}};`.
template <class E>
struct Failure {
    E error;
};
template <class E>
Failure(E) -> Failure<E>;

template <class T, class E = Error>
class [[nodiscard]] Result {
  public:
    using value_type = T;
    using error_type = E;

    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    template <class F>
    requires std::is_constructible_v<E, F> Result(Failure<F> failure)
        : state_(std::in_place_index<1>, std::move(failure.error)) {}

    bool has_value() const noexcept { return state_.index() == 0; }
    explicit operator bool() const noexcept { return has_value(); }

    T& value() & { return *checked(std::get_if<0>(&state_)); }
    const T& value() const& { return *checked(std::get_if<0>(&state_)); }
    T&& value() && { return std::move(*checked(std::get_if<0>(&state_))); }
    E& error() & { return *checked(std::get_if<1>(&state_)); }
    const E& error() const& { return *checked(std::get_if<1>(&state_)); }

    T& operator*() & { return value(); }
    const T& operator*() const& { return value(); }
    T* operator->() { return &value(); }
    const T* operator->() const { return &value(); }

  private:
    template <class P>
    static P checked(P side) {
        if (side == nullptr) std::abort();
        return side;
    }

    std::variant<T, E> state_;
};

/// A Result that carries no value.
template <class E>
class [[nodiscard]] Result<void, E> {
  public:
    using value_type = void;
    using error_type = E;

    Result() = default;
    template <class F>
    requires std::is_constructible_v<E, F> Result(Failure<F> failure)
        : state_(std::in_place_index<1>, std::move(failure.error)) {}

    bool has_value() const noexcept { return state_.index() == 0; }
    explicit operator bool() const noexcept { return has_value(); }
    E& error() {
        if (has_value()) std::abort();
        return *std::get_if<1>(&state_);
    }
    const E& error() const {
        if (has_value()) std::abort();
        return *std::get_if<1>(&state_);
    }

  private:
    std::variant<std::monostate, E> state_;
};

}  // namespace penstock
