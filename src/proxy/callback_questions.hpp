// CallbackQuestions: a worker's side of auth providers that are the embedding program itself.
//
// Of one worker, on its thread; a question goes to an auth thread, and its answer comes from any
// thread, whenever it likes. What answers holds no part of the worker but a post box that is closed
// when the worker ends.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>

#include <penstock/auth_callback.hpp>

#include "io/ring.hpp"
#include "io/task.hpp"
#include "proxy/auth_threads.hpp"
#include "proxy/guard.hpp"

namespace penstock::proxy {

class CallbackQuestions {
  public:
    enum class Outcome : std::uint8_t {
        allowed,
        refused,
        forbidden,
        failed,
        overloaded,
        abandoned
    };

    /// `threads`: null, and every question is overloaded.
    CallbackQuestions(io::Ring& ring, AuthThreads* threads);
    CallbackQuestions(const CallbackQuestions&) = delete;
    CallbackQuestions& operator=(const CallbackQuestions&) = delete;
    /// Nobody waits any more; answers that come later go nowhere.
    ~CallbackQuestions();

    /// The guard's provider is a callback. Takes the request over.
    io::Task<Outcome> ask(AuthRequest& request, Guard& guard);

  private:
    class Waiter;
    class Question;
    class Call;

    /// What other threads know of this worker.
    struct PostBox {
        std::mutex lock;
        CallbackQuestions* owner = nullptr;  // null: it has ended
    };

    void answered(std::uint64_t number, AuthAnswer answer) noexcept;

    io::Ring& ring_;
    AuthThreads* threads_;
    std::shared_ptr<PostBox> box_ = std::make_shared<PostBox>();
    std::unordered_map<std::uint64_t, Waiter*> waiting_;  // by number
    std::uint64_t last_number_ = 0;
};

}  // namespace penstock::proxy
